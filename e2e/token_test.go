package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/coder/websocket"

	"unsend/shared/token"
)

// shake tries a handshake and gives its status and body; 101 when it succeeded.
func (c *community) shake(query url.Values, header http.Header, subprotocols ...string) (status int, body string) {
	c.t.Helper()
	conn, response, err := websocket.Dial(c.ctx(), c.WebSocketURL+"?"+query.Encode(),
		&websocket.DialOptions{HTTPHeader: header, Subprotocols: subprotocols})
	if err == nil {
		_ = conn.CloseNow()
	}
	if response == nil {
		c.t.Fatal(err)
	}
	if response.Body != nil {
		text, _ := io.ReadAll(response.Body)
		body = string(text)
	}
	return response.StatusCode, body
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// Every refusal looks the same to the client; the log says which rule failed,
// and never holds the token.
func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	grant := token.Grant{AccountID: c.account("mallory"), Audience: c.TokenAudience, Issuer: c.TokenIssuer, IssuedAt: time.Now(), TTL: time.Minute}
	mint := func(secret string, change func(*token.Grant)) string {
		g := grant
		change(&g)
		text, err := token.Mint([]byte(secret), g)
		c.must(nil, err)
		return text
	}
	good := mint(string(c.secret), func(*token.Grant) {})
	parts := strings.Split(good, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	log := c.logOf("authorize")
	tests := map[string]struct{ text, reason string }{
		"none at all":         {"", "there is none"},
		"expired":             {mint(string(c.secret), func(g *token.Grant) { g.IssuedAt = time.Now().Add(-time.Hour) }), "expired"},
		"another audience":    {mint(string(c.secret), func(g *token.Grant) { g.Audience = "somebody-else" }), "aud does not name"},
		"too long a life":     {mint(string(c.secret), func(g *token.Grant) { g.TTL = 1000 * time.Hour }), "lives longer than"},
		"another key":         {mint(strings.Repeat("another key ", 8), func(*token.Grant) {}), "no key of this deployment signed it"},
		"unsigned":            {unsigned, "its alg is not one"},
		"signature cut":       {good[:len(good)-3], "no key of this deployment signed it"},
		"no token":            {"what-is-this", "not three parts"},
		"another's signature": {parts[0] + "." + parts[1] + "." + strings.Split(mint(string(c.secret), func(g *token.Grant) { g.AccountID = "x" }), ".")[2], "no key of this deployment signed it"},
	}
	expected := map[string]int{} // how often the log will give each reason
	for _, x := range tests {
		expected[x.reason] = max(expected[x.reason], strings.Count(log, x.reason)) + 1
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			if x.text != "" {
				header = bearer(x.text)
			}
			status, body := c.shake(nil, header)
			if status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("status %d, want 401 or 403", status)
			}
			if len(body) > 200 || x.text != "" && strings.Contains(body, x.text) {
				t.Errorf("the client was told more than a status: %d bytes", len(body))
			}
		})
	}
	for reason, times := range expected {
		eventually(t, fmt.Sprintf("the log says %q %d times", reason, times), func() bool {
			return strings.Count(c.logOf("authorize"), reason) >= times
		})
	}
	log = c.logOf("authorize")
	for name, x := range tests {
		for part := range strings.SplitSeq(x.text, ".") {
			if part != "" && strings.Contains(log, part) {
				t.Errorf("the log holds the token, %s", name)
			}
		}
	}
}

// While it runs, a token of the secret that signs is accepted at every moment, and one of the next secret soon after that has its
// value: nobody is refused while tokens move from one to the other. (What a withdrawn secret signed ends with the functions' copies, which
// the tests of package token wait for.)
func TestTokensMoveToTheNextSecret(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	if c.NextTokenSecretARN == "" {
		t.Skip("the deployment has no output NextTokenSecretArn: deploy this version, with secrets")
	}
	next := []byte(random() + random() + random() + random())
	_, err := secretsmanager.NewFromConfig(c.AWS()).PutSecretValue(c.ctx(), &secretsmanager.PutSecretValueInput{
		SecretId: &c.NextTokenSecretARN, SecretString: aws.String(string(next)),
	})
	c.must(nil, err)
	moved, err := token.Mint(next, token.Grant{AccountID: c.account("owner"), Audience: c.TokenAudience, Issuer: c.TokenIssuer, IssuedAt: time.Now(), TTL: time.Hour})
	c.must(nil, err)
	began := time.Now()
	for {
		if status, _ := c.shake(nil, bearer(c.token("owner", ""))); status != http.StatusSwitchingProtocols {
			t.Fatalf("a token of the secret that signs: status %d", status)
		}
		status, _ := c.shake(nil, bearer(moved))
		if status == http.StatusSwitchingProtocols {
			return
		}
		if time.Since(began) > 3*patience { // a function looks again after 30 s
			t.Fatalf("a token of the next secret is refused after %v: status %d", time.Since(began), status)
		}
		time.Sleep(time.Second)
	}
}

