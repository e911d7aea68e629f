package edge

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/wire"
)

// Route is how the frames of one route are served.
type Route[R any] struct {
	Key    string // the route key
	Decode func(body string) (wire.Frame[R], error)
	Serve  func(context.Context, chat.Connection, R) (wire.Result, error)
	// Subject names what a request is about, for the log; nil where there is nothing.
	Subject func(R) Subject
}

// Subject is what a request is about.
type Subject struct{ Server, Channel, Message string }

// Frames makes the handler of a route. Its answer is always a frame; it returns
// no error.
func Frames[R any](e Edge, route Route[R]) Handler {
	return func(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, FrameTimeout)
		defer cancel()
		inv := e.Begin(ctx, event.RequestContext.RouteKey, event.RequestContext.RequestID)
		inv.Add("connection", event.RequestContext.ConnectionID)
		s := served[R]{route: route, edge: e, inv: inv}
		err := Settle(chat.Guard(func() error { return s.serve(inv.Within(ctx), event) }))
		if err != nil {
			s.answer = wire.Refusal(route.Key, s.frame.RequestID, err)
		}
		s.describe(err)
		s.measure(err)
		if err == nil {
			err = FailedPart(append(errorsOf(s.result.Revoked), inv.notes...))
		}
		inv.End(ctx, err)
		return events.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: s.answer}, nil
	}
}

// served is one frame on its way. What is known stays known when a later step panics.
type served[R any] struct {
	route  Route[R]
	edge   Edge
	inv    *Invocation
	frame  wire.Frame[R]
	result wire.Result
	answer string
}

func (s *served[R]) serve(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) error {
	var malformed error
	s.frame, malformed = s.decode(event)
	connection, err := identify(event)
	if err != nil {
		return err
	}
	s.inv.Add("account", connection.AccountID)
	if key := event.RequestContext.RouteKey; key != s.route.Key {
		return fmt.Errorf("route %q leads to the function of %q", key, s.route.Key)
	}
	if err := checkExpiry(connection, s.edge.Clock()); err != nil {
		return err
	}
	if malformed != nil {
		return malformed
	}
	result, err := s.route.Serve(ctx, connection, s.frame.Request)
	if err != nil {
		return err
	}
	s.result = result
	s.answer, err = wire.Answer(s.route.Key, s.frame.RequestID, result)
	return err
}

// FailedPart is what the log must not miss of a request that was answered in parts, whose errors these are (nil where there was
// none): the first that failed here, or else that was busy. The refusals of the others are their caller's matter.
func FailedPart(errs []error) (found error) {
	for _, err := range errs {
		switch code := chat.CodeOf(err); {
		case code == chat.Internal:
			return err
		case code == chat.Busy && found == nil:
			found = err
		}
	}
	return found
}

func errorsOf(outcomes []chat.RevokeOutcome) []error {
	errs := make([]error, len(outcomes))
	for i, o := range outcomes {
		errs[i] = o.Err
	}
	return errs
}

func (s *served[R]) decode(event events.APIGatewayWebsocketProxyRequest) (wire.Frame[R], error) {
	if event.IsBase64Encoded {
		return wire.Frame[R]{}, &chat.Error{Code: chat.Invalid, Field: "frame", Reason: "must be text, not binary"}
	}
	return s.route.Decode(event.Body)
}

// describe adds what the request was about to the log line. The ids of one that
// was malformed may be anything, and are left out.
func (s *served[R]) describe(err error) {
	code := chat.CodeOf(err)
	if code == chat.Invalid || code == chat.TooLong {
		return
	}
	var subject Subject
	if s.route.Subject != nil {
		subject = s.route.Subject(s.frame.Request)
	}
	if m := s.result.Message; m != nil {
		subject.Message = m.MsgServerID
	}
	s.inv.addID("server", subject.Server)
	s.inv.addID("channel", subject.Channel)
	s.inv.addID("message", subject.Message)
}

// measure counts what the frame did.
func (s *served[R]) measure(err error) {
	switch s.route.Key {
	case wire.Send:
		if err == nil {
			s.inv.Sent()
		}
	case wire.Revoke:
		s.inv.Revoked(err)
	case wire.RevokeBatch:
		if err != nil { // of none is anything known
			s.inv.Revoked(err)
			return
		}
		s.inv.Revoked(errorsOf(s.result.Revoked)...)
	}
}

// addID is Add for what may be no id.
func (inv *Invocation) addID(key, id string) {
	if chat.CheckID(key, id) == nil {
		inv.Add(key, id)
	}
}
