package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
)

func (a *app) auditCommand() *cobra.Command {
	var o options
	var from, until string
	command := o.lists(&cobra.Command{
		Use: "audit SERVER", GroupID: messages, Short: "Show who did what in a server, and when",
		Long: `Show who took which message back, and who changed what of the community, the oldest first. What messages said is not in it.

The door is websocket for an account's device, api for the Server API, seed for unsend seed. Where no account is
named, the back end itself did it, and who signed the request is shown.`,
		Example: "  unsend audit harbour --from 24h\n  unsend audit harbour --from 2026-01-01 --until 2026-02-01 --limit 0 --json", Args: usage,
		RunE: a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
			first, _, err := flagTime("from", from)
			if err != nil {
				return err
			}
			end, _, err := flagTime("until", until)
			if err != nil {
				return err
			}
			if end > 0 && first >= end {
				return errors.New("--from must be before --until")
			}
			return actsListing(args[0]).print(ctx, a, &o, c.Audit(args[0], first, end))
		}),
	})
	flags := command.Flags()
	flags.StringVar(&from, "from", "", "what was done at this `time` or later: 24h (so long ago), 2026-01-31, RFC 3339, or ms")
	flags.StringVar(&until, "until", "", "what was done before this `time`")
	return command
}

func actsListing(server string) listing[serverapi.Act] {
	return listing[serverapi.Act]{
		columns: []string{"when", "who", "door", "what", "of", "why"},
		row: func(act serverapi.Act) []string {
			what, of, why := actTexts(act)
			return []string{at(act.At), doer(act), act.Door, what, of, why}
		},
		none: "nothing is in the audit of " + server + " for that time",
	}
}

// doer is the account, else the last part of who signed.
func doer(act serverapi.Act) string {
	if act.Operator != "" {
		return act.Operator
	}
	return act.Principal[strings.LastIndexAny(act.Principal, ":/")+1:]
}

func actTexts(act serverapi.Act) (what, of, why string) {
	if act.Kind == "revoke" {
		return "revoke", fmt.Sprintf("%s in %s, %s", act.Author, act.ChannelID, refText(act.Ref)), act.Reason
	}
	var parts []string
	for _, part := range []struct{ name, id string }{{"channel", act.ChannelID}, {"role", act.RoleID}, {"account", act.Accid}} {
		if part.id != "" {
			parts = append(parts, part.name+" "+part.id)
		}
	}
	return act.Action, strings.Join(parts, ", "), strings.Join(act.Changes, "; ")
}
