package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"unsend/shared/token"
)

// clock is a clock that a test moves.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(start.UnixMilli())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func TestSecretsAreKeptAndRefreshed(t *testing.T) {
	t.Parallel()
	var (
		c       = newClock()
		fetched int
		current = [][]byte{secret}
		broken  error
	)
	keys := token.Secrets(c.now, func(context.Context) ([][]byte, error) {
		fetched++
		return current, broken
	})
	v := token.NewVerifier(rules(), keys, c.now)
	expect := func(what string, key []byte, ok bool, fetches int) {
		t.Helper()
		g := grant()
		g.IssuedAt = c.now()
		_, err := v.Verify(t.Context(), mint(t, key, g))
		if (err == nil) != ok || fetched != fetches {
			t.Errorf("%s: error %v after %d fetches; want ok=%v after %d", what, err, fetched, ok, fetches)
		}
	}
	expect("first use", secret, true, 1)
	expect("kept", secret, true, 1)
	expect("unknown key, too early to look again", other, false, 1)
	c.advance(30 * time.Second)
	expect("unknown key, looked again", other, false, 2)
	expect("a flood of bad tokens costs nothing", other, false, 2)
	current = [][]byte{secret, other}
	c.advance(30 * time.Second)
	expect("rotated", other, true, 3)
	c.advance(5*time.Minute - time.Millisecond)
	expect("not old yet", secret, true, 3)
	c.advance(time.Millisecond)
	expect("old", secret, true, 4)
	current, broken = nil, errors.New("throttled")
	c.advance(5 * time.Minute)
	expect("the source is down: the last secrets serve", secret, true, 5)
	c.advance(10 * time.Minute)
	expect("for 15 minutes", secret, true, 6)
	c.advance(time.Second)
	expect("not longer, nor is the source flooded", secret, false, 6)
	current, broken = [][]byte{other}, nil
	c.advance(30 * time.Second)
	expect("back, with the first secret withdrawn", secret, false, 7)
}

// The steps of docs/operating.md, as functions see them that fetched the secrets long ago or just before: no token that the back end has signed and
// that has not expired is refused at any time, and five minutes after the last step nothing is accepted that the withdrawn secret signed.
func TestRotationRefusesNobody(t *testing.T) {
	t.Parallel()
	const ttl = time.Hour // the longest life of a token
	third := []byte("a-third-secret-of-more-than-32-bytes-as-well")
	c := newClock()
	current := [][]byte{secret, other} // A signs; nobody has the value of B
	var functions []*token.Verifier
	signer := secret
	sign := func() string {
		g := grant()
		g.IssuedAt, g.TTL = c.now(), ttl
		return mint(t, signer, g)
	}
	starts := func() { // a function that has just fetched: it knows the least of what comes
		keys := token.Secrets(c.now, func(context.Context) ([][]byte, error) { return slices.Clone(current), nil })
		functions = append(functions, token.NewVerifier(rules(), keys, c.now))
		if _, err := functions[len(functions)-1].Verify(t.Context(), sign()); err != nil {
			t.Fatal(err)
		}
	}
	type issued struct {
		text string
		ends time.Time
	}
	var tokens []issued
	step := func(what string, wait time.Duration) {
		t.Helper()
		for end := c.now().Add(wait); c.now().Before(end); c.advance(10 * time.Second) {
			tokens = append(tokens, issued{sign(), c.now().Add(ttl)})
			tokens = slices.DeleteFunc(tokens, func(i issued) bool { return !i.ends.After(c.now()) })
			for _, i := range []issued{tokens[0], tokens[len(tokens)-1]} {
				for n, f := range functions {
					if _, err := f.Verify(t.Context(), i.text); err != nil {
						t.Fatalf("%s: function %d, a token that ends in %v: %v", what, n, i.ends.Sub(c.now()), err)
					}
				}
			}
		}
	}
	starts()
	step("before", 7*time.Minute)
	starts()
	current[1] = third
	step("B has a new value", 30*time.Second)
	signer = third
	step("B signs", ttl)
	starts()
	current[0] = other
	starts()
	step("A has a new value", 5*time.Minute)
	g := grant()
	g.IssuedAt = c.now()
	for i, f := range functions {
		if _, err := f.Verify(t.Context(), mint(t, secret, g)); !errors.Is(err, token.ErrRefused) {
			t.Errorf("function %d takes what the withdrawn secret signed: %v", i, err)
		}
	}
}

