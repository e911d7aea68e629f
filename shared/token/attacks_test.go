package token_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"unsend/shared/token"
)

// The known attacks on JWTs (RFC 8725 §2, OWASP's cheat sheet, and the advisories of libraries), each with its own name. The forms and
// claims that are no attacks are in token_test.go.

// checkRefused wants a refusal for whatever reason, that is no trouble with the keys.
func checkRefused(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, token.ErrRefused) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// b64 is one part of a token.
func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// Spellings of "none", and values of alg that readers take for something else than they are.
func TestAlgIsTakenAtItsWord(t *testing.T) {
	t.Parallel()
	good := payload("", "")
	for _, alg := range []string{
		`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `"none "`, `" none"`, `"no\u006ee"`, `"none\u0000"`, `"HS256\u0000"`, `" HS256"`, `"HS256 "`, `"hs256"`, `"HS256,none"`,
		`""`, `null`, `0`, `true`, `[]`, `["HS256"]`, `["none","HS256"]`, `{"alg":"HS256"}`, `"HS384"`, `"HS512"`, `"RS256"`, `"ES256"`, `"PS256"`, `"EdDSA"`, `"ES256K"`, `"dir"`, `"A128KW"`, `"RSA-OAEP"`, `"PBES2-HS256+A128KW"`,
	} {
		header := `{"alg":` + alg + `,"typ":"JWT"}`
		signed := handmade(secret, header, good)
		for name, made := range map[string]string{"signed": signed, "unsigned": signed[:strings.LastIndexByte(signed, '.')+1], "signed by nothing": handmade(nil, header, good)} {
			if _, err := verifier(t, start).Verify(t.Context(), made); err == nil {
				t.Errorf("alg %s, %s: accepted", alg, name)
			} else {
				checkRefused(t, err)
			}
		}
	}
}

// A signature that is none, for each kind of key.
func TestEmptySignatures(t *testing.T) {
	t.Parallel()
	es, ed := ecSigner(t, "e", elliptic.P256(), jwa.ES256()), edSigner(t, "d")
	rs := rsaSigner(t, "r", 2048)
	server := publish(t, keySet(t, []signer{rs, es, ed}))
	public := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	for name, signature := range map[string]string{
		"nothing": "", "a zero byte": "\x00", "32 zero bytes": strings.Repeat("\x00", 32),
		"64 zero bytes, r and s of ES256": strings.Repeat("\x00", 64), "256 zero bytes": strings.Repeat("\x00", 256),
		"a DER signature of zeros": "\x30\x06\x02\x01\x00\x02\x01\x00",
	} {
		for alg, v := range map[string]*token.Verifier{"HS256": verifier(t, start), "RS256": public, "ES256": public, "EdDSA": public} {
			made := b64(`{"alg":"`+alg+`"}`) + "." + b64(payload("", "")) + "." + b64(signature)
			if _, err := v.Verify(t.Context(), made); !errors.Is(err, token.ErrRefused) {
				t.Errorf("%s, %s: got %v, want a refusal", alg, name, err)
			}
		}
	}
}

// HMAC with what everybody knows: nothing, the empty hash, the key set itself, names of the deployment.
func TestSecretsThatEverybodyKnows(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "\x00", strings.Repeat("\x00", 32), "secret", "unsend", "https://login.example", "null", "undefined"} {
		_, err := verifier(t, start).Verify(t.Context(), handmade([]byte(key), goodHeader, payload("", "")))
		checkRefusal(t, err, "signed it")
	}
}

// A token that brings its own key along, or says where to fetch it: nothing is fetched, and the key is not used.
func TestKeysThatATokenBringsAlong(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int32
	mallory := edSigner(t, "d") // the id of a good key
	set := keySet(t, []signer{mallory})
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write([]byte(set)) // a client that hangs up fails its own test
	}))
	defer evil.Close()
	server := publish(t, keySet(t, []signer{edSigner(t, "d")}))
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	own, err := jwk.Import(mallory.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	for name, member := range map[string]string{
		"jwk": `"jwk":` + string(text), "jku": fmt.Sprintf(`"jku":%q`, evil.URL), "x5u": fmt.Sprintf(`"x5u":%q`, evil.URL), "x5c": `"x5c":["MIIB"]`,
		"kid that is a URL": fmt.Sprintf(`"kid":%q`, evil.URL), "jku and kid": fmt.Sprintf(`"jku":%q,"kid":"d"`, evil.URL), "a fetch as extension": fmt.Sprintf(`"crit":["jku"],"jku":%q`, evil.URL),
	} {
		made := handsigned(t, mallory, `{"alg":"EdDSA",`+member+`}`, payload("", ""))
		if _, err := v.Verify(t.Context(), made); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
	if n := fetched.Load(); n != 0 {
		t.Errorf("%d requests were made to where a token points", n)
	}
}

// handsigned signs any header with an Ed25519 key.
func handsigned(t *testing.T, s signer, header, payload string) string {
	t.Helper()
	signed := b64(header) + "." + b64(payload)
	signature, err := s.key.Sign(nil, []byte(signed), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(string(signature))
}

// A kid is compared, and never a path, a query or a pattern.
func TestKidInjection(t *testing.T) {
	t.Parallel()
	ed := edSigner(t, "d")
	server := publish(t, keySet(t, []signer{ed}))
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	for _, kid := range []string{
		`"../../../../dev/null"`, `"/dev/null"`, `"/proc/self/environ"`, `"file:///etc/passwd"`, `"x' UNION SELECT 'a"`, `"d' OR '1'='1"`, `"| id"`, `"$(id)"`, `"d\u0000"`, `"D"`, `" d"`, `"*"`, `".*"`,
		`"` + strings.Repeat("x", 4_000) + `"`,
	} {
		for name, made := range map[string]string{
			"the right key":  handsigned(t, ed, `{"alg":"EdDSA","kid":`+kid+`}`, payload("", "")),
			"an empty HMAC":  handmade(nil, `{"alg":"HS256","kid":`+kid+`}`, payload("", "")),
			"HMAC, as EdDSA": handmade(nil, `{"alg":"EdDSA","kid":`+kid+`}`, payload("", "")),
		} {
			if _, err := v.Verify(t.Context(), made); err == nil {
				t.Errorf("kid %.40s, %s: accepted", kid, name)
			} else {
				checkRefused(t, err)
			}
		}
	}
	for _, kid := range []string{`7`, `["d"]`, `{"x":"d"}`, `true`} {
		_, err := v.Verify(t.Context(), handsigned(t, ed, `{"alg":"EdDSA","kid":`+kid+`}`, payload("", "")))
		checkRefusal(t, err, "header")
	}
	if _, err := v.Verify(t.Context(), handsigned(t, ed, `{"alg":"EdDSA","kid":"d"}`, payload("", ""))); err != nil {
		t.Errorf("the right kid: %v", err) // else nothing of this would mean anything
	}
}

// Claims whose names or values readers take for others.
func TestClaimsOfTwoMeanings(t *testing.T) {
	t.Parallel()
	good := strings.TrimSuffix(payload("", ""), "}")
	for name, made := range map[string]string{
		"sub twice":             good + `,"sub":"root"}`,
		"sub twice, escaped":    good + `,"s\u0075b":"root"}`,
		"exp twice":             good + `,"exp":9999999999}`,
		"aud twice":             good + `,"aud":"unsend"}`,
		"iss twice":             good + `,"iss":"https://login.example"}`,
		"device_id twice":       good + `,"device_id":"a","device_id":"b"}`,
		"a duplicate within":    good + `,"x":{"a":1,"a":2}}`,
		"iss a list":            payload("iss", `["https://login.example"]`),
		"iss an object":         payload("iss", `{"https://login.example":1}`),
		"iss null":              payload("iss", `null`),
		"iss with a slash more": payload("iss", `"https://login.example/"`),
		"iss in capitals":       payload("iss", `"HTTPS://LOGIN.EXAMPLE"`),
		"iss with a NUL":        payload("iss", `"https://login.example\u0000.evil"`),
		"iss as a prefix":       payload("iss", `"https://login.example.evil"`),
		"aud an object":         payload("aud", `{"unsend":true}`),
		"aud a list in a list":  payload("aud", `[["unsend"]]`),
		"aud a list of numbers": payload("aud", `[1,"unsend"]`),
		"aud true":              payload("aud", `true`),
		"aud in capitals":       payload("aud", `"UNSEND"`),
		"aud as a part":         payload("aud", `"unsend-staging"`),
		"aud with a space":      payload("aud", `"unsend other"`),
		"exp true":              payload("exp", `true`),
		"exp a list":            payload("exp", `[9999999999]`),
		"exp not a number":      payload("exp", `NaN`),
		"exp without an end":    payload("exp", `1e400`),
		"exp beyond 64 bits":    payload("exp", `18446744073709551616`),
		"exp in ms":             payload("exp", fmt.Sprint(start.UnixMilli()+60_000)),
		"nbf a text":            payload("nbf", `"0"`),
		"nbf beyond 64 bits":    payload("nbf", `1e300`),
		"iat in ms":             payload("iat", fmt.Sprint(start.UnixMilli())),
		"iat in the future":     payload("iat", fmt.Sprint(start.Add(time.Hour).Unix())),
		"nesting without end":   strings.Repeat(`{"a":`, 1_000),
	} {
		if _, err := verifier(t, start).Verify(t.Context(), handmade(secret, goodHeader, made)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
	// Claims of another case are others: they neither count nor harm.
	id, err := verifier(t, start).Verify(t.Context(), handmade(secret, goodHeader, good+`,"SUB":"root","Exp":9999999999,"Aud":"x"}`))
	if err != nil || id.AccountID != "alice" || id.ExpiresAt != start.UnixMilli()+60_000 {
		t.Errorf("claims of another case: %+v, %v", id, err)
	}
	if _, err := verifier(t, start).Verify(t.Context(), handmade(secret, goodHeader, payload("sub", ""))); err == nil {
		t.Error("no sub: accepted")
	}
	if _, err := verifier(t, start).Verify(t.Context(), handmade(secret, goodHeader, strings.Replace(payload("", ""), `"sub"`, `"Sub"`, 1))); err == nil {
		t.Error("Sub in place of sub: accepted")
	}
}

// Tokens that cost more to refuse than to send. None is looked at past its size, and an encrypted one not at all.
func TestHugeTokens(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]string{
		"8 KB and a byte, signed":    handmade(secret, goodHeader, payload("x", `"`+strings.Repeat("a", 6_100)+`"`)),
		"a megabyte":                 strings.Repeat("a", 1<<20),
		"a megabyte of dots":         strings.Repeat(".", 1<<20),
		"8 KB of dots":               strings.Repeat(".", 8<<10),
		"a header of 8 KB":           b64(`{"alg":"HS256","x":"`+strings.Repeat("a", 6_000)+`"}`) + ".e30.AA",
		"a header nested deep":       b64(`{"alg":"HS256","x":`+strings.Repeat("[", 5_000)) + ".e30.AA",
		"encrypted, with a zip bomb": b64(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`) + ".." + strings.Repeat("A", 16) + "." + strings.Repeat("A", 4_000) + "." + strings.Repeat("A", 22),
		"PBES2 with many rounds":     b64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AA"}`) + ".e30.AA",
	} {
		began := time.Now()
		if _, err := verifier(t, start).Verify(t.Context(), made); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
		if took := time.Since(began); took > 5*time.Second { // a machine that is busy is no attack
			t.Errorf("%s: refused after %v", name, took)
		}
	}
}
