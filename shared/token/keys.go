package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"unsend/shared/chat"
)

// minSecretBytes is the size of HS256's hash: a shorter key is weaker than the algorithm.
const minSecretBytes = 32

// Secrets accepts tokens that are signed with HS256 and any of the secrets that
// fetch gives: two, so that they can be changed while tokens of both are about.
// They are fetched at most every 5 minutes, and earlier, at most every 30 s, when a
// token fits none of them.
func Secrets(clock chat.Clock, fetch func(context.Context) ([][]byte, error)) Keys {
	return &keyring{accepts: acceptsHS256, cache: newCache(clock, func(ctx context.Context) ([]key, error) {
		secrets, err := fetch(ctx)
		if err != nil {
			return nil, err
		}
		return secretKeys(secrets)
	})}
}

func secretKeys(secrets [][]byte) ([]key, error) {
	var keys []key
	for _, secret := range secrets {
		if len(secret) >= minSecretBytes {
			keys = append(keys, key{alg: jwa.HS256(), raw: secret})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no token secret of at least 32 bytes: put a longer random value into the secret")
	}
	return keys, nil
}

// key verifies one algorithm's signatures.
type key struct {
	alg jwa.SignatureAlgorithm
	id  string // empty: unnamed
	raw any    // []byte, *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey
}

// fits tells whether the token may have been signed with the key. A secret has no name.
func (k key) fits(h header) bool {
	return k.alg.String() == h.Alg && (h.KeyID == "" || k.id == "" || k.id == h.KeyID)
}

// keyring is a set of keys that is fetched from somewhere.
type keyring struct {
	accepts func(alg string) bool
	cache   *cache[[]key]
}

func acceptsHS256(alg string) bool { return alg == "HS256" }

func (k *keyring) verify(ctx context.Context, t compact) ([]byte, error) {
	if !k.accepts(t.header.Alg) {
		return nil, refused("its alg is not one that this deployment accepts")
	}
	keys, at, err := k.cache.get(ctx)
	if err != nil {
		return nil, keysError(err)
	}
	if payload, ok := verifyWith(keys, t); ok {
		return payload, nil
	}
	// The keys may have changed since they were fetched.
	keys, later, err := k.cache.newerThan(ctx, at)
	if err != nil {
		return nil, keysError(err)
	}
	if later.After(at) {
		if payload, ok := verifyWith(keys, t); ok {
			return payload, nil
		}
	}
	return nil, refused("no key of this deployment signed it")
}

func verifyWith(keys []key, t compact) ([]byte, bool) {
	for _, k := range keys {
		if !k.fits(t.header) {
			continue
		}
		// The error is dropped: it can hold parts of the token.
		if payload, err := jws.Verify(t.bytes, jws.WithKey(k.alg, k.raw)); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// keysError is no refusal: nothing is known about the token.
func keysError(err error) error {
	return fmt.Errorf("fetch the keys that tokens are checked with: %w", err)
}