func TestUnavailableKeysAreNoRefusal(t *testing.T) {
	t.Parallel()
	cause := errors.New("no access")
	for name, fetch := range map[string]func(context.Context) ([][]byte, error){
		"failing source":   func(context.Context) ([][]byte, error) { return nil, cause },
		"no secret":        secrets(),
		"secret too short": secrets([]byte("short")),
	} {
		v := token.NewVerifier(rules(), token.Secrets(fixed(start), fetch), fixed(start))
		made := mint(t, secret, grant())
		for range 2 { // the second is answered from what the first learnt
			if _, err := v.Verify(t.Context(), made); err == nil || errors.Is(err, token.ErrRefused) {
				t.Errorf("%s: got %v, want an error that is no refusal", name, err)
			}
		}
	}
}

func TestSecretsFetchedOnceForManyAtOnce(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int32
	keys := token.Secrets(fixed(start), func(context.Context) ([][]byte, error) {
		fetched.Add(1)
		return [][]byte{secret}, nil
	})
	v := token.NewVerifier(rules(), keys, fixed(start))
	made := mint(t, secret, grant())
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := v.Verify(t.Context(), made); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := fetched.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// signer is one key of a key set.
type signer struct {
	id  string
	alg jwa.SignatureAlgorithm
	key crypto.Signer
}

func (s signer) sign(t *testing.T, payload string) string {
	t.Helper()
	header := jws.NewHeaders()
	if s.id != "" {
		if err := header.Set(jws.KeyIDKey, s.id); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := jws.Sign([]byte(payload), jws.WithKey(s.alg, s.key, jws.WithProtectedHeaders(header)))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func rsaSigner(t *testing.T, id string, bits int) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jwa.RS256(), key}
}

func ecSigner(t *testing.T, id string, curve elliptic.Curve, alg jwa.SignatureAlgorithm) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, alg, key}
}

func edSigner(t *testing.T, id string) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jwa.EdDSA(), key}
}

// keySet is a JWK set of the public halves, with extra keys as JSON.
func keySet(t *testing.T, signers []signer, extra ...string) string {
	t.Helper()
	keys := extra
	for _, s := range signers {
		key, err := jwk.Import(s.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if s.id != "" {
			if err := key.Set(jwk.KeyIDKey, s.id); err != nil {
				t.Fatal(err)
			}
		}
		text, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(text))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

// weakKey writes a key of the set by hand: the library refuses to make it.
func weakKey(t *testing.T, s signer) string {
	t.Helper()
	public, ok := s.key.Public().(*rsa.PublicKey)
	if !ok {
		t.Fatal("not an RSA key")
	}
	n := base64.RawURLEncoding.EncodeToString(public.N.Bytes())
	return fmt.Sprintf(`{"kty":"RSA","kid":%q,"e":"AQAB","n":%q}`, s.id, n)
}

// published serves a key set that a test may change.
type published struct {
	*httptest.Server
	set     atomic.Pointer[string]
	fetched atomic.Int32
}

func publish(t *testing.T, set string) *published {
	t.Helper()
	p := &published{}
	p.set.Store(&set)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.fetched.Add(1)
		_, _ = w.Write([]byte(*p.set.Load())) // a client that hangs up fails its own test
	}))
	t.Cleanup(p.Close)
	return p
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	rs, es, ed := rsaSigner(t, "r", 2048), ecSigner(t, "e", elliptic.P256(), jwa.ES256()), edSigner(t, "d")
	stranger, weak := edSigner(t, "d"), rsaSigner(t, "weak", 1024)
	p384 := ecSigner(t, "p384", elliptic.P384(), jwa.ES384())
	ps := signer{"r", jwa.PS256(), rs.key}
	unnamed := signer{"", jwa.EdDSA(), ed.key}
	misnamed := signer{"r", jwa.EdDSA(), ed.key}
	symmetric := `{"kty":"oct","kid":"oct","k":"YS1zZWNyZXQtb2YtbW9yZS10aGFuLTMyLWJ5dGVzLWZvci10ZXN0cw"}`
	foreign := `{"kty":"XYZ","kid":"new"}`
	server := publish(t, keySet(t, []signer{rs, es, ed, p384}, symmetric, foreign, weakKey(t, weak)))

	publicDER, err := x509.MarshalPKIXPublicKey(rs.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	good := payload("", "")
	tests := []struct{ name, token, why string }{
		{"RS256", rs.sign(t, good), ""},
		{"ES256", es.sign(t, good), ""},
		{"EdDSA", ed.sign(t, good), ""},
		{"no key id", unnamed.sign(t, good), ""},
		{"another key's id", misnamed.sign(t, good), "signed it"},
		{"a stranger with a known id", stranger.sign(t, good), "signed it"},
		{"RSA of 1024 bits", weak.sign(t, good), "signed it"},
		{"PS256", ps.sign(t, good), "alg"},
		{"ES384", p384.sign(t, good), "alg"},
		{"unsigned", handmade(nil, `{"alg":"none","kid":"r"}`, good), "alg"},
		{"HS256 with the public key (PEM)", handmade(publicPEM, `{"alg":"HS256","kid":"r"}`, good), "alg"},
		{"HS256 with the public key (DER)", handmade(publicDER, `{"alg":"HS256","kid":"r"}`, good), "alg"},
		{"HS256 with a key of the set", handmade(secret, `{"alg":"HS256","kid":"oct"}`, good), "alg"},
		{"RS256 in the header, HMAC in truth", handmade(publicPEM, `{"alg":"RS256","kid":"r"}`, good), "signed it"},
		{"expired", ed.sign(t, payload("exp", "1")), "expired"},
	}
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), test.token)
			checkRefusal(t, err, test.why)
		})
	}
	if n := server.fetched.Load(); n != 1 {
		t.Errorf("%d fetches for one set", n)
	}
}

