package smoke

import (
	"errors"
	"net/http"
	"strings"
)

const subProtocol = "Sec-WebSocket-Protocol"

// Browser is a transport for handshakes: it hands a token over as a browser has to, which can set no header. It keeps which sub-protocol the
// server chose: a browser fails a connection that offered some and got none back.
type Browser struct {
	Base http.RoundTripper
	// Chosen is the server's answer; empty: it has chosen none.
	Chosen string
}

// RoundTrip implements [http.RoundTripper].
func (b *Browser) RoundTrip(r *http.Request) (*http.Response, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, errors.New("the handshake has no token to hand over")
	}
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	r.Header.Set(subProtocol, "bearer, "+token)
	response, err := b.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	b.Chosen = response.Header.Get(subProtocol)
	response.Header.Del(subProtocol) // the client, which offered none, would refuse it
	return response, nil
}
