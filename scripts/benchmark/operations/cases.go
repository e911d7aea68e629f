package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

// operation is one of those that are measured.
type operation struct {
	name string
	// rows is how many messages an invocation is prepared with: heavy ones are timed less often.
	rows int
	// prepare makes what one invocation needs, which is neither counted nor timed.
	prepare func(context.Context, *world) (invocation, error)
}

// invocation does it once, and then says whether the answer is what it should be.
type invocation struct {
	do    func(context.Context) (answer string, err error)
	check func(answer string) error
}

// cases are all operations. Sync comes first: what the others take back would be on its page.
var cases = []operation{
	{"sync page", 0, syncing},
	{"send", 0, sending},
	{"revoke, own", 1, revoking(author, chat.OK)},
	{"revoke, moderator", 1, revoking(moderator, chat.OK)},
	{"revoke, refused", 1, revoking(plain, chat.Forbidden)},
	{"revokeBatch of 1", 1, revokingBatch(1)},
	{"revokeBatch of 16", 16, revokingBatch(16)},
	{"revokeBatch of 100", 100, revokingBatch(100)},
	{"history of 50", 0, reading},
	{"ping", 0, pinging},
	{"connect", 0, connecting},
	{"disconnect", 0, disconnecting},
	{"put member", 0, puttingMember},
	{"permissions", 0, askingPermissions},
	{"notify", 1, notifying},
	{"record a message", 1, recordingMessage},
	{"record a revoke", 1, recordingRevoke},
}

func object(fields map[string]any) string {
	text, err := json.Marshal(fields)
	if err != nil { // only what JSON cannot hold: a mistake in this package
		panic(err)
	}
	return string(text)
}

// framing sends a frame, whose answer must have the code so often.
func (w *world) framing(h edge.Handler, route, account string, code chat.Code, times int, fields map[string]any) invocation {
	fields["action"], fields["request_id"] = route, "7"
	return invocation{
		do: asking(h, w.event(route, w.device(account), object(fields))),
		check: func(answer string) error {
			if n := strings.Count(answer, fmt.Sprintf(`"res_code":%d`, code)); n != times {
				return fmt.Errorf("%d times code %d, want %d: %.300s", n, code, times, answer)
			}
			return nil
		},
	}
}

func asking(h edge.Handler, event events.APIGatewayWebsocketProxyRequest) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		response, err := h(ctx, event)
		switch {
		case err != nil || response.StatusCode == http.StatusOK:
			return response.Body, err
		case response.StatusCode == http.StatusServiceUnavailable:
			return "", errBusy
		}
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
}

func (w *world) here(more map[string]any) map[string]any {
	more["server_id"], more["channel_id"] = w.server, channel
	return more
}

func sending(_ context.Context, w *world) (invocation, error) {
	return w.framing(w.send, wire.Send, author, chat.OK, 1, w.here(map[string]any{
		"msg_id": fmt.Sprintf("6f1c1d0e-5a0e-4f3e-9a44-%012d", w.ids.Add(1)), "msg_type": 0, "msg_body": text,
	})), nil
}

func revoking(account string, code chat.Code) func(context.Context, *world) (invocation, error) {
	return func(ctx context.Context, w *world) (invocation, error) {
		messages, err := w.written(ctx, 1)
		if err != nil {
			return invocation{}, err
		}
		return w.framing(w.revoke, wire.Revoke, account, code, 1, w.here(map[string]any{
			"timestamp": messages[0].Timestamp, "msg_server_id": messages[0].MsgServerID, "update_info": map[string]any{"postscript": "wrong room"},
		})), nil
	}
}

func revokingBatch(n int) func(context.Context, *world) (invocation, error) {
	return func(ctx context.Context, w *world) (invocation, error) {
		messages, err := w.written(ctx, n)
		if err != nil {
			return invocation{}, err
		}
		refs := make([]map[string]any, n)
		for i, m := range messages {
			refs[i] = map[string]any{"timestamp": m.Timestamp, "msg_server_id": m.MsgServerID}
		}
		return w.framing(w.revokeBatch, wire.RevokeBatch, moderator, chat.OK, n+1, w.here(map[string]any{
			"messages": refs, "update_info": map[string]any{"postscript": "spam"},
		})), nil
	}
}

func reading(_ context.Context, w *world) (invocation, error) {
	page := w.framing(w.history, wire.History, plain, chat.OK, 1, w.here(map[string]any{"limit": 50, "timestamp": began.UnixMilli() - 1_800_000}))
	return page.with(`"msg_server_id":`, 50), nil
}

// with wants a text so often, too.
func (i invocation) with(part string, times int) invocation {
	check := i.check
	i.check = func(answer string) error {
		if n := strings.Count(answer, part); n != times {
			return fmt.Errorf("%d times %s, want %d: %.300s", n, part, times, answer)
		}
		return check(answer)
	}
	return i
}

