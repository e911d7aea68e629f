// Package gateway posts frames to connections and closes them, through the
// @connections API of API Gateway.
//
// A call makes one attempt: when and whom to try again is decided where the
// whole audience is known. The SDK's own retries are off, since they share a budget between all
// connections, which a burst of 429 empties for everybody.
//
// # What the answers mean
//
//	200             taken
//	410             chat.ErrGone
//	400 "Invalid connectionId"
//	                chat.ErrGone: no connection has or will have such an id, so its row is good for
//	                nothing. Any other 400 is about the request and says nothing about a connection.
//	429, 5xx, no connection to the service
//	                chat.ErrThrottled
//	no answer       chat.ErrTimeout, after chat.PostTimeout or by the context's deadline
//	403, 413, rest  an error of its own: permissions, a frame that is too large
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
)

// Gateway is safe for concurrent use.
type Gateway struct {
	client *apigatewaymanagementapi.Client
}

var _ chat.Gateway = (*Gateway)(nil)

// New makes a Gateway for the API whose connections are under callbackURL:
// https://{domain}/{stage}, without a slash at its end.
func New(cfg aws.Config, callbackURL string) *Gateway {
	return &Gateway{client: apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String(callbackURL)
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = transport()
	})}
}

// transport has limits below [chat.PostTimeout] for the steps that come before
// an answer, so that a dead address is not mistaken for a slow client.
func transport() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) {
			d.Timeout = 800 * time.Millisecond
			d.KeepAlive = 30 * time.Second
		}).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns = awsenv.IdleConnections
			t.MaxIdleConnsPerHost = awsenv.IdleConnections
			t.IdleConnTimeout = 60 * time.Second
			t.TLSHandshakeTimeout = 800 * time.Millisecond
		})
}

// Post sends a frame. See [chat.Gateway].
func (g *Gateway) Post(ctx context.Context, connectionID string, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, chat.PostTimeout)
	defer cancel()
	_, err := g.client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{
		ConnectionId: aws.String(connectionID),
		Data:         frame,
	})
	return explain("post to a connection", err)
}

// Close ends the connection. See [chat.Gateway].
func (g *Gateway) Close(ctx context.Context, connectionID string) error {
	ctx, cancel := context.WithTimeout(ctx, chat.PostTimeout)
	defer cancel()
	_, err := g.client.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{
		ConnectionId: aws.String(connectionID),
	})
	return explain("close a connection", err)
}

// explain gives an error of the SDK the meaning that the services act on.
func explain(operation string, err error) error {
	if err == nil {
		return nil
	}
	switch status := statusOf(err); {
	case timedOut(err):
		return fmt.Errorf("%s: %w", operation, chat.ErrTimeout)
	case status == http.StatusGone, status == http.StatusBadRequest && isInvalidID(err):
		return fmt.Errorf("%s: status %d: %w", operation, status, chat.ErrGone)
	case status == http.StatusTooManyRequests, status >= 500:
		return fmt.Errorf("%s: status %d: %w", operation, status, chat.ErrThrottled)
	case isSendError(err) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: not reached: %w", operation, chat.ErrThrottled)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// statusOf is 0 where no answer came.
func statusOf(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

func timedOut(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
}

// isInvalidID looks at the text, as BadRequestException has no other mark. The id
// follows it.
func isInvalidID(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && strings.HasPrefix(strings.ToLower(api.ErrorMessage()), "invalid connectionid")
}

func isSendError(err error) bool {
	_, ok := errors.AsType[*smithyhttp.RequestSendError](err)
	return ok
}
