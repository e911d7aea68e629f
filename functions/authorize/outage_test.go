package main

import (
	"context"
	"testing"
	"time"

	"unsend/shared/config"
	"unsend/shared/edge/edgetest"
	"unsend/shared/outage"
	"unsend/shared/token"
)

// Whatever is down: nobody gets in without a check, and a good token does when it is back. A function that could not read its keys asks again
// after 30 s at the earliest, so that another one is asked here.
func TestOutages(t *testing.T) {
	outage.Play(t, "authorize", run, func(c *outage.Case, h handler) outage.Scene {
		text := secretToken(c)
		if c.On == outage.KeySet {
			c.Env[config.TokenSecrets], c.Env[config.TokenJWKSURL] = "", c.KeySetURL()
			h, text = another(c), c.SignedToken("alice")
		}
		ask := func(ctx context.Context, h handler) string {
			response, err := h(ctx, plain(bearer(text), nil))
			switch {
			case err != nil:
				return "500"
			case response.PolicyDocument.Statement[0].Effect == "Allow" && response.Context["account"] == "alice":
				return "allowed"
			}
			return "refused"
		}
		return outage.Scene{
			Invoke: func(ctx context.Context) string { return ask(ctx, h) },
			Again:  func(ctx context.Context) string { return ask(ctx, another(c)) },
		}
	})
}

// another is one more environment of the function.
func another(c *outage.Case) handler {
	c.Helper()
	h, err := run(c.Context(), c.Getenv)
	c.Must(h, err)
	return h
}

func secretToken(c *outage.Case) string {
	c.Helper()
	text, err := token.Mint([]byte(edgetest.TokenSecret), token.Grant{AccountID: "alice", Audience: edgetest.TokenAudience, IssuedAt: time.Now(), TTL: time.Hour})
	c.Must(text, err)
	return text
}