// syncing asks from a cursor of the last minute on.
func syncing(ctx context.Context, w *world) (invocation, error) {
	first := w.framing(w.sync, wire.Sync, plain, chat.OK, 1, map[string]any{"server_id": w.server})
	answer, err := first.do(ctx)
	if err != nil {
		return invocation{}, err
	}
	var page struct {
		Cursor string `json:"cursor"`
	}
	if err := json.Unmarshal([]byte(answer), &page); err != nil || page.Cursor == "" {
		return invocation{}, fmt.Errorf("no cursor (%v): %.300s", err, answer)
	}
	next := w.framing(w.sync, wire.Sync, plain, chat.OK, 1, map[string]any{"server_id": w.server, "cursor": page.Cursor})
	return next.with(`"msg_server_id":`, 50), nil
}

func pinging(ctx context.Context, w *world) (invocation, error) {
	if err := w.store.PutConnection(ctx, w.device(author)); err != nil {
		return invocation{}, err
	}
	return w.framing(w.ping, wire.Ping, author, chat.OK, 1, map[string]any{}), nil
}

// session is a connect or a disconnect, which have no answer but the status.
func (w *world) session(h edge.Handler, route string) invocation {
	return invocation{do: asking(h, w.event(route, w.device(moderator), "")), check: func(string) error { return nil }}
}

func connecting(ctx context.Context, w *world) (invocation, error) {
	_, err := w.session(w.disconnect, "$disconnect").do(ctx)
	return w.session(w.connect, "$connect"), err
}

func disconnecting(ctx context.Context, w *world) (invocation, error) {
	_, err := w.session(w.connect, "$connect").do(ctx)
	return w.session(w.disconnect, "$disconnect"), err
}

// puttingMember has somebody join who is a member elsewhere: an account's first server makes the row that counts them.
func puttingMember(ctx context.Context, w *world) (invocation, error) {
	account := w.account(fmt.Sprintf("JOINS%08d", w.ids.Add(1)))
	if err := joining(ctx, w.store, "ELSEWHERE"+w.server, began, account, "Erin"); err != nil {
		return invocation{}, err
	}
	return invocation{
		do: func(ctx context.Context) (string, error) {
			saved, err := w.admin.PutMember(ctx, chat.Write{}, w.server, account, chat.Profile{Nick: "Erin"})
			return fmt.Sprint(saved.Created), err
		},
		check: wanted("true"),
	}, nil
}

func askingPermissions(_ context.Context, w *world) (invocation, error) {
	return invocation{
		do: func(ctx context.Context) (string, error) {
			standing, err := w.admin.Effective(ctx, w.server, channel, w.account(moderator))
			return fmt.Sprint(standing.IsMember()), err
		},
		check: wanted("true"),
	}, nil
}

func wanted(want string) func(string) error {
	return func(answer string) error {
		if answer != want {
			return fmt.Errorf("%s, want %s", answer, want)
		}
		return nil
	}
}

// changed is the stream's record of a message.
func changed(event events.DynamoDBOperationType, m chat.Message) events.DynamoDBEvent {
	return events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{{
		EventID: "7d3a1f0c9b2e4d5f8a6b7c8d9e0f1a01", EventName: string(event), EventSource: "aws:dynamodb",
		Change: events.DynamoDBStreamRecord{
			SequenceNumber: "4421584500000000017450439091", StreamViewType: "KEYS_ONLY",
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: began},
			Keys: map[string]events.DynamoDBAttributeValue{
				"pk": events.NewStringAttribute(m.ServerID + "#" + m.ChannelID),
				"sk": events.NewStringAttribute(fmt.Sprintf("%015d#%s", m.Timestamp, m.MsgServerID)),
			},
		},
	}}}
}

// streaming gives a record to a consumer of the stream, which must finish it.
func streaming(h edge.StreamHandler, event events.DynamoDBEvent) invocation {
	return invocation{
		do: func(ctx context.Context) (string, error) {
			response, err := h(ctx, event)
			return fmt.Sprint(len(response.BatchItemFailures)), err
		},
		check: wanted("0"),
	}
}

func notifying(ctx context.Context, w *world) (invocation, error) {
	messages, err := w.written(ctx, 1)
	if err != nil {
		return invocation{}, err
	}
	told := streaming(w.notify, changed(events.DynamoDBOperationTypeInsert, messages[0]))
	do, devices := told.do, min(w.online, directPushLimit)
	told.do = func(ctx context.Context) (string, error) {
		before := w.devices.posts.Load()
		answer, err := do(ctx)
		if n := int(w.devices.posts.Load() - before); n < devices && err == nil {
			err = fmt.Errorf("%d devices were told of %d, the others are left to the queue: %w", n, devices, errBusy)
		}
		return answer, err
	}
	return told, nil
}

func recordingMessage(ctx context.Context, w *world) (invocation, error) {
	messages, err := w.written(ctx, 1)
	if err != nil {
		return invocation{}, err
	}
	return streaming(w.record, changed(events.DynamoDBOperationTypeInsert, messages[0])), nil
}

func recordingRevoke(ctx context.Context, w *world) (invocation, error) {
	messages, err := w.written(ctx, 1)
	if err != nil {
		return invocation{}, err
	}
	if _, err := w.store.RevokeMessage(ctx, revoked(messages[0], w.clock())); err != nil {
		return invocation{}, err
	}
	return streaming(w.record, changed(events.DynamoDBOperationTypeModify, messages[0])), nil
}