func TestWhereATokenMayBe(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	text := c.token("owner", "")
	for name, x := range map[string]struct {
		query        url.Values
		header       http.Header
		subprotocols []string
		want         int
	}{
		"header":            {header: bearer(text), want: 101},
		"sub-protocol":      {subprotocols: []string{"bearer", text}, want: 101},
		"query":             {query: url.Values{"token": {text}}, want: 101}, // AllowQueryToken is on here
		"bad device":        {header: bearer(text), query: url.Values{"device_id": {"a#b"}}, want: 401},
		"long device":       {header: bearer(text), query: url.Values{"device_id": {strings.Repeat("x", 65)}}, want: 401},
		"bad client type":   {header: bearer(text), query: url.Values{"client_type": {"3"}}, want: 401},
		"of another device": {header: bearer(c.token("owner", "phone")), query: url.Values{"device_id": {"tablet"}}, want: 401},
	} {
		t.Run(name, func(t *testing.T) {
			status, _ := c.shake(x.query, x.header, x.subprotocols...)
			if status != x.want && !(x.want == 401 && status == 403) {
				t.Errorf("status %d, want %d", status, x.want)
			}
		})
	}
}

// A token that ends while its connection is open ends what the connection may do.
func TestATokenThatEnds(t *testing.T) {
	t.Parallel()
	const ttl = patience / 2 // a handshake of cold functions ends within it, and the token within patience
	c := newCommunity(t)
	text, err := token.Mint(c.secret, token.Grant{AccountID: c.account("owner"), Audience: c.TokenAudience, Issuer: c.TokenIssuer, IssuedAt: time.Now(), TTL: ttl})
	c.must(nil, err)
	conn, _, err := websocket.Dial(c.ctx(), c.WebSocketURL, &websocket.DialOptions{HTTPHeader: bearer(text)})
	c.must(nil, err)
	defer func() { _ = conn.CloseNow() }()
	raw := &rawDevice{c: c, conn: conn}
	send := fmt.Sprintf(`{"action":"send","server_id":%q,"channel_id":"lobby","msg_id":"1","msg_body":"x"}`, c.id)
	if answer := raw.ask(send); answer.Code != 200 {
		t.Fatalf("while it is good: %d", answer.Code)
	}
	eventually(t, "403 for the expired token", func() bool { return raw.ask(send).Code == 403 })
}

// rawDevice writes frames as they are.
type rawDevice struct {
	c    *community
	conn *websocket.Conn
}

type rawAnswer struct {
	Type      string `json:"type"`
	Action    string `json:"action"`
	RequestID string `json:"request_id"`
	Code      int    `json:"res_code"`
	Field     string `json:"field"`
	Reason    string `json:"reason"`
	text      string
}

func (c *community) raw(name string) *rawDevice {
	c.t.Helper()
	return c.rawAs(name, "raw", web)
}

func (c *community) rawAs(name, deviceID string, clientType int) *rawDevice {
	c.t.Helper()
	query := url.Values{"device_id": {deviceID}, "client_type": {fmt.Sprint(clientType)}}
	conn, _, err := websocket.Dial(c.ctx(), c.WebSocketURL+"?"+query.Encode(), &websocket.DialOptions{HTTPHeader: bearer(c.token(name, ""))})
	c.must(nil, err)
	conn.SetReadLimit(1 << 20)
	c.t.Cleanup(func() { _ = conn.CloseNow() })
	return &rawDevice{c: c, conn: conn}
}

// ask writes a frame and reads up to its answer.
func (r *rawDevice) ask(frame string) rawAnswer {
	r.c.t.Helper()
	ctx, cancel := context.WithTimeout(r.c.t.Context(), patience)
	defer cancel()
	r.c.must(nil, r.conn.Write(ctx, websocket.MessageText, []byte(frame)))
	for {
		answer, err := r.read(ctx)
		if err != nil {
			r.c.t.Fatalf("no answer to a frame of %d bytes: %v", len(frame), err)
		}
		if answer.Type == "response" {
			return answer
		}
	}
}

var errNotJSON = errors.New("not a JSON frame")
