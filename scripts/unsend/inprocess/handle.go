package inprocess

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"unsend/shared/chat"
	"unsend/shared/wire"
)

// handle does what the functions do with a frame.
func (d *Deployment) handle(ctx context.Context, c chat.Connection, body string) string {
	var route struct {
		Action string `json:"action"`
	}
	_ = json.Unmarshal([]byte(body), &route) // what is no JSON is refused as such below
	switch route.Action {
	case wire.Send:
		f, err := wire.DecodeSend(body)
		return answer(f, wire.Send, err, func() (wire.Result, error) { return d.send(ctx, c, f.Request) })
	case wire.Revoke:
		f, err := wire.DecodeRevoke(body)
		return answer(f, wire.Revoke, err, func() (wire.Result, error) { return d.revoke(ctx, c, f.Request) })
	case wire.RevokeBatch:
		f, err := wire.DecodeRevokeBatch(body)
		return answer(f, wire.RevokeBatch, err, func() (wire.Result, error) { return d.revokeBatch(ctx, c, f.Request) })
	case wire.History:
		f, err := wire.DecodeHistory(body)
		return answer(f, wire.History, err, func() (wire.Result, error) { return d.history(ctx, c, f.Request) })
	case wire.Sync:
		f, err := wire.DecodeSync(body)
		return answer(f, wire.Sync, err, func() (wire.Result, error) { return d.sync(ctx, c, f.Request) })
	case wire.Subscribe, wire.Unsubscribe:
		return d.subscription(ctx, c, route.Action, body)
	case wire.Ping:
		f, err := wire.DecodePing(body)
		return answer(f, wire.Ping, err, func() (wire.Result, error) { return wire.Result{ServerTime: time.Now().UnixMilli()}, nil })
	}
	f, err := wire.DecodeDefault(body)
	return wire.Refusal(wire.Default, f.RequestID, err)
}

func answer[T any](f wire.Frame[T], action string, err error, do func() (wire.Result, error)) string {
	var result wire.Result
	if err == nil {
		result, err = do()
	}
	if err != nil {
		return wire.Refusal(action, f.RequestID, err)
	}
	text, err := wire.Answer(action, f.RequestID, result)
	if err != nil {
		return wire.Refusal(action, f.RequestID, err)
	}
	return text
}

func (d *Deployment) send(ctx context.Context, c chat.Connection, r chat.SendRequest) (wire.Result, error) {
	s := chat.Sender{Standings: d.Store, Messages: d.Store, Clock: time.Now, NewID: d.newID}
	m, err := s.Send(ctx, c, r)
	return wire.Result{Message: &m}, err
}

func (d *Deployment) revoke(ctx context.Context, c chat.Connection, r chat.RevokeRequest) (wire.Result, error) {
	m, err := d.revocations().Revoke(ctx, c, r)
	return wire.Result{Message: &m}, err
}

func (d *Deployment) revokeBatch(ctx context.Context, c chat.Connection, r chat.RevokeBatchRequest) (wire.Result, error) {
	outcomes, err := d.revocations().RevokeBatch(ctx, c, r)
	return wire.Result{Revoked: outcomes}, err
}

func (d *Deployment) revocations() *chat.Revocations {
	window := chat.Window(2 * time.Minute / time.Millisecond)
	return &chat.Revocations{Standings: d.Store, Messages: d.Store, Clock: time.Now, Windows: chat.Windows{Own: &window, Moderator: &window}}
}

func (d *Deployment) history(ctx context.Context, c chat.Connection, r chat.HistoryRequest) (wire.Result, error) {
	s := chat.Histories{Standings: d.Store, Messages: d.Store, Clock: time.Now}
	page, err := s.History(ctx, c, r)
	return wire.Result{Page: &page}, err
}

func (d *Deployment) sync(ctx context.Context, c chat.Connection, r chat.SyncRequest) (wire.Result, error) {
	s := chat.Syncs{Updates: d.Store, Sights: d.Store, Clock: time.Now}
	page, err := s.Sync(ctx, c, r)
	return wire.Result{Sync: &page}, err
}

func (d *Deployment) subscription(ctx context.Context, c chat.Connection, action, body string) string {
	s := chat.Subscriptions{Store: d.Store, Sights: d.Store, Clock: time.Now, Most: chat.DefaultMaxSubscriptions}
	decode, serve := wire.DecodeSubscribe, s.Subscribe
	if action == wire.Unsubscribe {
		decode, serve = wire.DecodeUnsubscribe, s.Unsubscribe
	}
	f, err := decode(body)
	return answer(f, action, err, func() (wire.Result, error) {
		channels, err := serve(ctx, c, f.Request)
		return wire.Result{Subscribed: channels}, err
	})
}

func (d *Deployment) newID(time.Time) string { return fmt.Sprintf("01T%08d", d.ids.Add(1)) }
