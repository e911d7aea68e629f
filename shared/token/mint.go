package token

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"unsend/shared/chat"
)

// Grant is what a new token is to say.
type Grant struct {
	AccountID  string
	DeviceID   string          // empty: any device
	ClientType chat.ClientType // 0: unsaid
	Audience   string
	Issuer     string // empty: unsaid
	IssuedAt   time.Time
	TTL        time.Duration
}

// Mint makes a token that is signed with the secret (HS256). It is what a team's
// own back end does at login; here it serves tests, the local stack and the command line tool.
func Mint(secret []byte, g Grant) (string, error) {
	if err := g.check(secret); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	payload, err := json.Marshal(g.claims())
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "JWT"); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	signed, err := jws.Sign(payload, jws.WithKey(jwa.HS256(), secret, jws.WithProtectedHeaders(header)))
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return string(signed), nil
}

func (g Grant) check(secret []byte) error {
	if len(secret) < minSecretBytes {
		return fmt.Errorf("the secret has %d bytes, at least %d are needed", len(secret), minSecretBytes)
	}
	if err := chat.CheckID("account", g.AccountID); err != nil {
		return err
	}
	if g.DeviceID != "" {
		if err := chat.CheckID("device", g.DeviceID); err != nil {
			return err
		}
	}
	if g.ClientType != 0 && !g.ClientType.Known() {
		return fmt.Errorf("client type %d is none of QChat's", g.ClientType)
	}
	if g.TTL < time.Second {
		return fmt.Errorf("a token must live for at least a second, not %v", g.TTL)
	}
	return nil
}

// mintedClaims leaves out what is not said.
type mintedClaims struct {
	Subject    string          `json:"sub"`
	Audience   string          `json:"aud"`
	Issuer     string          `json:"iss,omitempty"`
	Expires    int64           `json:"exp"`
	IssuedAt   int64           `json:"iat"`
	DeviceID   string          `json:"device_id,omitempty"`
	ClientType chat.ClientType `json:"client_type,omitzero"`
}

func (g Grant) claims() mintedClaims {
	return mintedClaims{
		Subject:    g.AccountID,
		Audience:   g.Audience,
		Issuer:     g.Issuer,
		Expires:    g.IssuedAt.Add(g.TTL).Unix(),
		IssuedAt:   g.IssuedAt.Unix(),
		DeviceID:   g.DeviceID,
		ClientType: g.ClientType,
	}
}
