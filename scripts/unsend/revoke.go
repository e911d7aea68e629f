package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"unsend/scripts/unsend/serverapi"
	"unsend/shared/chat"
)

// byline is who is shown as the one who takes back, and why.
type byline struct{ operator, reason string }

func (b *byline) add(command *cobra.Command) {
	command.Flags().StringVar(&b.operator, "operator", "", "the `account` that is shown as who took it back")
	command.Flags().StringVar(&b.reason, "reason", "", "`why`, for everybody who sees the channel, and for the audit")
}

// check wants one of the two: who acts as an account is shown as that account.
func (b *byline) check(o *options) error {
	if (b.operator == "") == (o.actingAs == "") {
		return errors.New("who takes it back? Give --operator ACCOUNT, or --acting-as ACCOUNT to bind it by that account's permissions, but not both")
	}
	return nil
}

func (b *byline) info() serverapi.UpdateInfo { return serverapi.UpdateInfo{Postscript: b.reason} }

func (a *app) revokeCommand() *cobra.Command {
	var o options
	var by byline
	command := o.writes(&cobra.Command{
		Use: "revoke SERVER CHANNEL [MESSAGE...]", GroupID: messages, Short: "Take messages back",
		Long: `Take messages of a channel back, as many as you like: their content is erased, and every device that sees the channel
is told. It cannot be undone.

A MESSAGE is TIMESTAMP/ID, as unsend send prints it and the audit shows it, or ID@TIMESTAMP, or a line of JSON with
timestamp and msg_server_id. Without one, or with -, they are read from the input, one on a line.

With --operator a message of any age is taken back, and that account is shown as who did it. With --acting-as it is that
account, and its permissions and windows bind. What was taken back before stays as it is, and counts as done.

All that of one account: unsend sweep.`,
		Example: `  unsend revoke harbour general 1767225600123/01KDVDNQ3VC6X8J3QW2Z1N5R7T --operator olga --reason spam
  unsend revoke harbour general 01KDVDNQ3VC6X8J3QW2Z1N5R7T@1767225600123 --acting-as bob
  unsend revoke harbour general --operator olga < messages.txt`, Args: usage,
		RunE: func(command *cobra.Command, args []string) error {
			if err := by.check(&o); err != nil {
				return err
			}
			refs, err := a.refs(command.Context(), args[2:])
			if err != nil {
				return err
			}
			return a.calling(func(ctx context.Context, c *serverapi.Client, args []string) error {
				results := a.results(&o)
				r := serverapi.Revocation{Operator: by.operator, Messages: refs, UpdateInfo: by.info()}
				return results.end(c.Revoke(ctx, o.bound(), args[0], args[1], r, results.addRevoked))
			})(command, args)
		},
	})
	by.add(command)
	return command
}

func refText(r serverapi.Ref) string { return strconv.FormatInt(r.Timestamp, 10) + "/" + r.MsgServerID }

var errRef = errors.New("is no message: give TIMESTAMP/ID, ID@TIMESTAMP, or JSON with timestamp and msg_server_id")

// parseRef reads what names a message. The timestamp is the service's own, in ms.
func parseRef(text string) (ref serverapi.Ref, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		if json.Unmarshal([]byte(text), &ref) != nil { // whose error could quote a message's text
			return ref, fmt.Errorf("a line of JSON %w", errRef)
		}
	} else if ref, err = splitRef(text); err != nil {
		return ref, err
	}
	if ref.Timestamp <= 0 || chat.CheckID("msg_server_id", ref.MsgServerID) != nil {
		return ref, fmt.Errorf("%.80q %w", refText(ref), errRef)
	}
	return ref, nil
}

func splitRef(text string) (serverapi.Ref, error) {
	timestamp, id, found := strings.Cut(text, "/")
	if !found {
		if id, timestamp, found = strings.Cut(text, "@"); !found {
			return serverapi.Ref{}, fmt.Errorf("%.80q %w", text, errRef)
		}
	}
	ms, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return serverapi.Ref{}, fmt.Errorf("%.80q %w", text, errRef)
	}
	return serverapi.Ref{Timestamp: ms, MsgServerID: id}, nil
}

// refs are the messages of the arguments, or of the input; each once.
func (a *app) refs(ctx context.Context, args []string) ([]serverapi.Ref, error) {
	lines := asLines(args)
	if len(args) == 0 || slices.Equal(args, []string{"-"}) {
		if isTerminal(a.in) {
			fmt.Fprintln(a.err, "Messages to take back, one on a line; Ctrl-D ends:")
		}
		var err error
		if lines, err = a.lines(ctx, "-"); err != nil {
			return nil, err
		}
	}
	seen := map[serverapi.Ref]bool{}
	var refs []serverapi.Ref
	for _, line := range lines {
		ref, err := parseRef(line.text)
		if err != nil {
			return nil, fmt.Errorf("%w; nothing was taken back", line.wrong(err))
		}
		if !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		return nil, errors.New("no message was named: give TIMESTAMP/ID, or one on each line of the input")
	}
	return refs, nil
}

// addRevoked takes what became of one message.
func (r *results) addRevoked(result serverapi.Revoked) {
	if result.ResCode == int(chat.OK) {
		r.add(result, true, refText(result.Ref), "taken back")
		return
	}
	r.add(result, false, refText(result.Ref), fmt.Sprintf("%s (%d)", cmp.Or(result.Reason, "not taken back"), result.ResCode))
}
