package main

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"

	"unsend/scripts/benchmark/costs"
	"unsend/scripts/benchmark/operations"
	"unsend/scripts/local/stack"
	"unsend/shared/dynamo/dynamotest"
)

// costsFlags are what somebody may want to know.
type costsFlags struct {
	docs, recount, endpoint, stack string
}

func (a *app) costsCommand() *cobra.Command {
	var f costsFlags
	command := &cobra.Command{
		Use:   "costs",
		Short: "Dollars for a million of each operation, and for three teams",
		Long: `Compute dollars: from counts (scripts/benchmark/costs/counts.json), from how messages are told, which is played as in
scripts/bench fanout, from the assumptions in assumptions.yaml beside them, and from the list prices in
scripts/benchmark/prices/prices.yaml. Change the teams or the prices, and call it again.

A change of what an operation reads or writes fails the test of the counts: --recount writes them anew, over an
endpoint as scripts/bench operations needs it. Compile again then, which scripts/bench does.`,
		Example: `  scripts/bench costs
  scripts/bench costs --recount scripts/benchmark/costs/counts.json && scripts/bench costs --docs docs`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.costs(f) },
	}
	flags := command.Flags()
	flags.StringVar(&f.docs, "docs", "", "write the page costs.md into this `folder`")
	flags.StringVar(&f.recount, "recount", "", "count again, and write this `file` instead of the page")
	flags.StringVar(&f.endpoint, "endpoint", "", "`URL` of a DynamoDB endpoint, instead of --stack")
	flags.StringVar(&f.stack, "stack", stack.File, "`file` that describes the local stack, as scripts/dev writes it")
	return command
}

func (a *app) costs(f costsFlags) error {
	if f.recount != "" {
		return a.recount(f)
	}
	page, err := costs.Page(a.bubble)
	if err != nil {
		return err
	}
	if f.docs != "" {
		return writeFile(filepath.Join(f.docs, "costs.md"), page)
	}
	_, err = io.WriteString(a.out, page)
	return err
}

func (a *app) recount(f costsFlags) error {
	endpoint, err := operationsFlags{endpoint: f.endpoint, stack: f.stack}.find()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), benchmarkTimeout)
	defer cancel()
	client := func(options ...func(*dynamodb.Options)) *dynamodb.Client {
		return dynamotest.ClientOf(endpoint, options...)
	}
	scenes, err := operations.Run(ctx, client, operations.Options{Histories: []int{costs.History}, Members: []int{costs.Members}, Bubble: a.bubble, Tell: a.telling()})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(scenes[0], "", "  ")
	if err != nil {
		return err
	}
	return writeFile(f.recount, string(text)+"\n")
}