func TestSecretsRefusePublicKeyTokens(t *testing.T) {
	t.Parallel()
	_, err := verifier(t, start).Verify(t.Context(), edSigner(t, "d").sign(t, payload("", "")))
	checkRefusal(t, err, "alg")
}

func TestJWKSIsRefreshedForUnknownKeys(t *testing.T) {
	t.Parallel()
	before, after := edSigner(t, "before"), edSigner(t, "after")
	server, c := publish(t, keySet(t, []signer{before})), newClock()
	v := token.NewVerifier(rules(), token.JWKS(c.now, server.Client(), server.URL), c.now)
	expect := func(what string, s signer, ok bool, fetches int32) {
		t.Helper()
		_, err := v.Verify(t.Context(), s.sign(t, payload("", "")))
		if (err == nil) != ok || server.fetched.Load() != fetches {
			t.Errorf("%s: error %v after %d fetches; want ok=%v after %d", what, err, server.fetched.Load(), ok, fetches)
		}
	}
	expect("known", before, true, 1)
	set := keySet(t, []signer{after})
	server.set.Store(&set)
	expect("too early", after, false, 1)
	c.advance(30 * time.Second)
	expect("rotated", after, true, 2)
	expect("withdrawn", before, false, 2)
}

func gives(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// forEncryption is the signer's key, as one that is for something else.
func forEncryption(t *testing.T, s signer) string {
	t.Helper()
	key, err := jwk.Import(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(key.Set(jwk.KeyIDKey, s.id), key.Set(jwk.KeyUsageKey, "enc")); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// None of these has a key that may verify: that is trouble with the source, not with a token.
func TestJWKSSourcesThatMisbehave(t *testing.T) {
	t.Parallel()
	good := edSigner(t, "d")
	elsewhere := publish(t, keySet(t, []signer{good}))
	for name, handler := range map[string]http.HandlerFunc{
		"not found":        http.NotFound,
		"redirect":         func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"not JSON":         gives("<html>"),
		"no keys":          gives(`{"keys":[]}`),
		"too long":         gives(keySet(t, []signer{good}) + strings.Repeat(" ", 256<<10)),
		"for encryption":   gives(keySet(t, nil, forEncryption(t, good))),
		"RSA of 1024 bits": gives(keySet(t, nil, weakKey(t, rsaSigner(t, "d", 1024)))),
		"another curve":    gives(keySet(t, []signer{ecSigner(t, "d", elliptic.P384(), jwa.ES384())})),
		"a secret":         gives(`{"keys":[{"kty":"oct","kid":"d","k":"YS1zZWNyZXQtb2YtbW9yZS10aGFuLTMyLWJ5dGVzLWZvci10ZXN0cw"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			defer server.Close()
			v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
			if _, err := v.Verify(t.Context(), good.sign(t, payload("", ""))); err == nil || errors.Is(err, token.ErrRefused) {
				t.Errorf("got %v, want an error that is no refusal", err)
			}
		})
	}
	if n := elsewhere.fetched.Load(); n != 0 {
		t.Error("a redirect was followed")
	}
}

func TestJWKSGivesUpWithItsCaller(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := v.Verify(ctx, edSigner(t, "d").sign(t, payload("", ""))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
