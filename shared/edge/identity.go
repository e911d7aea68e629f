package edge

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
)

// The keys of the authorizer's context. API Gateway hands its values on to every
// later event of the connection, as strings.
const (
	AccountKey    = "account"
	DeviceKey     = "device_id"   // empty: the client named none
	ClientTypeKey = "client_type" // a number of [chat.ClientType]
	ExpiresAtKey  = "expires_at"  // ms
)

// Authorized is the authorizer's context for a connection. Ids of the connection
// itself are the gateway's and not in it.
func Authorized(c chat.Connection) map[string]any {
	return map[string]any{
		AccountKey:    c.AccountID,
		DeviceKey:     c.DeviceID,
		ClientTypeKey: strconv.Itoa(int(c.ClientType)),
		ExpiresAtKey:  strconv.FormatInt(c.TokenExpiresAt, 10),
	}
}

// identify reads who an event is from. Whatever is not exactly what [Authorized]
// wrote is an internal error: such an event did not pass our authorizer. The
// error holds names of keys only.
func identify(event events.APIGatewayWebsocketProxyRequest) (chat.Connection, error) {
	context, ok := event.RequestContext.Authorizer.(map[string]any)
	if !ok {
		return chat.Connection{}, errors.New("the event has no authorizer context")
	}
	r := contextReader{values: context}
	c := chat.Connection{
		ID:             event.RequestContext.ConnectionID,
		AccountID:      r.id(AccountKey),
		DeviceID:       r.optionalID(DeviceKey),
		ClientType:     chat.ClientType(r.number(ClientTypeKey)),
		ConnectedAt:    event.RequestContext.ConnectedAt,
		TokenExpiresAt: r.number(ExpiresAtKey),
	}
	switch {
	case r.err != nil:
		return chat.Connection{}, r.err
	case !c.ClientType.Known():
		return chat.Connection{}, errors.New("the authorizer context's client_type is unknown")
	case c.ID == "" || c.ConnectedAt <= 0:
		return chat.Connection{}, errors.New("the event names no connection")
	}
	return c, nil
}

// contextReader reads strings and keeps the first error.
type contextReader struct {
	values map[string]any
	err    error
}

func (r *contextReader) text(key string) string {
	text, ok := r.values[key].(string)
	if !ok {
		r.fail(key)
	}
	return text
}

func (r *contextReader) id(key string) string {
	id := r.text(key)
	if chat.CheckID(key, id) != nil {
		r.fail(key)
	}
	return id
}

// optionalID takes an absent value for an empty one: gateways may drop those.
func (r *contextReader) optionalID(key string) string {
	if value, ok := r.values[key]; !ok || value == "" {
		return ""
	}
	return r.id(key)
}

func (r *contextReader) number(key string) int64 {
	text := r.text(key)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != text {
		r.fail(key)
	}
	return n
}

func (r *contextReader) fail(key string) {
	if r.err == nil {
		r.err = fmt.Errorf("the authorizer context's %s is missing or malformed", key)
	}
}

// checkExpiry refuses a connection whose token has ended: nothing else ends it.
func checkExpiry(c chat.Connection, now time.Time) error {
	if c.TokenExpiresAt <= now.UnixMilli() {
		return &chat.Error{Code: chat.Forbidden, Reason: "token expired, connect again"}
	}
	return nil
}
