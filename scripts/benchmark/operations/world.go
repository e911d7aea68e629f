package operations

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/dynamo"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

// began is when the scenes happen. It is fixed, as the digits of times weigh.
var began = time.UnixMilli(1_767_225_600_123)

// The people of a scene; each has one device. The rest of the members are a crowd.
const (
	author    = "01JHW8ZSBF5AUTHOR00000"
	moderator = "01JHW8ZSBF5MODERATOR00"
	plain     = "01JHW8ZSBF5PLAIN000000"
	channel   = "01JHW8ZSBF5CHANNEL"
	mod       = "mod" // the moderator's role

	online = 20 // of the crowd where a scene does not say, or as many as there are
	window = 2 * time.Hour
)

// world is the functions as they are wired, over one client of the tables.
type world struct {
	server  string
	client  *dynamodb.Client
	bulk    *dynamodb.Client // what stores many rows, which are not counted
	tables  dynamo.Tables
	store   *dynamo.Store
	clock   chat.Clock
	ids     *atomic.Int64
	members int
	online  int // of the crowd

	send, revoke, revokeBatch, history, sync, ping, connect, disconnect edge.Handler

	admin          *chat.Administration
	notify, record edge.StreamHandler
	notifier       *chat.Notifier
	queue          chattest.Queue // what notify leaves to push
	devices        devices
}

// newWorld wires. Worlds of one scene share the ids.
func newWorld(client, bulk *dynamodb.Client, tables dynamo.Tables, scene Scene, clock chat.Clock, log *slog.Logger, ids *atomic.Int64) *world {
	store := dynamo.New(client, tables, dynamo.Options{})
	w := &world{
		server: fmt.Sprintf("01JHW8ZSBF%07d%07d", scene.History, scene.Members), client: client, bulk: bulk, tables: tables, store: store, clock: clock, ids: ids, members: scene.Members,
		online: scene.online(),
	}
	e := edge.Edge{Log: log, Clock: clock}
	own, moderators := chat.Window(window.Milliseconds()), chat.Window(window.Milliseconds())
	windows := chat.Windows{Own: &own, Moderator: &moderators}
	// Frames are counted, and nobody gets to the limit.
	limit := chat.FrameLimit{Counter: store, Most: 1 << 30}
	w.frames(e, windows, limit)
	w.admin = &chat.Administration{Store: store, Clock: clock, LargeServer: chat.DefaultLargeServer, NewID: w.newID, Windows: windows}
	w.streams(e)
	return w
}

func (w *world) newID(time.Time) string { return fmt.Sprintf("01KDVDNQ3VC6X8J3QW%08d", w.ids.Add(1)) }

func (w *world) streams(e edge.Edge) {
	w.notifier = &chat.Notifier{
		Messages: w.store, Audience: w.store, Deliveries: w.store, Rights: w.store, Sessions: w.store,
		Gateway: &w.devices, Queue: &w.queue, Encode: wire.EncodeNotices, Clock: w.clock,
		Concurrency: 32, Budget: 3 * time.Second, DirectPushLimit: directPushLimit,
	}
	w.notify = edge.Stream(e, "notify", dynamo.ParseMessageKey, func(ctx context.Context, records []chat.Stored) edge.Outcome {
		return edge.Pushed(w.notifier.Notify(ctx, records))
	})
	recorder := &chat.Recorder{Messages: w.store, Audit: w.store, Clock: w.clock, Retention: 365 * 24 * time.Hour}
	w.record = edge.Stream(e, "record", dynamo.ParseMessageKey, func(ctx context.Context, records []chat.Stored) edge.Outcome {
		return edge.Recorded(recorder.Record(ctx, records))
	})
}

// directPushLimit is template.yaml's.
const directPushLimit = 500

// devices take every frame: at once, or by a gateway.
type devices struct {
	posts   atomic.Int64
	gateway chat.Gateway // nil: at once
}

