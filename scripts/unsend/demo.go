package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/demo"
	"unsend/scripts/unsend/deployment"
	"unsend/shared/chat"
)

func (a *app) demoCommand() *cobra.Command {
	var patience, grace time.Duration
	command := &cobra.Command{
		Use:     "demo",
		GroupID: trying,
		Short:   "Play the whole sequence of a revoke, and check who is told what",
		Long: `Play the sequence of a revoke on the deployment, with the time of each step: alice's phone sends, bob, a
moderator, takes the message back, and alice's devices are told while bob's own is not. Then what must
not work is tried: a member without the permission, a window that has passed, a banned account, a
private channel.

It ends with exit code 1 when anybody is told what they should not be, or is not told what they should.

It plays in the sample community: unsend seed scripts/unsend/sample.yaml`,
		Example: "  unsend demo\n  unsend demo --stack-name unsend",
		Args:    exactly(0, "demo takes no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			d, err := a.find(command.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "demo on %s, %s\n", d.Name, d.WebSocketURL)
			return demo.Run(command.Context(), demo.Options{
				Dial: dialer(d), Row: d.Row, Now: time.Now, Run: strings.ToLower(rand.Text()[:8]),
				Out: a.out, Colour: colour(a.out), Patience: patience, Grace: grace,
			})
		},
	}
	command.Flags().DurationVar(&patience, "patience", 10*time.Second, "how long a step may take")
	command.Flags().DurationVar(&grace, "grace", 300*time.Millisecond, "how long is listened, at the end, for what should not be heard")
	return command
}

// dialer connects with a token of ten minutes: the demo is over long before.
func dialer(d *deployment.Deployment) func(context.Context, string, string, int) (*unsend.Client, error) {
	return func(ctx context.Context, account, device string, kind int) (*unsend.Client, error) {
		return d.Dial(ctx, unsend.Options{}, deployment.Grant{Account: account, Device: device, ClientType: chat.ClientType(kind), TTL: 10 * time.Minute})
	}
}
