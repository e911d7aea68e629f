package unsend_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// network is a server of WebSockets in memory, for tests in a synctest bubble.
type network struct {
	accepts atomic.Bool
	// dialed and received say what the server does. Each may be called at the same time as the other.
	dialed   func(*socket)
	received func(*socket, []byte)

	conns  chan net.Conn
	over   chan struct{}
	server *http.Server
	client *http.Client
	work   sync.WaitGroup
}

// socket is the server's end of a connection.
type socket struct {
	conn   *websocket.Conn
	gone   atomic.Bool
	goneAt atomic.Int64
}

func (s *socket) deliver(text []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = s.conn.Write(ctx, websocket.MessageText, text) // a client that has gone is what some tests are about
}

func (s *socket) drop() {
	s.goneAt.CompareAndSwap(0, time.Now().UnixNano())
	s.gone.Store(true)
	_ = s.conn.CloseNow()
}

func newNetwork() *network {
	n := &network{conns: make(chan net.Conn), over: make(chan struct{})}
	n.accepts.Store(true)
	n.server = &http.Server{Handler: http.HandlerFunc(n.serve)}
	n.client = &http.Client{Transport: &http.Transport{DialContext: n.dial}}
	n.work.Go(func() { _ = n.server.Serve(n) })
	return n
}

// close waits until nothing of the network runs any more.
func (n *network) close(t testing.TB) {
	close(n.over)
	if err := n.server.Close(); err != nil {
		t.Error(err)
	}
	n.client.CloseIdleConnections()
	n.work.Wait()
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements [net.Listener], as the next two do.
func (n *network) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.over:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { return nil }
func (n *network) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (n *network) serve(w http.ResponseWriter, r *http.Request) {
	n.work.Add(1)
	defer n.work.Done()
	if !n.accepts.Load() {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	s := &socket{conn: conn}
	defer s.drop()
	n.dialed(s)
	for {
		_, text, err := conn.Read(context.Background()) // until the client goes, or drop
		if err != nil {
			return
		}
		n.received(s, text)
	}
}
