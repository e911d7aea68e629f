package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"unsend/shared/chat"
)

// usage checks arguments by a command's Use: NAME is needed, [NAME] may be left out, NAME... is one or more, and
// one|other is one of these. What names something is checked as the service would.
func usage(command *cobra.Command, args []string) error {
	words := argumentWords(command.Use)
	rest := args
	for _, word := range words {
		optional, many := strings.HasPrefix(word, "["), strings.HasSuffix(strings.TrimSuffix(word, "]"), "...")
		name := strings.TrimSuffix(strings.Trim(word, "[]"), "...")
		if len(rest) == 0 {
			if optional {
				continue
			}
			return explained(command, name+" is missing")
		}
		n := 1
		if many {
			n = len(rest)
		}
		for _, value := range rest[:n] {
			if err := checkArgument(name, value); err != nil {
				return explained(command, err.Error())
			}
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return explained(command, fmt.Sprintf("%q is one argument too many", rest[0]))
	}
	return nil
}

// argumentWords are the arguments in a Use, without the command's name and flags.
func argumentWords(use string) (words []string) {
	for _, word := range strings.Fields(use)[1:] {
		if strings.Contains(word, "-") {
			break
		}
		words = append(words, word)
	}
	return words
}

// ids are the arguments that are ids of the service.
var ids = []string{"SERVER", "CHANNEL", "ACCOUNT", "CONNECTION", "JOB"}

func checkArgument(name, value string) error {
	switch {
	case strings.Contains(name, "|"):
		if !slices.Contains(strings.Split(name, "|"), value) {
			return fmt.Errorf("%q is none of %s", value, strings.ReplaceAll(name, "|", ", "))
		}
	case name == "ROLE":
		return asArgument(name, chat.CheckRoleID(name, value))
	case slices.Contains(ids, name):
		return asArgument(name, chat.CheckID(name, value))
	}
	return nil
}

func asArgument(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s", name, chat.AsError(err).Reason)
	}
	return nil
}

// explained says how the command is used.
func explained(command *cobra.Command, problem string) error {
	example, _, _ := strings.Cut(strings.TrimSpace(command.Example), "\n")
	return fmt.Errorf("%s\n\nUsage:    %s\nExample:  %s\nSee %s --help", problem, command.UseLine(), example, command.CommandPath())
}

// group makes a command that only has others.
func group(id, use, short, long, example string, commands ...*cobra.Command) *cobra.Command {
	command := &cobra.Command{
		Use: use, GroupID: id, Short: short, Long: long, Example: example,
		// Without this an unknown one would be answered with help, and success.
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q for %q (see %s --help)", args[0], command.CommandPath(), command.CommandPath())
			}
			return command.Help()
		},
	}
	command.AddCommand(commands...)
	return command
}