// Post counts. See [chat.Gateway].
func (d *devices) Post(ctx context.Context, id string, frame []byte) error {
	d.posts.Add(1)
	if d.gateway == nil {
		return nil
	}
	return d.gateway.Post(ctx, id, frame)
}

// Close does nothing: nobody is closed here. See [chat.Gateway].
func (d *devices) Close(context.Context, string) error { return nil }

// frames wires the routes as the mains do.
func (w *world) frames(e edge.Edge, windows chat.Windows, limit chat.FrameLimit) {
	sender := &chat.Sender{Standings: w.store, Messages: w.store, Clock: w.clock, NewID: w.newID, Limit: limit}
	w.send = edge.Frames(e, edge.Route[chat.SendRequest]{
		Key: wire.Send, Decode: wire.DecodeSend,
		Serve: func(ctx context.Context, c chat.Connection, r chat.SendRequest) (wire.Result, error) {
			m, err := sender.Send(ctx, c, r)
			return wire.Result{Message: &m}, err
		},
		Subject: func(r chat.SendRequest) edge.Subject { return edge.Subject{Server: r.ServerID, Channel: r.ChannelID} },
	})
	w.revocations(e, &chat.Revocations{Standings: w.store, Messages: w.store, Clock: w.clock, Windows: windows, Limit: limit})
	w.reading(e, limit)
	sessions := &chat.Sessions{Store: w.store, Gateway: &w.devices, Clock: w.clock, MaxConnections: 10, Limit: limit}
	w.ping = edge.Frames(e, edge.Route[struct{}]{
		Key: wire.Ping, Decode: wire.DecodePing,
		Serve: func(ctx context.Context, c chat.Connection, _ struct{}) (wire.Result, error) {
			now, err := sessions.Ping(ctx, c)
			return wire.Result{ServerTime: now.UnixMilli()}, err
		},
	})
	w.connect, w.disconnect = edge.Connect(e, sessions.Connect), edge.Disconnect(e, sessions.Disconnect)
}

func (w *world) revocations(e edge.Edge, revocations *chat.Revocations) {
	w.revoke = edge.Frames(e, edge.Route[chat.RevokeRequest]{
		Key: wire.Revoke, Decode: wire.DecodeRevoke,
		Serve: func(ctx context.Context, c chat.Connection, r chat.RevokeRequest) (wire.Result, error) {
			m, err := revocations.Revoke(ctx, c, r)
			return wire.Result{Message: &m}, err
		},
		Subject: func(r chat.RevokeRequest) edge.Subject {
			return edge.Subject{Server: r.Key.ServerID, Channel: r.Key.ChannelID, Message: r.Key.MsgServerID}
		},
	})
	w.revokeBatch = edge.Frames(e, edge.Route[chat.RevokeBatchRequest]{
		Key: wire.RevokeBatch, Decode: wire.DecodeRevokeBatch,
		Serve: func(ctx context.Context, c chat.Connection, r chat.RevokeBatchRequest) (wire.Result, error) {
			outcomes, err := revocations.RevokeBatch(ctx, c, r)
			return wire.Result{Revoked: outcomes}, err
		},
		Subject: func(r chat.RevokeBatchRequest) edge.Subject {
			return edge.Subject{Server: r.ServerID, Channel: r.ChannelID}
		},
	})
}

