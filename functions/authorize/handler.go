package main

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/token"
)

// request is the event of a REQUEST authorizer of a WebSocket API, whose context
// is that of the $connect to come.
type request struct {
	events.APIGatewayWebsocketProxyRequest
	MethodArn string `json:"methodArn"`
}

// handler decides on a connection.
type handler func(context.Context, request) (events.APIGatewayCustomAuthorizerResponse, error)

type verifier interface {
	Verify(ctx context.Context, token string) (token.Identity, error)
}

// errInternal is what Lambda is told of trouble that is not the token's. API
// Gateway answers the handshake with 500, and its client may try again.
var errInternal = errors.New("internal error, see the log")

// newHandler makes the handler. allowQuery takes the token from ?token= too.
//
// A refusal is a policy that denies, which the client sees as 403 and nothing
// more. The other way to refuse, the error "Unauthorized" for a 401, would count as an error
// of the function: everybody with a bad token could set off its alarm.
func newHandler(e edge.Edge, tokens verifier, allowQuery bool) handler {
	return func(ctx context.Context, r request) (response events.APIGatewayCustomAuthorizerResponse, _ error) {
		ctx, cancel := context.WithTimeout(ctx, edge.FrameTimeout)
		defer cancel()
		inv := e.Begin(ctx, "authorize", r.RequestContext.RequestID)
		inv.Add("connection", r.RequestContext.ConnectionID)
		err := edge.Settle(chat.Guard(func() (err error) {
			response, err = authorize(ctx, inv, tokens, r, allowQuery)
			return err
		}))
		switch {
		case err == nil:
			inv.End(ctx, nil)
			return response, nil
		case errors.Is(err, token.ErrRefused):
			inv.Add("reason", err.Error())
			inv.End(ctx, &chat.Error{Code: chat.Forbidden, Err: err})
			return policy("Deny", "refused", r.MethodArn), nil
		default:
			inv.End(ctx, err)
			return events.APIGatewayCustomAuthorizerResponse{}, errInternal
		}
	}
}

func authorize(ctx context.Context, inv *edge.Invocation, tokens verifier, r request, allowQuery bool) (events.APIGatewayCustomAuthorizerResponse, error) {
	var none events.APIGatewayCustomAuthorizerResponse
	if r.MethodArn == "" {
		return none, errors.New("the event names no methodArn")
	}
	text, err := findToken(r, allowQuery)
	if err != nil {
		return none, err
	}
	identity, err := tokens.Verify(ctx, text)
	if err != nil {
		return none, err
	}
	inv.Add("account", identity.AccountID)
	connection, err := bind(identity, r)
	if err != nil {
		return none, err
	}
	response := policy("Allow", connection.AccountID, r.MethodArn)
	response.Context = edge.Authorized(connection)
	return response, nil
}

// policy decides on this one connect.
func policy(effect, principal, methodArn string) events.APIGatewayCustomAuthorizerResponse {
	return events.APIGatewayCustomAuthorizerResponse{
		PrincipalID: principal,
		PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
			Version: "2012-10-17",
			Statement: []events.IAMPolicyStatement{
				{Effect: effect, Action: []string{"execute-api:Invoke"}, Resource: []string{methodArn}},
			},
		},
	}
}
