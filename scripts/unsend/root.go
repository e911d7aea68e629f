package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"unsend/scripts/local/stack"
	"unsend/scripts/unsend/deployment"
	"unsend/shared/chat"
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is what the commands share.
type app struct {
	streams
	choice deployment.Choice
	slow   sync.Once // tells once that the Server API is
}

// The groups of commands in unsend --help.
const (
	communities = "communities"
	messages    = "messages"
	trying      = "trying"
	operating   = "operating"
)

func newRoot(s streams) *cobra.Command {
	a := &app{streams: s}
	root := &cobra.Command{
		Use:   "unsend",
		Short: "Work with an Unsend deployment",
		Long: `Work with an Unsend deployment: the local one that scripts/dev started, or one in
your AWS account (--stack-name).

Make a community, ban somebody, and take back what they wrote:

  unsend server create regatta --owner olga
  unsend channel create regatta general
  unsend member add regatta alice bob mallory
  unsend ban add regatta mallory
  unsend sweep regatta mallory --since 2h --operator olga --reason spam --wait

Where a command writes, --acting-as binds it by an account's permissions. With --json
the output is for programs. Every command has examples: unsend COMMAND --help.`,
		Example:      "  unsend demo\n  unsend server show harbour",
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.choice.File, "stack", stack.File, "`file` that describes the stack, as scripts/dev writes it")
	flags.StringVar(&a.choice.Name, "stack-name", "", "`name` of a CloudFormation stack in your AWS account, instead of --stack")
	flags.StringVar(&a.choice.Region, "region", "", "AWS `region` of --stack-name (default: the one of your configuration)")
	root.MarkFlagsMutuallyExclusive("stack", "stack-name")
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, command.CommandPath())
	})
	root.AddGroup(&cobra.Group{ID: communities, Title: "Communities:"}, &cobra.Group{ID: messages, Title: "Messages:"},
		&cobra.Group{ID: trying, Title: "Trying it out:"}, &cobra.Group{ID: operating, Title: "Operating a deployment:"})
	root.AddCommand(a.serverCommand(), a.channelCommand(), a.roleCommand(), a.memberCommand(), a.listCommand(), a.banCommand(),
		a.windowCommand(), a.permissionsCommand(), a.accountCommand(),
		a.sendCommand(), a.revokeCommand(), a.sweepCommand(), a.jobCommand(), a.auditCommand(),
		a.demoCommand(), a.chatCommand(), a.tokenCommand(), a.seedCommand(), a.smokeCommand(), a.parametersCommand(), a.redriveCommand(), a.restoreCommand())
	return root
}

func (a *app) find(ctx context.Context) (*deployment.Deployment, error) {
	return deployment.Find(ctx, a.choice)
}

// colour tells whether a stream is a terminal that wants colours.
func colour(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width tells how wide a terminal is; nil for what is none.
func width(w io.Writer) func() int {
	if !isTerminal(w) {
		return nil
	}
	return func() int {
		columns, _, err := term.GetSize(int(w.(*os.File).Fd()))
		if err != nil {
			return 80 // it has gone; nobody sees the difference
		}
		return columns
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

var clientTypes = map[string]chat.ClientType{
	"android": chat.Android, "ios": chat.IOS, "pc": chat.PC, "wp": chat.WindowsPhone,
	"web": chat.Web, "rest": chat.REST, "macos": chat.MacOS,
}

// clientType is a flag's value.
type clientType struct{ chat.ClientType }

// String is the flag's text; empty for none.
func (c *clientType) String() string {
	for name, known := range clientTypes {
		if known == c.ClientType {
			return name
		}
	}
	return ""
}

// Set takes a name.
func (c *clientType) Set(name string) error {
	known, ok := clientTypes[strings.ToLower(name)]
	if !ok {
		return fmt.Errorf("known are %s", strings.Join(clientTypeNames(), ", "))
	}
	c.ClientType = known
	return nil
}

// Type is what help shows in the value's place.
func (c *clientType) Type() string { return "type" }

func clientTypeNames() []string {
	var names []string
	for name := range clientTypes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
