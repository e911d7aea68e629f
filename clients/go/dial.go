package unsend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// Defaults of Options.
const (
	DefaultRequestTimeout = 15 * time.Second
	DefaultNoticeBuffer   = 1024
)

// maxFrame bounds a received frame: API Gateway's limit.
const maxFrame = 128 << 10

// Options say where to connect, as whom.
type Options struct {
	URL string // wss://…, the deployment's WebSocket URL
	// Token gives a token for the account. It is called once for each Dial.
	Token func(ctx context.Context) (string, error)

	DeviceID   string // names this client instance; empty: the connection is the device
	ClientType int    // one of QChat's numbers (1 Android, 2 iOS, 4 PC, 16 Web, 64 macOS); 0: unsaid

	RequestTimeout time.Duration // longest wait for an answer; 0: DefaultRequestTimeout
	NoticeBuffer   int           // notices that may wait to be read; 0: DefaultNoticeBuffer

	// PingEvery sends a heartbeat so often. An API Gateway ends connections
	// that are silent for 10 minutes. 0: none.
	PingEvery time.Duration

	HTTPClient *http.Client  // nil: the default one
	NewID      func() string // makes MsgIDs; nil: random ones
}

func (o Options) withDefaults() Options {
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = DefaultRequestTimeout
	}
	if o.NoticeBuffer <= 0 {
		o.NoticeBuffer = DefaultNoticeBuffer
	}
	if o.NewID == nil {
		o.NewID = rand.Text
	}
	return o
}

// address is the URL with what names the device.
func (o Options) address() (string, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "ws" && u.Scheme != "wss") {
		return "", errors.New("connect: URL must begin with wss:// (or ws:// for a local stack)")
	}
	query := u.Query()
	if o.DeviceID != "" {
		query.Set("device_id", o.DeviceID)
	}
	if o.ClientType != 0 {
		query.Set("client_type", strconv.Itoa(o.ClientType))
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// Dial connects. It returns when the server has accepted the connection, or refused
// it (*[DialError]), or ctx or Options.RequestTimeout ended.
func Dial(ctx context.Context, o Options) (*Client, error) {
	o = o.withDefaults()
	address, err := o.address()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.RequestTimeout)
	defer cancel()
	token := ""
	if o.Token != nil {
		if token, err = o.Token(ctx); err != nil {
			return nil, fmt.Errorf("connect: get a token: %w", err)
		}
	}
	return connect(ctx, o, address, token, nil)
}

// connect opens the connection, with all of the options set. No token: none is presented.
func connect(ctx context.Context, o Options, address, token string, e *ears) (*Client, error) {
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	conn, response, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: o.HTTPClient, HTTPHeader: header})
	if err != nil {
		return nil, dialError(response, err)
	}
	conn.SetReadLimit(maxFrame)
	return start(conn, o, e), nil
}

// dialError leaves out the URL: a token may be in its query.
func dialError(response *http.Response, err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	if response == nil {
		return &DialError{Err: err}
	}
	return &DialError{Status: response.StatusCode, Err: err}
}
