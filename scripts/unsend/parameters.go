package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

func (a *app) parametersCommand() *cobra.Command {
	var o options
	command := &cobra.Command{
		Use: "parameters", GroupID: operating, Short: "Show what a deployment was given",
		Long: `Show the parameters of a deployment: what scripts/deploy gave it, wherever that ran, and template.yaml's
defaults. template.yaml describes them. No secret is among them.

It needs cloudformation:DescribeStacks.`,
		Example: "  unsend parameters\n  unsend parameters --stack-name unsend --json",
		Args:    exactly(0, "parameters takes no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			d, err := a.find(command.Context())
			if err != nil {
				return err
			}
			given, err := d.Parameters(command.Context())
			if err != nil {
				return err
			}
			var fields []field
			for _, name := range slices.Sorted(maps.Keys(given)) {
				fields = append(fields, field{name, orNone(given[name])})
			}
			return a.shown(&o, given, fields...)
		},
	}
	command.Flags().BoolVar(&o.json, "json", false, "print JSON: a value for each name")
	return command
}