func (w *world) reading(e edge.Edge, limit chat.FrameLimit) {
	histories := &chat.Histories{Standings: w.store, Messages: w.store, Clock: w.clock, Limit: limit}
	w.history = edge.Frames(e, edge.Route[chat.HistoryRequest]{
		Key: wire.History, Decode: wire.DecodeHistory,
		Serve: func(ctx context.Context, c chat.Connection, r chat.HistoryRequest) (wire.Result, error) {
			page, err := histories.History(ctx, c, r)
			return wire.Result{Page: &page}, err
		},
		Subject: func(r chat.HistoryRequest) edge.Subject {
			return edge.Subject{Server: r.ServerID, Channel: r.ChannelID}
		},
	})
	syncs := &chat.Syncs{Updates: w.store, Sights: w.store, Clock: w.clock, Limit: limit}
	w.sync = edge.Frames(e, edge.Route[chat.SyncRequest]{
		Key: wire.Sync, Decode: wire.DecodeSync,
		Serve: func(ctx context.Context, c chat.Connection, r chat.SyncRequest) (wire.Result, error) {
			page, err := syncs.Sync(ctx, c, r)
			return wire.Result{Sync: &page}, err
		},
		Subject: func(r chat.SyncRequest) edge.Subject { return edge.Subject{Server: r.ServerID} },
	})
}

// device is the one of an account in this scene.
func (w *world) device(account string) chat.Connection {
	return chat.Connection{ID: "L0SM9cOFvHcCIhw=", AccountID: w.account(account), DeviceID: "phone", ClientType: chat.IOS,
		ConnectedAt: began.UnixMilli(), TokenExpiresAt: began.Add(2 * time.Hour).UnixMilli()}
}

// account is one of this scene: what it is in other servers has a cost, too.
func (w *world) account(name string) string { return w.server[10:] + name }

func (w *world) crowd(i int) string { return w.account(fmt.Sprintf("EXAMPLE%08d", i)) }

func (w *world) event(route string, from chat.Connection, body string) events.APIGatewayWebsocketProxyRequest {
	return events.APIGatewayWebsocketProxyRequest{
		Body: body,
		RequestContext: events.APIGatewayWebsocketProxyRequestContext{
			RouteKey: route, ConnectionID: from.ID, RequestID: "WQ3kLFX8liAFkkg=", ConnectedAt: from.ConnectedAt, Authorizer: edge.Authorized(from),
		},
	}
}

// fill stores the scene.
func (w *world) fill(ctx context.Context, scene Scene) error {
	past := began.Add(-time.Hour) // longer ago than any rights of a connection are proved
	act := chat.Act{At: past}
	if _, err := w.store.ChangeServer(ctx, w.server, act, func(v *chat.Server) error {
		v.OwnerID, v.Roles = w.account(author), []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: mod, Priority: 1, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
		}
		return nil
	}); err != nil {
		return err
	}
	if _, err := w.store.ChangeChannel(ctx, w.server, channel, act, func(*chat.Channel) error { return nil }); err != nil {
		return err
	}
	if err := w.join(ctx, w.store, past, w.account(author), "Alice"); err != nil {
		return err
	}
	if err := w.join(ctx, w.store, past, w.account(moderator), "Bob", mod); err != nil {
		return err
	}
	if err := w.join(ctx, w.store, past, w.account(plain), "Mallory"); err != nil {
		return err
	}
	if err := w.fillMany(ctx, scene, past); err != nil {
		return err
	}
	if scene.Members >= chat.DefaultLargeServer {
		if err := w.store.ChangeDelivery(ctx, w.server, chat.Delivery{}, chat.Delivery{Large: true, Since: 1}); err != nil {
			return err
		}
	}
	if err := w.store.PutPresences(ctx, w.presences(w.online)); err != nil {
		return err
	}
	return w.revokeFifty(ctx)
}

// named are the members that are not of the crowd.
const named = 3

// revokeFifty makes the updates of the page that sync reads.
func (w *world) revokeFifty(ctx context.Context) error {
	messages, err := w.written(ctx, 50)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if _, err := w.store.RevokeMessage(ctx, revoked(m, w.clock())); err != nil {
			return err
		}
	}
	return nil
}

func revoked(m chat.Message, now time.Time) chat.RevokeWrite {
	return chat.RevokeWrite{Key: m.MessageKey, Now: now, Revocation: chat.Revocation{Operator: m.From, Info: chat.UpdateInfo{Postscript: "wrong room"}}}
}

