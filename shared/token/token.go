// Package token makes and checks the tokens that a device connects with.
//
// A token is a signed JWT (RFC 7519) in compact form. Its claims:
//
//	sub          the account; required, an id as chat.CheckID has it
//	aud          holds the deployment's audience; required (§4.1.3)
//	iss          the deployment's issuer, where one is set (§4.1.1)
//	exp          required, and no further away than the deployment's longest life (§4.1.4)
//	nbf, iat     optional; neither may be in the future (§4.1.5, §4.1.6)
//	device_id    optional; binds the token to one device
//	client_type  optional; one of QChat's numbers
//
// A deployment has one kind of key, so what a token's header says chooses nothing
// (RFC 8725 §3.1): with [Secrets] only HS256 is accepted, with [JWKS] only RS256, ES256 and
// EdDSA with a public key of that very type. So "none" and a public key used as an HMAC secret
// are refused before any signature is looked at. Headers that point to keys (jku, jwk,
// x5u) are not followed (§3.10), critical extensions are refused (RFC 7515 §4.1.11), secrets shorter
// than 32 bytes and RSA keys under 2048 bits are not used (RFC 7518 §3.2, §3.3), and duplicate claims
// are malformed (RFC 7519 §4).
//
// Signatures and key sets are jwx's to check; form and claims are checked here. jwx's own parser of
// claims (jwt of v3.3) takes the last of two claims or headers of one name, other spellings of base64,
// invalid UTF-8 and times as text, drops a time's fraction, has one leeway for exp and nbf
// alike, and quotes values in its errors: each breaks a rule of this package.
//
// Errors say which rule failed, for the log. They hold neither the token nor any of
// its claims' values. A client is told no more than that it was refused.
package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"unsend/shared/chat"
)

// Leeway is how far the clock of whoever issued the token may be ahead of ours. It lengthens
// no token's life: exp is compared without it.
const Leeway = 30 * time.Second

// maxBytes bounds a token. API Gateway's limit for all headers together is 10 KB.
const maxBytes = 8 << 10

// ErrRefused is what every error about the token itself wraps. Any other error of
// Verify means that the keys could not be had: the token may be good.
var ErrRefused = errors.New("token refused")

// Identity is what a good token proves.
type Identity struct {
	AccountID  string
	DeviceID   string          // empty: the token is not bound to a device
	ClientType chat.ClientType // 0: the token does not say
	ExpiresAt  int64           // ms
}

// Rules are what a deployment asks of a token besides its signature.
type Rules struct {
	Audience string
	Issuer   string        // empty: any
	MaxTTL   time.Duration // longest life left
}

// Keys finds the key that signed a token. [Secrets] and [JWKS] make them.
type Keys interface {
	// verify gives the payload that was signed. Errors about the token wrap
	// ErrRefused.
	verify(ctx context.Context, t compact) ([]byte, error)
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	rules Rules
	keys  Keys
	clock chat.Clock
}

// NewVerifier makes a Verifier.
func NewVerifier(rules Rules, keys Keys, clock chat.Clock) *Verifier {
	return &Verifier{rules: rules, keys: keys, clock: clock}
}

// Verify checks a token. An error that wraps [ErrRefused] is about the token;
// any other is about the keys, and trying again can help.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	t, err := parseCompact(token)
	if err != nil {
		return Identity{}, err
	}
	payload, err := v.keys.verify(ctx, t)
	if err != nil {
		return Identity{}, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return Identity{}, err
	}
	return c.check(v.rules, v.clock())
}

// refused makes an error about the token. Its arguments are names and limits.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}
