// Command authorize decides who may connect: it is the REQUEST authorizer of the
// WebSocket API's $connect. It verifies the token of the handshake and hands
// account, device, client type and expiry on to every later event of the connection.
//
// What the client is told of a refusal is 403 and nothing more; the log has the rule
// that failed, never the token.
package main

import (
	"context"
	"time"

	"unsend/shared/config"
	"unsend/shared/edge"
	"unsend/shared/token"
)

func main() { edge.Start(run) }

func run(_ context.Context, getenv func(string) string) (handler, error) {
	env := config.From(getenv)
	const longest = 30 * 24 * 3600
	rules := token.Rules{
		Audience: env.Text(config.TokenAudience),
		Issuer:   env.Optional(config.TokenIssuer),
		MaxTTL:   time.Duration(env.Int(config.TokenMaxTTL, 60, longest)) * time.Second,
	}
	allowQuery := env.Bool(config.AllowQueryToken)
	source := keySource{secrets: env.List(config.TokenSecrets), jwksURL: env.Optional(config.TokenJWKSURL)}
	if err := env.Err(); err != nil {
		return nil, err
	}
	e := edge.New(getenv, env.Metrics())
	keys, err := source.keys(getenv, e.Clock)
	if err != nil {
		return nil, err
	}
	return newHandler(e, token.NewVerifier(rules, keys, e.Clock), allowQuery), nil
}
