package cloudtest_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"unsend/shared/chat"
)

// view is the store as the functions have it: each call is one external call. The index that sync reads lags behind.
type view struct{ w *world }

type nothing = struct{}

func read[T any](ctx context.Context, v view, op, args string, f func(context.Context) (T, error)) (T, error) {
	return call(ctx, v.w, op, args, f)
}

func write(ctx context.Context, v view, op, args string, f func(context.Context) error) error {
	_, err := call(ctx, v.w, op, args, func(ctx context.Context) (nothing, error) { return nothing{}, f(ctx) })
	return err
}

// community is a write that can change who sees what.
func community[T any](ctx context.Context, v view, op, args string, f func(context.Context) (T, error)) (T, error) {
	return call(ctx, v.w, op, args, func(ctx context.Context) (T, error) {
		defer v.w.changed()
		return f(ctx)
	})
}

func (v view) Standing(ctx context.Context, s, c, a string) (chat.Standing, error) {
	return read(ctx, v, "Standing", c+a, func(ctx context.Context) (chat.Standing, error) { return v.w.store.Standing(ctx, s, c, a) })
}

func (v view) PutMessage(ctx context.Context, m chat.Message, now time.Time) (chat.Sent, error) {
	return read(ctx, v, "PutMessage", m.MsgID, func(ctx context.Context) (chat.Sent, error) {
		sent, err := v.w.store.PutMessage(ctx, m, now)
		if err == nil && !sent.Repeat {
			v.w.expectTold(sent.Message, chat.MessageReceived)
		}
		return sent, err
	})
}

func (v view) RevokeMessage(ctx context.Context, r chat.RevokeWrite) (chat.Message, error) {
	return read(ctx, v, "RevokeMessage", r.Key.MsgServerID, func(ctx context.Context) (chat.Message, error) {
		before, err := v.w.store.Messages(ctx, []chat.MessageKey{r.Key})
		if err != nil {
			return chat.Message{}, err
		}
		m, err := v.w.store.RevokeMessage(ctx, r)
		if err == nil && len(before) == 1 && before[0].Status == chat.Normal && m.Revocation.Operator == r.Revocation.Operator {
			v.w.expectTold(m, chat.MessageUpdated)
		}
		return m, err
	})
}

func (v view) History(ctx context.Context, q chat.HistoryQuery) (chat.HistoryPage, error) {
	return read(ctx, v, "History", q.ChannelID, func(ctx context.Context) (chat.HistoryPage, error) { return v.w.store.History(ctx, q) })
}

func (v view) CountFrame(ctx context.Context, account string, now time.Time) (int, error) {
	return read(ctx, v, "CountFrame", account, func(ctx context.Context) (int, error) { return v.w.store.CountFrame(ctx, account, now) })
}

func (v view) Messages(ctx context.Context, keys []chat.MessageKey) ([]chat.Message, error) {
	return read(ctx, v, "Messages", fmt.Sprint(keys), func(ctx context.Context) ([]chat.Message, error) { return v.w.store.Messages(ctx, keys) })
}

func (v view) PutConnection(ctx context.Context, c chat.Connection) error {
	return write(ctx, v, "PutConnection", c.ID, func(ctx context.Context) error { return v.w.store.PutConnection(ctx, c) })
}

func (v view) Connections(ctx context.Context, account string, now int64) ([]chat.Connection, error) {
	return read(ctx, v, "Connections", account, func(ctx context.Context) ([]chat.Connection, error) { return v.w.store.Connections(ctx, account, now) })
}

func (v view) PutPresences(ctx context.Context, rows []chat.Presence) error {
	return write(ctx, v, "PutPresences", fmt.Sprint(len(rows)), func(ctx context.Context) error { return v.w.store.PutPresences(ctx, rows) })
}

func (v view) RemoveConnection(ctx context.Context, account, id string, crowds []chat.Crowd) error {
	return write(ctx, v, "RemoveConnection", id, func(ctx context.Context) error { return v.w.store.RemoveConnection(ctx, account, id, crowds) })
}

func (v view) RemovePresences(ctx context.Context, server string, ids []string) error {
	return write(ctx, v, "RemovePresences", fmt.Sprint(ids), func(ctx context.Context) error { return v.w.store.RemovePresences(ctx, server, ids) })
}

func (v view) Subscriptions(ctx context.Context, account, id string) ([]chat.ChannelRef, error) {
	return read(ctx, v, "Subscriptions", id, func(ctx context.Context) ([]chat.ChannelRef, error) { return v.w.store.Subscriptions(ctx, account, id) })
}

func (v view) Subscribe(ctx context.Context, rows []chat.Presence, most int) error {
	return write(ctx, v, "Subscribe", rows[0].Connection.ID, func(ctx context.Context) error { return v.w.store.Subscribe(ctx, rows, most) })
}

func (v view) Unsubscribe(ctx context.Context, c chat.Connection, channels []chat.ChannelRef) error {
	return write(ctx, v, "Unsubscribe", c.ID, func(ctx context.Context) error { return v.w.store.Unsubscribe(ctx, c, channels) })
}