// fillMany stores the crowd, and the history.
func (w *world) fillMany(ctx context.Context, scene Scene, past time.Time) error {
	carrier := newCarrier(w.bulk, w.tables)
	for i := range scene.Members - named {
		if err := w.join(ctx, carrier.Store, past, w.crowd(i), fmt.Sprint("Nick ", i)); err != nil {
			return err
		}
	}
	if err := carrier.deliver(ctx); err != nil {
		return err
	}
	return w.fillHistory(ctx, carrier, scene.History, past)
}

// historyPart is how many messages of a history are held at a time.
const historyPart = 10_000

// fillHistory stores n messages, the last at the time. The oldest hundredth was taken back.
func (w *world) fillHistory(ctx context.Context, carrier *carrier, n int, last time.Time) error {
	store, ended := dynamo.New(w.bulk, w.tables, dynamo.Options{}), n/100
	for left := n; left > 0; left -= historyPart {
		messages, err := w.write(ctx, carrier, last.Add(-time.Duration(max(0, left-historyPart))*time.Millisecond), min(left, historyPart))
		if err != nil {
			return err
		}
		back := messages[:min(ended, len(messages))]
		ended -= len(back)
		if err := each(requestsAtOnce, back, func(m chat.Message) error {
			_, err := store.RevokeMessage(ctx, revoked(m, last))
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) join(ctx context.Context, store *dynamo.Store, at time.Time, account, nick string, roles ...string) error {
	return joining(ctx, store, w.server, at, account, nick, roles...)
}

func joining(ctx context.Context, store *dynamo.Store, server string, at time.Time, account, nick string, roles ...string) error {
	_, err := store.ChangeMember(ctx, server, account, chat.Act{At: at}, func(m *chat.Member) error {
		m.Join(at)
		m.Nick, m.Roles = nick, roles
		return nil
	})
	return err
}

// text is what a message says: some 100 bytes.
var text = strings.Repeat("Meet us at the north gate. ", 4)

// write stores messages of the author, the last at the time.
func (w *world) write(ctx context.Context, carrier *carrier, last time.Time, n int) ([]chat.Message, error) {
	messages := make([]chat.Message, n)
	for i := range messages {
		at := last.Add(time.Duration(i-n+1) * time.Millisecond)
		id := w.newID(at)
		messages[i] = chat.Message{
			MessageKey: chat.MessageKey{ServerID: w.server, ChannelID: channel, Timestamp: at.UnixMilli(), MsgServerID: id},
			MsgID:      "6f1c1d0e-5a0e-4f3e-9a44-" + id[len(id)-8:], Version: 1, UpdatedAt: at.UnixMilli(),
			From:    chat.Actor{AccountID: w.account(author), Nick: "Alice", ClientType: chat.IOS, Device: "phone"},
			Content: chat.Content{Body: text},
		}
		if _, err := carrier.PutMessage(ctx, messages[i], at); err != nil {
			return nil, err
		}
	}
	return messages, carrier.deliver(ctx)
}

// written is write at the world's own time.
func (w *world) written(ctx context.Context, n int) ([]chat.Message, error) {
	return w.write(ctx, newCarrier(w.client, w.tables), w.clock(), n)
}

// presences are the rows of the first devices of the crowd. They subscribed to the channel where it is a large server.
func (w *world) presences(n int) []chat.Presence {
	var rows []chat.Presence
	for i := range max(0, n) {
		c := w.device(fmt.Sprintf("EXAMPLE%08d", i))
		c.ID = fmt.Sprintf("L0SM9cOFvHc%04d=", i)
		row := chat.Presence{ServerID: w.server, Connection: c, Generation: 1, ProvedAt: began.UnixMilli()}
		if w.members >= chat.DefaultLargeServer {
			row.ChannelID = channel
		}
		rows = append(rows, row)
	}
	return rows
}
