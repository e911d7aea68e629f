package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"unsend/shared/chat"
)

const maxJWKSBytes = 256 << 10

// JWKS accepts tokens that are signed with RS256, ES256 or EdDSA (Ed25519) and a key
// of the set at url. The set is fetched at most every 5 minutes, and earlier, at most every 30 s,
// when a token fits none of its keys. Redirects are not followed. A client of nil is the default one.
func JWKS(clock chat.Clock, client *http.Client, url string) Keys {
	if client == nil {
		client = http.DefaultClient
	}
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &keyring{accepts: acceptsPublic, cache: newCache(clock, func(ctx context.Context) ([]key, error) {
		return fetchJWKS(ctx, &direct, url)
	})}
}

func acceptsPublic(alg string) bool { return alg == "RS256" || alg == "ES256" || alg == "EdDSA" }

func fetchJWKS(ctx context.Context, client *http.Client, url string) ([]key, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read only: nothing is lost
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s, expected 200 and a JWK set", url, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxJWKSBytes+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", url, err)
	}
	if len(body) > maxJWKSBytes {
		return nil, fmt.Errorf("GET %s: more than %d bytes", url, maxJWKSBytes)
	}
	return publicKeys(body)
}

// publicKeys takes the keys that can verify. Keys of unknown kinds are passed over, as RFC 7517 §5
// asks for, and so are RSA keys under 2048 bits, which jwk.Parse does not take.
func publicKeys(body []byte) ([]key, error) {
	set, err := jwk.Parse(body, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, errors.New("what the JWKS URL gave is not a JWK set")
	}
	var keys []key
	for i := range set.Len() {
		if k, ok := publicKey(set, i); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the JWK set has no key for RS256, ES256 or EdDSA")
	}
	return keys, nil
}

// publicKey decides by the key's own type which one algorithm it verifies (RFC 8725 §3.1).
func publicKey(set jwk.Set, i int) (key, bool) {
	found, ok := set.Key(i)
	if !ok {
		return key{}, false
	}
	if use, ok := found.KeyUsage(); ok && use != "sig" {
		return key{}, false
	}
	public, err := found.PublicKey()
	if err != nil {
		return key{}, false
	}
	var raw any
	if err := jwk.Export(public, &raw); err != nil {
		return key{}, false
	}
	k := key{raw: raw}
	if k.alg, ok = algorithmOf(raw); !ok {
		return key{}, false
	}
	if alg, ok := found.Algorithm(); ok && alg.String() != k.alg.String() {
		return key{}, false
	}
	k.id, _ = found.KeyID()
	return k, true
}

func algorithmOf(raw any) (jwa.SignatureAlgorithm, bool) {
	switch k := raw.(type) {
	case *rsa.PublicKey:
		return jwa.RS256(), true
	case *ecdsa.PublicKey:
		return jwa.ES256(), k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return jwa.EdDSA(), true
	}
	return jwa.SignatureAlgorithm{}, false
}
