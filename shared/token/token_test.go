package token_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/token"
)

var (
	secret = []byte("a-secret-of-more-than-32-bytes-for-tests")
	other  = []byte("another-secret-of-more-than-32-bytes-too")
	start  = time.UnixMilli(1_767_225_600_000)
)

func rules() token.Rules {
	return token.Rules{Audience: "unsend", Issuer: "https://login.example", MaxTTL: time.Hour}
}

func fixed(t time.Time) chat.Clock { return func() time.Time { return t } }

func secrets(list ...[]byte) func(context.Context) ([][]byte, error) {
	return func(context.Context) ([][]byte, error) { return list, nil }
}

func verifier(t *testing.T, now time.Time) *token.Verifier {
	t.Helper()
	return token.NewVerifier(rules(), token.Secrets(fixed(now), secrets(secret, other)), fixed(now))
}

func grant() token.Grant {
	return token.Grant{AccountID: "alice", Audience: "unsend", Issuer: "https://login.example", IssuedAt: start, TTL: time.Minute}
}

func mint(t *testing.T, key []byte, g token.Grant) string {
	t.Helper()
	made, err := token.Mint(key, g)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// handmade signs any header and payload with HMAC-SHA256, as an attacker could write them.
func handmade(key []byte, header, payload string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const goodHeader = `{"alg":"HS256","typ":"JWT"}`

// payload is a good one in which one name has another value; "" leaves the name out.
func payload(name, value string) string {
	claims := []struct{ name, value string }{
		{"sub", `"alice"`}, {"aud", `"unsend"`}, {"iss", `"https://login.example"`},
		{"exp", fmt.Sprint(start.Unix() + 60)}, {"iat", fmt.Sprint(start.Unix())},
	}
	var parts []string
	known := false
	for _, c := range claims {
		if c.name == name {
			known, c.value = true, value
		}
		if c.value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", c.name, c.value))
		}
	}
	if !known && value != "" {
		parts = append(parts, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestVerifyAcceptsWhatMintMakes(t *testing.T) {
	t.Parallel()
	g := grant()
	g.DeviceID, g.ClientType = "phone", chat.IOS
	for name, key := range map[string][]byte{"first secret": secret, "second secret": other} {
		got, err := verifier(t, start).Verify(t.Context(), mint(t, key, g))
		want := token.Identity{AccountID: "alice", DeviceID: "phone", ClientType: chat.IOS, ExpiresAt: start.UnixMilli() + 60_000}
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestVerifyClaims(t *testing.T) {
	t.Parallel()
	unix := func(d time.Duration) string { return fmt.Sprintf("%.3f", float64(start.Add(d).UnixMilli())/1000) }
	tests := []struct {
		name, claim, value string
		why                string // part of the refusal; empty: accepted
	}{
		{"as it should be", "", "", ""},
		{"audience in a list", "aud", `["x","unsend"]`, ""},
		{"unknown claims are ignored", "scope", `"all"`, ""},
		{"lasts for the longest time", "exp", unix(time.Hour + token.Leeway), ""},
		{"a millisecond left", "exp", unix(time.Millisecond), ""},
		{"not before now", "nbf", unix(0), ""},
		{"issued by a clock that is ahead", "iat", unix(token.Leeway), ""},
		{"no issue time", "iat", "", ""},
		{"account of 64 bytes", "sub", `"` + strings.Repeat("é", 32) + `"`, ""},

		{"another audience", "aud", `"else"`, "aud"},
		{"no audience", "aud", "", "aud"},
		{"empty audience list", "aud", `[]`, "aud"},
		{"audience null", "aud", `null`, "aud"},
		{"audience a number", "aud", `7`, "right types"},
		{"another issuer", "iss", `"https://evil.example"`, "iss"},
		{"no issuer", "iss", "", "iss"},
		{"no expiry", "exp", "", "exp is missing"},
		{"expiry null", "exp", "null", "exp is missing"},
		{"expiry a text", "exp", `"1767225660"`, "right types"},
		{"expires now", "exp", unix(0), "expired"},
		{"expired", "exp", unix(-time.Hour), "expired 1h"},
		{"expiry negative", "exp", "-1", "no time"},
		{"expiry huge", "exp", "1e300", "no time"},
		{"lives a millisecond too long", "exp", unix(time.Hour + token.Leeway + time.Millisecond), "lives longer"},
		{"not valid yet", "nbf", unix(token.Leeway + time.Second), "nbf"},
		{"issued in the future", "iat", unix(token.Leeway + time.Second), "iat"},
		{"issued never", "iat", "-5", "iat"},
		{"no account", "sub", "", "sub"},
		{"empty account", "sub", `""`, "sub"},
		{"account null", "sub", `null`, "sub"},
		{"account a number", "sub", `1`, "right types"},
		{"account with the separator of keys", "sub", `"a#b"`, "sub"},
		{"account with a control character", "sub", `"a\u0000b"`, "sub"},
		{"account too long", "sub", `"` + strings.Repeat("a", 65) + `"`, "sub"},
		{"account not UTF-8", "sub", "\"a\xff\"", "right types"},
		{"account with half a surrogate", "sub", `"\ud800"`, "right types"},
		{"empty device", "device_id", `""`, "device_id"},
		{"device with the separator of keys", "device_id", `"#1"`, "device_id"},
		{"unknown client type", "client_type", `3`, "client_type"},
		{"client type 0", "client_type", `0`, "client_type"},
		{"client type a text", "client_type", `"4"`, "right types"},
		{"client type a fraction", "client_type", `4.5`, "right types"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier(t, start).Verify(t.Context(), handmade(secret, goodHeader, payload(test.claim, test.value)))
			checkRefusal(t, err, test.why)
		})
	}
}

func TestVerifyForm(t *testing.T) {
	t.Parallel()
	good := handmade(secret, goodHeader, payload("", ""))
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	tests := []struct{ name, token, why string }{
		{"nothing", "", "there is none"},
		{"one part", "abc", "three parts"},
		{"four parts", good + ".x", "three parts"},
		{"JSON serialization", `{"payload":"x.y.z"}`, "base64url"},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], "base64url"},
		{"line break", good + "\n", "base64url"},
		{"another spelling of the signature", respelled(t, good), "base64url"},
		{"too long", strings.Repeat("a", 9000), "longer"},
		{"unsigned", none + "." + parts[1] + ".", "alg"},
		{"none with a signature", none + "." + parts[1] + "." + parts[2], "alg"},
		{"no signature", parts[0] + "." + parts[1] + ".", "signed it"},
		{"another payload", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(payload("sub", `"root"`))) + "." + parts[2], "signed it"},
		{"another secret", handmade([]byte("an unknown secret of this deployment.."), goodHeader, payload("", "")), "signed it"},
		{"no alg", handmade(secret, `{}`, payload("", "")), "alg"},
		{"HS512", handmade(secret, `{"alg":"HS512"}`, payload("", "")), "alg"},
		{"small letters", handmade(secret, `{"alg":"hs256"}`, payload("", "")), "alg"},
		{"header not JSON", handmade(secret, `alg`, payload("", "")), "header"},
		{"alg twice", handmade(secret, `{"alg":"HS256","alg":"none"}`, payload("", "")), "header"},
		{"critical extension", handmade(secret, `{"alg":"HS256","crit":["x"],"x":1}`, payload("", "")), "extension"},
		{"unencoded payload", handmade(secret, `{"alg":"HS256","b64":false}`, payload("", "")), "extension"},
		{"another type", handmade(secret, `{"alg":"HS256","typ":"secevent+jwt"}`, payload("", "")), "typ"},
		{"claims not an object", handmade(secret, goodHeader, `[]`), "claims"},
		{"claims not JSON", handmade(secret, goodHeader, `x`), "claims"},
		{"the same claim twice", handmade(secret, goodHeader, payload("", "")[:len(payload("", ""))-1]+`,"sub":"bob"}`), "right types"},
		{"two values", handmade(secret, goodHeader, payload("", "")+"{}"), "claims"},
		{"an access token", handmade(secret, `{"alg":"HS256","typ":"at+JWT"}`, payload("", "")), ""},
		{"a key name is no matter to a secret", handmade(secret, `{"alg":"HS256","kid":"../../x","jku":"https://evil.example"}`, payload("", "")), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier(t, start).Verify(t.Context(), test.token)
			checkRefusal(t, err, test.why)
		})
	}
}

// respelled is the token with other bits behind its last byte, where base64 has room for
// some: decoders that are not strict read the same bytes.
func respelled(t *testing.T, token string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	changed := token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])^1])
	signature := func(token string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndexByte(token, '.')+1:])
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if changed == token || !bytes.Equal(signature(changed), signature(token)) {
		t.Fatal("this is not another spelling")
	}
	return changed
}

