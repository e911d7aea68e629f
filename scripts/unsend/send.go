package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

// sendOptions are the flags of send.
type sendOptions struct {
	options
	draft   serverapi.Draft
	replyTo string
}

func (a *app) sendCommand() *cobra.Command {
	var o sendOptions
	command := o.writes(&cobra.Command{
		Use: "send SERVER CHANNEL TEXT --as ACCOUNT", GroupID: messages, Short: "Send a message as an account",
		Long: `Send a message, as one of the accounts of your app: a notice of a bot, or a text of the moderators. With - as the TEXT
it is read from the input.

It prints TIMESTAMP/ID, which unsend revoke takes. Sent again with the same --id within 24 hours it is the same
message, so that a script may repeat it. The account must be a member; only --acting-as binds it by its permissions.`,
		Example: "  unsend send harbour general 'the crane is out of order' --as olga\n  unsend send harbour general - --as olga --id notice-17", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error { return a.send(ctx, c, &o, args) }),
	})
	flags := command.Flags()
	flags.StringVar(&o.draft.From, "as", "", "the `account` that sends it")
	flags.StringVar(&o.draft.MsgID, "id", "", "your `id` of the message (default: a new one)")
	flags.StringVar(&o.replyTo, "reply-to", "", "the `message` that it answers, as TIMESTAMP/ID")
	flags.BoolVar(&o.draft.MentionAll, "mention-all", false, "mention everybody")
	flags.StringSliceVar(&o.draft.MentionAccids, "mention", nil, "mention this `account`; again for more")
	flags.StringSliceVar(&o.draft.MentionRoleIDs, "mention-role", nil, "mention this `role`; again for more")
	required(command, "as")
	return command
}

// maxText is more than a message may have; the service says how much that is.
const maxText = 64 << 10

func (a *app) send(ctx context.Context, c *serverapi.Client, o *sendOptions, args []string) error {
	draft := o.draft
	if draft.MsgBody = args[2]; draft.MsgBody == "-" {
		text, err := io.ReadAll(io.LimitReader(a.input(ctx), maxText))
		if err != nil {
			return fmt.Errorf("read the text: %w", err)
		}
		draft.MsgBody = strings.TrimSuffix(string(text), "\n")
	}
	if draft.MsgID == "" {
		draft.MsgID = rand.Text()
	}
	if o.replyTo != "" {
		ref, err := parseRef(o.replyTo)
		if err != nil {
			return fmt.Errorf("--reply-to: %w", err)
		}
		draft.ReplyTo = &ref
	}
	m, err := c.Send(ctx, o.bound(), args[0], args[1], draft)
	if err != nil {
		if !isRefusal(err) { // it may have been sent
			err = fmt.Errorf("%w (repeat it with --id %s: it is then sent once only)", err, draft.MsgID)
		}
		return err
	}
	return a.said(&o.options, m, "%s", refText(m.Ref))
}

// isRefusal tells a refusal from an error that leaves open what was done.
func isRefusal(err error) bool {
	p, ok := errors.AsType[*serverapi.Problem](err)
	return ok && p.Status < 500
}
