package token

import (
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"unsend/shared/chat"
)

// claims of a token whose signature was checked. Pointers tell a missing claim
// from a zero one.
type claims struct {
	Subject    string           `json:"sub"`
	Audience   audience         `json:"aud"`
	Issuer     string           `json:"iss"`
	Expires    *float64         `json:"exp"`
	NotBefore  *float64         `json:"nbf"`
	IssuedAt   *float64         `json:"iat"`
	DeviceID   *string          `json:"device_id"`
	ClientType *chat.ClientType `json:"client_type"`
}

// audience is one text or a list of them (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON reads either form. A null among the texts is refused, which the decoder would take for an empty one.
func (a *audience) UnmarshalJSON(data []byte) error {
	if jsontext.Value(data).Kind() == '"' {
		*a = make(audience, 1)
		return json.Unmarshal(data, &(*a)[0])
	}
	var list []*string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, text := range list {
		if text == nil {
			return errors.New("null in a list of texts")
		}
		*a = append(*a, *text)
	}
	return nil
}

// parseClaims refuses duplicate names and invalid UTF-8 too: the decoder does.
func parseClaims(payload []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		// The decoder's error may quote the payload.
		return claims{}, refused("its claims are not a JSON object of the right types")
	}
	return c, nil
}

func (c claims) check(rules Rules, now time.Time) (Identity, error) {
	switch {
	case !slices.Contains(c.Audience, rules.Audience):
		return Identity{}, refused("aud does not name this deployment")
	case rules.Issuer != "" && c.Issuer != rules.Issuer:
		return Identity{}, refused("iss is not the issuer that this deployment trusts")
	}
	expires, err := c.checkTimes(rules.MaxTTL, now)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{AccountID: c.Subject, ExpiresAt: expires}
	if err := chat.CheckID("sub", c.Subject); err != nil {
		return Identity{}, refused("%v", err)
	}
	if c.DeviceID != nil {
		if err := chat.CheckID("device_id", *c.DeviceID); err != nil {
			return Identity{}, refused("%v", err)
		}
		id.DeviceID = *c.DeviceID
	}
	if c.ClientType != nil {
		if !c.ClientType.Known() {
			return Identity{}, refused("client_type is none of QChat's client types")
		}
		id.ClientType = *c.ClientType
	}
	return id, nil
}

// checkTimes gives the expiry in ms.
func (c claims) checkTimes(maxTTL time.Duration, now time.Time) (int64, error) {
	if c.Expires == nil {
		return 0, refused("exp is missing")
	}
	expires, ok := milliseconds(*c.Expires)
	if !ok {
		return 0, refused("exp is no time")
	}
	switch left := expires - now.UnixMilli(); {
	case left <= 0:
		return 0, refused("expired %v ago", time.Duration(-left)*time.Millisecond)
	case left > (maxTTL + Leeway).Milliseconds():
		return 0, refused("lives longer than the %v that this deployment allows", maxTTL)
	}
	for name, at := range map[string]*float64{"nbf": c.NotBefore, "iat": c.IssuedAt} {
		if at == nil {
			continue
		}
		if ms, ok := milliseconds(*at); !ok || ms > now.Add(Leeway).UnixMilli() {
			return 0, refused("%s is in the future, or no time", name)
		}
	}
	return expires, nil
}

// milliseconds converts a NumericDate, which may have a fraction.
func milliseconds(seconds float64) (int64, bool) {
	if seconds < 0 || seconds > chat.MaxTimestamp/1000 {
		return 0, false
	}
	return int64(seconds * 1000), true
}
