package token

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
)

// compact is a token that has the shape of one. Nothing in it is to be trusted.
type compact struct {
	bytes  []byte
	header header
}

// header is the part of the JOSE header that decides something.
type header struct {
	Alg   string   `json:"alg"`
	KeyID string   `json:"kid"`
	Type  string   `json:"typ"`
	Crit  []string `json:"crit"`
	B64   *bool    `json:"b64"`
}

// parseCompact reads the header. It checks the alphabet itself: base64 decoders
// skip line breaks, so that one token could be written in many ways.
func parseCompact(token string) (compact, error) {
	if token == "" {
		return compact{}, refused("there is none")
	}
	if len(token) > maxBytes {
		return compact{}, refused("longer than %d bytes", maxBytes)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return compact{}, refused("not three parts separated by dots")
	}
	for _, part := range parts {
		if _, err := decode(part); err != nil {
			return compact{}, refused("not base64url")
		}
	}
	t := compact{bytes: []byte(token)}
	raw, _ := decode(parts[0]) // decoded above
	if err := json.Unmarshal(raw, &t.header); err != nil {
		return compact{}, refused("its header is not a JSON object of the right types")
	}
	return t, t.header.check()
}

func decode(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

func (h header) check() error {
	if h.Crit != nil || h.B64 != nil {
		return refused("its header holds an extension (crit, b64) that is not supported")
	}
	switch strings.TrimPrefix(strings.ToLower(h.Type), "application/") {
	case "", "jwt", "at+jwt":
		return nil
	}
	return refused("its typ is not JWT") // RFC 8725 §3.11
}
