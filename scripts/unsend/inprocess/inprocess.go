// Package inprocess runs a whole deployment inside a test: the services on the
// store in memory, behind a real WebSocket, with notices pushed by the real
// notifier. What it leaves out is AWS.
package inprocess

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
	"unsend/shared/token"
	"unsend/shared/wire"
)

var secret = []byte("the secret of a deployment inside a test")

const audience = "unsend"

// Deployment is one that runs in this process.
type Deployment struct {
	URL   string
	Store *chattest.Store
	// Distort, where set, changes what is posted to the account, so that a test sees its faults
	// found. Set it before anybody connects. Nil frames are not posted.
	Distort func(account string, frame []byte) []byte

	verifier *token.Verifier
	ids      atomic.Int64
	notified sync.WaitGroup
	ctx      context.Context

	mu    sync.Mutex
	conns map[string]*connection
}

// connection is a device's. Its row is stored before the handshake is answered, so a
// post can come before there is a WebSocket to write to.
type connection struct {
	account string
	ready   chan struct{} // closed when socket is set, or never will be
	socket  *websocket.Conn
}

// Start runs a deployment that holds the community, until the test ends.
func Start(t testing.TB, community seed.File) *Deployment {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	d := &Deployment{
		Store: chattest.NewStore(), ctx: ctx,
		conns: map[string]*connection{},
	}
	keys := token.Secrets(time.Now, func(context.Context) ([][]byte, error) { return [][]byte{secret}, nil })
	d.verifier = token.NewVerifier(token.Rules{Audience: audience, MaxTTL: time.Hour}, keys, time.Now)
	if _, err := seed.Apply(ctx, d.Store, time.Now, chat.DefaultLargeServer, chat.Act{Door: chat.SeedDoor}, community, func(int) {}); err != nil {
		t.Fatal(err)
	}
	d.Store.Stored = d.notify
	server := httptest.NewServer(http.HandlerFunc(d.accept))
	d.URL = "ws" + strings.TrimPrefix(server.URL, "http")
	t.Cleanup(func() {
		stop()
		d.Drop()
		server.Close()
		d.notified.Wait()
	})
	return d
}

// Dial connects a device.
func (d *Deployment) Dial(ctx context.Context, account, device string, clientType int) (*unsend.Client, error) {
	return unsend.Dial(ctx, unsend.Options{URL: d.URL, DeviceID: device, ClientType: clientType, Token: func(context.Context) (string, error) {
		return mint(account)
	}})
}

// Session runs a device that connects again and again, until the test ends.
func (d *Deployment) Session(t testing.TB, account string) *unsend.Session {
	t.Helper()
	s, err := unsend.NewSession(unsend.SessionOptions{
		URL: d.URL, Account: account, ClientType: int(chat.PC), Token: func(context.Context, bool) (string, error) { return mint(account) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(d.ctx) }) // until Close, or the deployment's end
	t.Cleanup(func() {
		s.Close()
		running.Wait()
	})
	return s
}

func mint(account string) (string, error) {
	return token.Mint(secret, token.Grant{AccountID: account, Audience: audience, IssuedAt: time.Now(), TTL: time.Minute})
}

// Drop ends every connection that was dialled before, as a redeployment does.
func (d *Deployment) Drop() {
	d.mu.Lock()
	conns := slices.Collect(maps.Values(d.conns))
	d.mu.Unlock()
	for _, conn := range conns {
		<-conn.ready // its client may know of the connection before this side does
		if conn.socket != nil {
			_ = conn.socket.CloseNow() // gone is what it is to be
		}
	}
}

func (d *Deployment) accept(w http.ResponseWriter, r *http.Request) {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	id, err := d.verifier.Verify(r.Context(), bearer)
	if err != nil {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	clientType, _ := strconv.Atoi(r.URL.Query().Get("client_type")) // a missing one is 0
	c := chat.Connection{
		ID: fmt.Sprintf("conn-%d", d.ids.Add(1)), AccountID: id.AccountID, DeviceID: r.URL.Query().Get("device_id"),
		ClientType: chat.ClientType(clientType), ConnectedAt: time.Now().UnixMilli(), TokenExpiresAt: id.ExpiresAt,
	}
	// As with API Gateway, $connect is done before the handshake is answered.
	conn := d.expect(c)
	defer d.remove(c)
	sessions := chat.Sessions{Store: d.Store, Gateway: d, Clock: time.Now, MaxConnections: 10}
	if err := sessions.Connect(d.ctx, c); err != nil {
		d.open(conn, nil)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	defer func() { _ = sessions.Disconnect(d.ctx, c) }() // a test that ended has no more use for it
	socket, err := websocket.Accept(w, r, nil)
	d.open(conn, socket)
	if err == nil {
		d.serve(c, socket)
		_ = socket.CloseNow() // served to its end
	}
}

func (d *Deployment) expect(c chat.Connection) *connection {
	d.mu.Lock()
	defer d.mu.Unlock()
	conn := &connection{account: c.AccountID, ready: make(chan struct{})}
	d.conns[c.ID] = conn
	return conn
}

func (d *Deployment) open(conn *connection, socket *websocket.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	conn.socket = socket
	close(conn.ready)
}

func (d *Deployment) remove(c chat.Connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c.ID)
}

func (d *Deployment) serve(c chat.Connection, conn *websocket.Conn) {
	for {
		_, text, err := conn.Read(d.ctx)
		if err != nil {
			return
		}
		answer := d.handle(d.ctx, c, string(text))
		if err := conn.Write(d.ctx, websocket.MessageText, []byte(answer)); err != nil {
			return
		}
	}
}

// Post implements [chat.Gateway].
func (d *Deployment) Post(ctx context.Context, connectionID string, frame []byte) error {
	d.mu.Lock()
	conn := d.conns[connectionID]
	d.mu.Unlock()
	if conn == nil {
		return chat.ErrGone
	}
	select {
	case <-conn.ready:
	case <-ctx.Done():
		return chat.ErrTimeout
	}
	if d.Distort != nil {
		frame = d.Distort(conn.account, frame)
	}
	if frame == nil {
		return nil
	}
	if conn.socket == nil || conn.socket.Write(ctx, websocket.MessageText, frame) != nil {
		return chat.ErrGone
	}
	return nil
}

// Close implements [chat.Gateway].
func (d *Deployment) Close(_ context.Context, connectionID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	conn := d.conns[connectionID]
	if conn == nil || conn.socket == nil {
		return chat.ErrGone
	}
	return conn.socket.CloseNow()
}

// notify tells the devices as the stream would have it done: later, and apart
// from the answer.
func (d *Deployment) notify(stored chat.Stored) {
	n := chat.Notifier{
		Messages: d.Store, Audience: d.Store, Deliveries: d.Store, Rights: d.Store, Sessions: d.Store, Gateway: d,
		Queue: noQueue{}, Encode: wire.EncodeNotices, Clock: time.Now, Concurrency: 8, Budget: 3 * time.Second, DirectPushLimit: 500,
	}
	d.notified.Go(func() {
		report := n.Notify(d.ctx, []chat.Stored{stored})
		if err := errors.Join(report.Errs...); err != nil && d.ctx.Err() == nil {
			panic(err) // a fault of the test's own
		}
	})
}

// noQueue refuses: a handful of devices leaves nothing to do later.
type noQueue struct{}

func (noQueue) Enqueue(context.Context, chat.Task) error {
	return errors.New("this deployment has no push queue")
}
