package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/talk"
)

// heartbeat is below the 10 minutes after which an API Gateway takes a connection for idle, and
// notices a dead one soon enough for a conversation.
const heartbeat = time.Minute

// chatTTL outlives every connection: an API Gateway ends one after two hours, and the next one brings a new token.
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

When the connection ends it is made again, and what was missed is caught up with.

Several chats of one account are several devices: give each a --device of its own, or none. Two with the same --device
take each other's place again and again.

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
			session, err := d.Session(unsend.SessionOptions{PingEvery: heartbeat, Servers: []string{server}}, grant)
			if err != nil {
				return err
			}
			o := talk.Options{
				Session: session, Account: account, Server: server, Channel: channel,
				Now: time.Now, Zone: time.Local, NewID: rand.Text, Colour: colour(a.out),
				Width: width(a.out),
			}
			return a.talk(ctx, session, o, lines || !isTerminal(a.in) || !isTerminal(a.out))
		},
	}
	flags := command.Flags()
	flags.StringVar(&account, "as", "", "the `account` to chat as")
	flags.StringVar(&device, "device", "", "name of this `device`; none makes this chat a device of its own")
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

// talk has the session run for as long as the conversation lasts.
func (a *app) talk(ctx context.Context, session *unsend.Session, o talk.Options, lines bool) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer session.Close()
	running.Go(func() { _ = session.Run(ctx) }) // that ctx ended is no error here
	if lines {
		return talk.Lines(ctx, o, a.in, a.out)
	}
	return talk.Screen(ctx, o, a.in, a.out)
}
