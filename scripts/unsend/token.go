package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/deployment"
	"unsend/shared/chat"
)

func (a *app) tokenCommand() *cobra.Command {
	var grant deployment.Grant
	kind := clientType{}
	command := &cobra.Command{
		Use:     "token ACCOUNT",
		GroupID: trying,
		Short:   "Make a token that a client connects with",
		Long: `Make a token for the account, signed with the deployment's secret, and print it.

Whoever has it can do what the account may do until it expires. In production your own back end makes
tokens at login; a deployment that checks them with a JWKS URL has no secret to sign with here.

A client passes it as "Authorization: Bearer TOKEN", or, from a browser, as the WebSocket
sub-protocols "bearer" and TOKEN.`,
		Example: "  unsend token alice\n  unsend token alice --device phone --client-type ios --ttl 10m",
		Args:    exactly(1, "token needs one account: unsend token alice"),
		RunE: func(command *cobra.Command, args []string) error {
			d, err := a.find(command.Context())
			if err != nil {
				return err
			}
			grant.Account, grant.ClientType = args[0], kind.ClientType
			made, err := d.Token(command.Context(), grant)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, made)
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&grant.Device, "device", "", "bind the token to this `device`")
	flags.DurationVar(&grant.TTL, "ttl", time.Hour, "how long it is good for")
	flags.Var(&kind, "client-type", strings.Join(clientTypeNames(), ", "))
	return command
}

// defaultClientType is what this tool connects as.
const defaultClientType = chat.PC

// exactly wants n arguments, and says so in the command's own words.
func exactly(n int, otherwise string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("%s", otherwise)
		}
		return nil
	}
}
