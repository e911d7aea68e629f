package edge

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
)

// SubProtocol is what a client offers beside its token, and gets back.
const SubProtocol = "bearer"

const subProtocolHeader = "Sec-WebSocket-Protocol"

// Connect makes the handler of $connect. Its status is 200, 403, 409, 503 or 500; any
// but 200 refuses the connection. A client that offered [SubProtocol] gets it back, which
// browsers insist on.
func Connect(e Edge, connect func(context.Context, chat.Connection) error) Handler {
	return func(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		err := e.session(ctx, event, func(ctx context.Context, c chat.Connection) error {
			if err := checkExpiry(c, e.Clock()); err != nil {
				return err
			}
			return connect(ctx, c)
		})
		response := events.APIGatewayProxyResponse{StatusCode: statusOf(err)}
		if err == nil && offers(event.Headers, event.MultiValueHeaders) {
			response.Headers = map[string]string{subProtocolHeader: SubProtocol}
		}
		return response, nil
	}
}

// Disconnect makes the handler of $disconnect. The token's expiry is no matter;
// nobody gets to see its status.
func Disconnect(e Edge, disconnect func(context.Context, chat.Connection) error) Handler {
	return func(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		err := e.session(ctx, event, disconnect)
		return events.APIGatewayProxyResponse{StatusCode: statusOf(err)}, nil
	}
}

func (e Edge) session(ctx context.Context, event events.APIGatewayWebsocketProxyRequest, serve func(context.Context, chat.Connection) error) error {
	ctx, cancel := context.WithTimeout(ctx, SessionTimeout)
	defer cancel()
	inv := e.Begin(ctx, event.RequestContext.RouteKey, event.RequestContext.RequestID)
	inv.Add("connection", event.RequestContext.ConnectionID)
	err := Settle(chat.Guard(func() error {
		connection, err := identify(event)
		if err != nil {
			return err
		}
		inv.Add("account", connection.AccountID)
		return serve(ctx, connection)
	}))
	inv.End(ctx, err)
	return err
}

// statusOf is the HTTP status of a code. Most codes cannot be the outcome of a connect.
func statusOf(err error) int {
	switch chat.CodeOf(err) {
	case chat.OK:
		return http.StatusOK
	case chat.Forbidden:
		return http.StatusForbidden
	case chat.Repeated: // the device was connected once more meanwhile
		return http.StatusConflict
	case chat.Busy:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func offers(headers map[string]string, multi map[string][]string) bool {
	for _, value := range HeaderValues(headers, multi, subProtocolHeader) {
		for protocol := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(protocol) == SubProtocol {
				return true
			}
		}
	}
	return false
}

// HeaderValues are the values of a header, whose name counts in any case. API
// Gateway repeats each header in both maps; the one with all values is preferred.
func HeaderValues(headers map[string]string, multi map[string][]string, name string) []string {
	var values []string
	for key, list := range multi {
		if strings.EqualFold(key, name) {
			values = append(values, list...)
		}
	}
	if len(values) > 0 {
		return values
	}
	for key, value := range headers {
		if strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	return values
}