func checkRefusal(t *testing.T, err error, why string) {
	t.Helper()
	switch {
	case why == "" && err != nil:
		t.Errorf("refused: %v", err)
	case why != "" && !errors.Is(err, token.ErrRefused):
		t.Errorf("got %v, want a refusal", err)
	case why != "" && !strings.Contains(err.Error(), why):
		t.Errorf("the refusal %q does not say %q", err, why)
	}
}

func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"sub": `"sesame#sesame"`, "aud": `"sesame"`, "iss": `"sesame"`, "device_id": `"#sesame"`,
		"exp": `"sesame"`, "client_type": `"sesame"`, "nbf": `"sesame"`,
	} {
		made := handmade(secret, goodHeader, payload(name, value))
		_, err := verifier(t, start).Verify(t.Context(), made)
		if err == nil || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), made[:20]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*token.Grant){
		"no account":          func(g *token.Grant) { g.AccountID = "" },
		"account with #":      func(g *token.Grant) { g.AccountID = "a#" },
		"device with #":       func(g *token.Grant) { g.DeviceID = "#" },
		"unknown client type": func(g *token.Grant) { g.ClientType = 3 },
		"no life":             func(g *token.Grant) { g.TTL = 0 },
	} {
		g := grant()
		change(&g)
		if _, err := token.Mint(secret, g); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := token.Mint([]byte("short"), grant()); err == nil {
		t.Error("short secret: accepted")
	}
}

// FuzzVerify: whatever a client sends is refused cleanly, unless it was signed.
func FuzzVerify(f *testing.F) {
	good, err := token.Mint(secret, grant())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(handmade(secret, `{"alg":"none"}`, payload("", "")))
	f.Add(handmade(other[:10], goodHeader, payload("aud", `["x"]`)))
	f.Add("..")
	keys := token.Secrets(fixed(start), secrets(secret))
	v := token.NewVerifier(rules(), keys, fixed(start))
	f.Fuzz(func(t *testing.T, text string) {
		id, err := v.Verify(t.Context(), text)
		switch {
		case err == nil && text != good:
			t.Errorf("accepted a token that nobody signed, for %q", id.AccountID)
		case err != nil && !errors.Is(err, token.ErrRefused):
			t.Errorf("not a refusal: %v", err)
		}
	})
}