func (v view) Deliveries(ctx context.Context, servers []string) (map[string]chat.Delivery, error) {
	return read(ctx, v, "Deliveries", "", func(ctx context.Context) (map[string]chat.Delivery, error) { return v.w.store.Deliveries(ctx, servers) })
}

func (v view) Memberships(ctx context.Context, account string) ([]chat.Membership, error) {
	return read(ctx, v, "Memberships", account, func(ctx context.Context) ([]chat.Membership, error) { return v.w.store.Memberships(ctx, account) })
}

func (v view) Audience(ctx context.Context, crowd chat.Crowd, cursor string, limit int, now int64) (chat.AudiencePage, error) {
	return read(ctx, v, "Audience", fmt.Sprint(crowd, cursor), func(ctx context.Context) (chat.AudiencePage, error) {
		return v.w.store.Audience(ctx, crowd, cursor, limit, now)
	})
}

func (v view) Presences(ctx context.Context, crowd chat.Crowd, ids []string, now int64) ([]chat.Presence, error) {
	return read(ctx, v, "Presences", fmt.Sprint(crowd), func(ctx context.Context) ([]chat.Presence, error) {
		return v.w.store.Presences(ctx, crowd, ids, now)
	})
}

func (v view) Rights(ctx context.Context, s string, channels []string, since int64) (chat.Rights, error) {
	return read(ctx, v, "Rights", fmt.Sprint(channels), func(ctx context.Context) (chat.Rights, error) { return v.w.store.Rights(ctx, s, channels, since) })
}

func (v view) Members(ctx context.Context, s string, accounts []string) (map[string]chat.Member, error) {
	return read(ctx, v, "Members", fmt.Sprint(accounts), func(ctx context.Context) (map[string]chat.Member, error) { return v.w.store.Members(ctx, s, accounts) })
}

func (v view) ChangeServer(ctx context.Context, s string, by chat.Act, change func(*chat.Server) error) (chat.Server, error) {
	return community(ctx, v, "ChangeServer", "", func(ctx context.Context) (chat.Server, error) { return v.w.store.ChangeServer(ctx, s, by, change) })
}

func (v view) ChangeChannel(ctx context.Context, s, c string, by chat.Act, change func(*chat.Channel) error) (chat.Channel, error) {
	return community(ctx, v, "ChangeChannel", c, func(ctx context.Context) (chat.Channel, error) { return v.w.store.ChangeChannel(ctx, s, c, by, change) })
}

func (v view) ChangeMember(ctx context.Context, s, a string, by chat.Act, change func(*chat.Member) error) (chat.Member, error) {
	return community(ctx, v, "ChangeMember", a, func(ctx context.Context) (chat.Member, error) { return v.w.store.ChangeMember(ctx, s, a, by, change) })
}

func (v view) ChangePersonal(ctx context.Context, s, c, a string, by chat.Act, change func(*chat.Personal) error) (chat.Personal, error) {
	return community(ctx, v, "ChangePersonal", c+a, func(ctx context.Context) (chat.Personal, error) {
		return v.w.store.ChangePersonal(ctx, s, c, a, by, change)
	})
}

func (v view) ChangeDelivery(ctx context.Context, s string, was, is chat.Delivery) error {
	return write(ctx, v, "ChangeDelivery", "", func(ctx context.Context) error { return v.w.store.ChangeDelivery(ctx, s, was, is) })
}

// Updates leaves out what the index does not hold yet.
func (v view) Updates(ctx context.Context, s string, from chat.UpdateRef, limit int) (chat.UpdatePage, error) {
	return read(ctx, v, "Updates", "", func(ctx context.Context) (chat.UpdatePage, error) {
		page, err := v.w.store.Updates(ctx, s, from, limit)
		var there []chat.Update
		v.w.mu.Lock()
		defer v.w.mu.Unlock()
		for _, u := range page.Updates {
			if time.Since(v.w.committed[u.MessageKey]) >= v.w.lag(u.MessageKey) {
				there = append(there, u)
			}
		}
		page.Updates = there
		return page, err
	})
}

// lag is how far the index is behind for one row. It is none for most.
func (w *world) lag(key chat.MessageKey) time.Duration {
	hash := fnv.New32a()
	fmt.Fprint(hash, w.seed, key.MsgServerID)
	if n := hash.Sum32() % 100; n < 40 {
		return maxIndexLag * time.Duration(n) / 40
	}
	return 0
}

func (v view) Sights(ctx context.Context, s, a string) (chat.Sights, error) {
	return read(ctx, v, "Sights", a, func(ctx context.Context) (chat.Sights, error) { return v.w.store.Sights(ctx, s, a) })
}

func (v view) SightsOf(ctx context.Context, s, a string, channels []string) (chat.Sights, error) {
	return read(ctx, v, "SightsOf", a, func(ctx context.Context) (chat.Sights, error) { return v.w.store.SightsOf(ctx, s, a, channels) })
}
