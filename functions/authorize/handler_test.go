package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/edge/edgetest"
	"unsend/shared/token"
)

func newVerifier(w *edgetest.World) *token.Verifier {
	secrets := token.Secrets(w.Clock, func(context.Context) ([][]byte, error) { return [][]byte{[]byte(edgetest.TokenSecret)}, nil })
	return token.NewVerifier(token.Rules{Audience: edgetest.TokenAudience, MaxTTL: 24 * time.Hour}, secrets, w.Clock)
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event              request
		device, clientType string
	}{
		"header":       {edgetest.Load[request](t, "authorize-header"), "phone-1", "1"},
		"sub-protocol": {edgetest.Load[request](t, "authorize-subprotocol"), "tab-1", "16"},
		"query":        {edgetest.Load[request](t, "authorize-query"), "", "16"},
	} {
		w := edgetest.NewWorld(t)
		r := c.event
		got, err := newHandler(w.Edge(), newVerifier(w), true)(t.Context(), r)
		if err != nil {
			t.Errorf("%s: %v, %v", name, err, w.Line(t))
			continue
		}
		want := events.APIGatewayCustomAuthorizerResponse{
			PrincipalID: "alice",
			PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{Version: "2012-10-17", Statement: []events.IAMPolicyStatement{{
				Effect: "Allow", Action: []string{"execute-api:Invoke"},
				Resource: []string{"arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/live/$connect"},
			}}},
			Context: map[string]any{"account": "alice", "device_id": c.device, "client_type": c.clientType, "expires_at": "1767229200000"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		line := w.Line(t)
		if line["code"] != 200.0 || line["account"] != "alice" || line["connection"] != r.RequestContext.ConnectionID {
			t.Errorf("%s: line %v", name, line)
		}
	}
}

// plain is a handshake with one header and a query, and nothing else.
func plain(headers map[string]string, query map[string][]string) request {
	var r request
	r.MethodArn = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/live/$connect"
	r.Headers, r.MultiValueQueryStringParameters = headers, query
	return r
}

func bearer(token string) map[string]string {
	return map[string]string{"authorization": "Bearer " + token}
}

func mint(t *testing.T, secret string, change func(*token.Grant)) string {
	t.Helper()
	g := token.Grant{AccountID: "alice", Audience: edgetest.TokenAudience, IssuedAt: edgetest.Now, TTL: time.Hour}
	change(&g)
	text, err := token.Mint([]byte(secret), g)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAuthorizeRefuses(t *testing.T) {
	t.Parallel()
	good := mint(t, edgetest.TokenSecret, func(*token.Grant) {})
	bound := mint(t, edgetest.TokenSecret, func(g *token.Grant) { g.DeviceID, g.ClientType = "phone", chat.IOS })
	parts := strings.Split(good, ".")
	two := bearer(good)
	two["Sec-WebSocket-Protocol"] = "bearer, " + good
	protocols := func(value string) request { return plain(map[string]string{"sec-websocket-protocol": value}, nil) }
	query := func(token string, pairs ...string) request {
		values := map[string][]string{}
		for i := 0; i < len(pairs); i += 2 {
			values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
		}
		return plain(bearer(token), values)
	}
	for name, r := range map[string]request{
		"nothing":                  plain(nil, nil),
		"empty header":             plain(map[string]string{"Authorization": ""}, nil),
		"another scheme":           plain(map[string]string{"Authorization": "Basic " + good}, nil),
		"no scheme":                plain(map[string]string{"Authorization": good}, nil),
		"two in one header":        plain(map[string]string{"Authorization": "Bearer " + good + ", Bearer " + good}, nil),
		"header in two cases":      plain(map[string]string{"Authorization": "Bearer " + good, "authorization": "Bearer " + good}, nil),
		"header and sub-protocol":  plain(two, nil),
		"header and query":         query(good, "token", good),
		"sub-protocol alone":       protocols("bearer"),
		"sub-protocols reversed":   protocols(good + ", bearer"),
		"sub-protocols and more":   protocols("bearer, " + good + ", chat"),
		"sub-protocol twice":       protocols("bearer, bearer"),
		"other sub-protocols":      protocols("chat, v2"),
		"query that is off":        plain(nil, map[string][]string{"token": {good}}),
		"unsigned":                 plain(bearer("eyJhbGciOiJub25lIn0."+parts[1]+"."), nil),
		"signature cut off":        plain(bearer(parts[0]+"."+parts[1]+"."), nil),
		"signed with another key":  plain(bearer(mint(t, strings.Repeat("x", 32), func(*token.Grant) {})), nil),
		"for another audience":     plain(bearer(mint(t, edgetest.TokenSecret, func(g *token.Grant) { g.Audience = "other" })), nil),
		"expired":                  plain(bearer(mint(t, edgetest.TokenSecret, func(g *token.Grant) { g.IssuedAt = edgetest.Now.Add(-time.Hour) })), nil),
		"too long-lived":           plain(bearer(mint(t, edgetest.TokenSecret, func(g *token.Grant) { g.TTL = 25 * time.Hour })), nil),
		"no token":                 plain(bearer("SECRET"), nil),
		"another device":           query(bound, "device_id", "SECRET"),
		"another client type":      query(bound, "client_type", "16"),
		"two devices":              query(good, "device_id", "a", "device_id", "b"),
		"device that is no id":     query(good, "device_id", "SECRET#"),
		"empty device":             query(good, "device_id", ""),
		"client type unknown":      query(good, "client_type", "3"),
		"client type of no number": query(good, "client_type", "SECRET"),
	} {
		w := edgetest.NewWorld(t)
		response, err := newHandler(w.Edge(), newVerifier(w), false)(t.Context(), r)
		if err != nil || response.PolicyDocument.Statement[0].Effect != "Deny" || response.Context != nil || strings.Contains(response.PrincipalID, "alice") {
			t.Errorf("%s: %v, %+v", name, err, response)
		}
		line := w.Line(t)
		reason, _ := line["reason"].(string)
		if line["code"] != 403.0 || line["level"] != "INFO" || reason == "" {
			t.Errorf("%s: line %v", name, line)
		}
		if text := fmt.Sprint(line); strings.Contains(text, "SECRET") || strings.Contains(text, parts[1]) || strings.Contains(text, parts[2]) {
			t.Errorf("%s: what was sent is in the log: %v", name, line)
		}
	}
}

func TestAuthorizeBindsTheDevice(t *testing.T) {
	t.Parallel()
	bound := mint(t, edgetest.TokenSecret, func(g *token.Grant) { g.DeviceID, g.ClientType = "phone", chat.IOS })
	for _, query := range []map[string][]string{nil, {"device_id": {"phone"}, "client_type": {"2"}}} {
		w := edgetest.NewWorld(t)
		response, err := newHandler(w.Edge(), newVerifier(w), false)(t.Context(), plain(bearer(bound), query))
		if err != nil || response.Context["device_id"] != "phone" || response.Context["client_type"] != "2" {
			t.Errorf("%v: %v, %v", query, response.Context, err)
		}
	}
}

type brokenVerifier func(context.Context) error

func (b brokenVerifier) Verify(ctx context.Context, _ string) (token.Identity, error) {
	return token.Identity{}, b(ctx)
}

// A token about which nothing is known is not refused: its client may try again.
func TestAuthorizeInTrouble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		verify brokenVerifier
		code   float64
		level  string
	}{
		"secrets unreachable": {func(context.Context) error { return errors.New("read the secret: no answer") }, 500, "ERROR"},
		"keys too slow":       {func(context.Context) error { return fmt.Errorf("fetch the keys: %w", context.DeadlineExceeded) }, 503, "WARN"},
		"panic":               {func(context.Context) error { panic("SECRET") }, 500, "ERROR"},
	} {
		w := edgetest.NewWorld(t)
		_, err := newHandler(w.Edge(), c.verify, false)(t.Context(), edgetest.Load[request](t, "authorize-header"))
		if err == nil || err.Error() != "internal error, see the log" {
			t.Errorf("%s: %v", name, err)
		}
		if line := w.Line(t); line["code"] != c.code || line["level"] != c.level || line["error"] == nil || strings.Contains(fmt.Sprint(line), "SECRET") {
			t.Errorf("%s: line %v", name, line)
		}
	}
}

// Lambda ends the function after 5 s, with no line in the log.
func TestAuthorizeHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		verify := brokenVerifier(func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return token.ErrRefused
		})
		if _, err := newHandler(edgetest.NewWorld(t).Edge(), verify, false)(t.Context(), edgetest.Load[request](t, "authorize-header")); err != nil {
			t.Fatal(err)
		}
		if left <= 0 || left > 4*time.Second {
			t.Errorf("the token's check had %v", left)
		}
	})
}

// A policy without a resource is none: API Gateway would answer 500 and nothing would say why.
func TestAuthorizeNeedsTheMethod(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"good token": mint(t, edgetest.TokenSecret, func(*token.Grant) {}), "bad token": "SECRET"} {
		w := edgetest.NewWorld(t)
		r := plain(bearer(text), nil)
		r.MethodArn = ""
		response, err := newHandler(w.Edge(), newVerifier(w), false)(t.Context(), r)
		if err == nil || len(response.PolicyDocument.Statement) != 0 {
			t.Errorf("%s: %+v, %v", name, response, err)
		}
		if line := w.Line(t); line["code"] != 500.0 || !strings.Contains(fmt.Sprint(line["error"]), "methodArn") {
			t.Errorf("%s: line %v", name, line)
		}
	}
}
