package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/token"
)

// defaultClientType is that of a client of which neither token nor URL says
// anything: a browser is the one that can say the least.
const defaultClientType = chat.Web

// findToken finds the one token of a handshake. It refuses to choose: a
// handshake with several, or with one in a form that is nearly right, is refused. Errors name
// sources, never values.
func findToken(r request, allowQuery bool) (string, error) {
	var found []string
	for _, source := range []func(request) (string, error){headerToken, protocolToken, queryToken(allowQuery)} {
		text, err := source(r)
		if err != nil {
			return "", err
		}
		if text != "" {
			found = append(found, text)
		}
	}
	switch len(found) {
	case 0:
		return "", refused("there is none")
	case 1:
		return found[0], nil
	}
	return "", refused("there is more than one")
}

// headerToken reads "Authorization: Bearer x".
func headerToken(r request) (string, error) {
	values := edge.HeaderValues(r.Headers, r.MultiValueHeaders, "Authorization")
	if len(values) == 0 {
		return "", nil
	}
	scheme, text, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "bearer") || text == "" || strings.ContainsAny(text, " ,") {
		return "", refused("the Authorization header is not one Bearer token")
	}
	return text, nil
}

// protocolToken reads "Sec-WebSocket-Protocol: bearer, x", which a browser can
// send. Protocols of other names are no token.
func protocolToken(r request) (string, error) {
	var protocols []string
	for _, value := range edge.HeaderValues(r.Headers, r.MultiValueHeaders, "Sec-WebSocket-Protocol") {
		for protocol := range strings.SplitSeq(value, ",") {
			protocols = append(protocols, strings.TrimSpace(protocol))
		}
	}
	switch {
	case !slices.Contains(protocols, edge.SubProtocol):
		return "", nil
	case len(protocols) != 2 || protocols[0] != edge.SubProtocol || protocols[1] == "" || protocols[1] == edge.SubProtocol:
		return "", refused("the sub-protocols are not the pair of bearer and a token")
	}
	return protocols[1], nil
}

// queryToken reads "?token=x". Where that is not allowed it is refused, not
// ignored: the token has been in a URL, and its client should stop doing so.
func queryToken(allowed bool) func(request) (string, error) {
	return func(r request) (string, error) {
		text, given, err := queryValue(r, "token")
		if given && !allowed {
			return "", refused("it is in the query, which this deployment does not allow")
		}
		return text, err
	}
}

// bind joins what the token proves with what the URL says of the device. What
// the token says, binds.
func bind(identity token.Identity, r request) (chat.Connection, error) {
	device, err := boundDevice(identity, r)
	if err != nil {
		return chat.Connection{}, err
	}
	clientType, err := boundClientType(identity, r)
	if err != nil {
		return chat.Connection{}, err
	}
	return chat.Connection{
		AccountID:      identity.AccountID,
		DeviceID:       device,
		ClientType:     clientType,
		TokenExpiresAt: identity.ExpiresAt,
	}, nil
}

func boundDevice(identity token.Identity, r request) (string, error) {
	device, given, err := queryValue(r, "device_id")
	switch {
	case err != nil:
		return "", err
	case !given:
		return identity.DeviceID, nil
	case chat.CheckID("device_id", device) != nil:
		return "", refused("the query's device_id is no id")
	case identity.DeviceID != "" && device != identity.DeviceID:
		return "", refused("the query's device_id is not the token's")
	}
	return device, nil
}

func boundClientType(identity token.Identity, r request) (chat.ClientType, error) {
	text, given, err := queryValue(r, "client_type")
	switch {
	case err != nil:
		return 0, err
	case !given && identity.ClientType != 0:
		return identity.ClientType, nil
	case !given:
		return defaultClientType, nil
	}
	n, err := strconv.Atoi(text)
	asked := chat.ClientType(n)
	switch {
	case err != nil || !asked.Known():
		return 0, refused("the query's client_type is unknown")
	case identity.ClientType != 0 && asked != identity.ClientType:
		return 0, refused("the query's client_type is not the token's")
	}
	return asked, nil
}

// queryValue reads a parameter that may be there once. Parameters' names count
// in their case.
func queryValue(r request, name string) (value string, given bool, err error) {
	values := r.MultiValueQueryStringParameters[name]
	if len(values) == 0 {
		value, given = r.QueryStringParameters[name]
		return value, given, nil
	}
	if len(values) > 1 {
		return "", true, refused("the query has more than one " + name)
	}
	return values[0], true, nil
}

// refused is an error about the handshake, to the caller the same as one about its token.
func refused(why string) error { return fmt.Errorf("%w: %s", token.ErrRefused, why) }
