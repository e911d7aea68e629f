package main

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/talk"
)

// heartbeat is below the 10 minutes after which an API Gateway takes a connection for idle, and
// notices a dead one soon enough for a conversation.
const heartbeat = time.Minute

// chatTTL outlives every connection: an API Gateway ends one after two hours.
const chatTTL = 3 * time.Hour

func (a *app) chatCommand() *cobra.Command {
	var account, device, server, channel string
	var lines bool
	kind := clientType{defaultClientType}
	command := &cobra.Command{
		Use:     "chat --as ACCOUNT --server SERVER --channel CHANNEL",
		GroupID: trying,
		Short:   "Chat in a channel",
		Long: `Chat in a channel, in this terminal. What is taken back changes in place, for everybody.

` + talk.Help + `

Several chats of one account are several devices: give each a --device of its own, or none. A second one with
the same --device takes the place of the first.

Without a terminal, or with --lines, what happens is printed line by line and commands are
read from the input, which ends the chat when it ends:

  echo hello | unsend chat --as alice --server harbour --channel general`,
		Example: "  unsend chat --as alice --server harbour --channel general\n  unsend chat --as bob --device desk --server harbour --channel general",
		Args:    exactly(0, "chat takes flags only: unsend chat --as alice --server harbour --channel general"),
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			d, err := a.find(ctx)
			if err != nil {
				return err
			}
			grant := deployment.Grant{Account: account, Device: device, ClientType: kind.ClientType, TTL: d.LongestTTL(chatTTL)}
			client, err := d.Dial(ctx, unsend.Options{PingEvery: heartbeat}, grant)
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }() // its end was shown, or is wanted
			o := talk.Options{
				Client: client, Account: account, Server: server, Channel: channel,
				Now: time.Now, Zone: time.Local, NewID: rand.Text, Colour: colour(a.out),
				Width: width(a.out),
			}
			if lines || !isTerminal(a.in) || !isTerminal(a.out) {
				return ended(client, talk.Lines(ctx, o, a.in, a.out))
			}
			return ended(client, talk.Screen(ctx, o, a.in, a.out))
		},
	}
	flags := command.Flags()
	flags.StringVar(&account, "as", "", "the `account` to chat as")
	flags.StringVar(&device, "device", "", "name of this `device`; none makes the connection a device of its own")
	flags.StringVar(&server, "server", "", "`id` of the server")
	flags.StringVar(&channel, "channel", "", "`id` of the channel")
	flags.Var(&kind, "client-type", strings.Join(clientTypeNames(), ", "))
	flags.BoolVar(&lines, "lines", false, "print line by line, on a terminal too")
	for _, name := range []string{"as", "server", "channel"} {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(fmt.Sprintf("flag %s: %v", name, err)) // a slip in the lines above
		}
	}
	return command
}

// ended says what to do when it was the connection that ended.
func ended(client *unsend.Client, err error) error {
	if err != nil && client.Err() != nil {
		return fmt.Errorf("%w; run the command again, history has what was missed", err)
	}
	return err
}
