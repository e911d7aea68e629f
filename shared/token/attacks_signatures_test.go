package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"

	"unsend/shared/token"
)

// forged is a token with a signature that somebody has written.
func forged(header, payload string, signature []byte) string {
	return b64(header) + "." + b64(payload) + "." + b64(string(signature))
}

// parts are the decoded header, payload and signature of a token.
func parts(t *testing.T, made string) (list [3]string) {
	t.Helper()
	for i, part := range strings.Split(made, ".") {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = string(raw)
	}
	return list
}

// A MAC that is cut short, longer, of another hash or of something else is none.
func TestMACsThatAreAlmostRight(t *testing.T) {
	t.Parallel()
	good := parts(t, handmade(secret, goodHeader, payload("", "")))
	mac := []byte(good[2])
	sum := sha256.Sum256(append(bytes.Clone(secret), b64(good[0])+"."+b64(good[1])...))
	decoded := parts(t, handmade(secret, good[0], "")) // the MAC of the header alone
	for name, signature := range map[string][]byte{
		"its first half": mac[:16], "but its last byte": mac[:31], "its first byte": mac[:1], "and a byte more": append(bytes.Clone(mac), 0), "twice": append(bytes.Clone(mac), mac...),
		"in hex": []byte(hex.EncodeToString(mac)), "of the header": []byte(decoded[2]), "the hash of secret and token": sum[:], "the secret": secret,
	} {
		_, err := verifier(t, start).Verify(t.Context(), forged(good[0], good[1], signature))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
	if _, err := verifier(t, start).Verify(t.Context(), forged(good[0], good[1], mac)); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// An ES256 signature is r and s of 32 bytes each, from 1 to the order less 1: zeros and the order itself verified anything
// in a library of Java (CVE-2022-21449), and DER is the form of others.
func TestSignaturesOfECDSA(t *testing.T) {
	t.Parallel()
	es := ecSigner(t, "e", elliptic.P256(), jwa.ES256())
	server := publish(t, keySet(t, []signer{es}))
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	good := parts(t, es.sign(t, payload("", "")))
	r, s := good[2][:32], good[2][32:]
	order := string(elliptic.P256().Params().N.Bytes())
	zero, one := strings.Repeat("\x00", 32), strings.Repeat("\x00", 31)+"\x01"
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes([]byte(r)), new(big.Int).SetBytes([]byte(s))})
	if err != nil {
		t.Fatal(err)
	}
	for name, signature := range map[string]string{
		"r 0": zero + s, "s 0": r + zero, "r the order": order + s, "s the order": r + order, "both the order": order + order, "r 1 and s 1": one + one,
		"both beyond the order": strings.Repeat("\xff", 64), "s before r": s + r, "DER": string(der), "a byte more": good[2] + "\x00", "a byte before": "\x00" + good[2], "a byte less": good[2][:63],
		"each padded to the size of P-384": strings.Repeat("\x00", 16) + r + strings.Repeat("\x00", 16) + s, "r alone": r,
	} {
		if _, err := v.Verify(t.Context(), forged(good[0], good[1], []byte(signature))); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
	if _, err := v.Verify(t.Context(), forged(good[0], good[1], []byte(r+s))); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

// The signature's number is as long as the key, and less than it.
func TestSignaturesOfRSA(t *testing.T) {
	t.Parallel()
	rs := rsaSigner(t, "r", 2048)
	server := publish(t, keySet(t, []signer{rs}))
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	good := parts(t, rs.sign(t, payload("", "")))
	n := rs.key.Public().(*rsa.PublicKey).N
	beyond := new(big.Int).Add(new(big.Int).SetBytes([]byte(good[2])), n).Bytes()
	for name, signature := range map[string][]byte{
		"a zero byte before": append([]byte{0}, good[2]...), "a byte more": []byte(good[2] + "\x00"), "a byte less": []byte(good[2][:255]), "the key more": beyond,
		"one": append(make([]byte, 255), 1), "the key less one": new(big.Int).Sub(n, big.NewInt(1)).Bytes(), "what it is to be": encodedMessage(good[0], good[1], 256),
	} {
		if _, err := v.Verify(t.Context(), forged(good[0], good[1], signature)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
}

// encodedMessage is what RS256 has raised to the private exponent (RFC 8017 §9.2).
func encodedMessage(header, payload string, size int) []byte {
	sum := sha256.Sum256([]byte(b64(header) + "." + b64(payload)))
	prefix, _ := hex.DecodeString("3031300d060960864801650304020105000420")
	tail := append(prefix, sum[:]...)
	return append(append([]byte{0, 1}, append(bytes.Repeat([]byte{0xff}, size-3-len(tail)), 0)...), tail...)
}

// With an exponent of 1 everybody can sign, as the signature is the message: such a key of a set is not used.
func TestKeysWithWhichEverybodyCanSign(t *testing.T) {
	t.Parallel()
	n := base64.RawURLEncoding.EncodeToString(rsaSigner(t, "", 2048).key.Public().(*rsa.PublicKey).N.Bytes())
	zeros := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	keys := []string{
		`{"kty":"RSA","kid":"one","e":"AQ","n":"` + n + `"}`, `{"kty":"RSA","kid":"even","e":"Ag","n":"` + n + `"}`, `{"kty":"RSA","kid":"zero","e":"AA","n":"` + n + `"}`,
		`{"kty":"EC","kid":"nowhere","crv":"P-256","x":"` + zeros + `","y":"` + zeros + `"}`,
	}
	server := publish(t, keySet(t, []signer{edSigner(t, "d")}, keys...))
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	for _, kid := range []string{"one", "even", "zero"} {
		header := `{"alg":"RS256","kid":"` + kid + `"}`
		for name, signature := range map[string][]byte{"the message": encodedMessage(header, payload("", ""), 256), "one": append(make([]byte, 255), 1), "zeros": make([]byte, 256)} {
			if _, err := v.Verify(t.Context(), forged(header, payload("", ""), signature)); err == nil {
				t.Errorf("a key with the exponent %s, and %s: accepted", kid, name)
			} else {
				checkRefused(t, err)
			}
		}
	}
	for name, signature := range map[string][]byte{"zeros": make([]byte, 64), "ones": bytes.Repeat([]byte{1}, 64)} {
		_, err := v.Verify(t.Context(), forged(`{"alg":"ES256","kid":"nowhere"}`, payload("", ""), signature))
		if err == nil {
			t.Errorf("a point that is not on the curve, and %s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
}

// An Ed25519 signature has one form: with the order of the group added to its second half it is another text for the same.
func TestSignaturesOfEd25519(t *testing.T) {
	t.Parallel()
	ed := edSigner(t, "d")
	server := publish(t, keySet(t, []signer{ed}))
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	good := parts(t, ed.sign(t, payload("", "")))
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	half := []byte(good[2][32:])
	slices.Reverse(half)
	more := new(big.Int).Add(new(big.Int).SetBytes(half), order).FillBytes(make([]byte, 32))
	slices.Reverse(more)
	identity := "\x01" + strings.Repeat("\x00", 31)
	for name, signature := range map[string]string{
		"the order more": good[2][:32] + string(more), "a byte more": good[2] + "\x00", "a byte less": good[2][:63], "the public key": string(ed.key.Public().(ed25519.PublicKey)) + good[2][32:],
		"the identity and 0": identity + strings.Repeat("\x00", 32), "halves changed": good[2][32:] + good[2][:32],
	} {
		if _, err := v.Verify(t.Context(), forged(good[0], good[1], []byte(signature))); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
}

// A certificate that a token brings along, made by whoever made the token, in each place where one may stand.
func TestCertificatesThatATokenBringsAlong(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mallory := signer{"e", jwa.ES256(), key}
	template := x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(certificate)
	server := publish(t, keySet(t, []signer{ecSigner(t, "e", elliptic.P256(), jwa.ES256())}))
	v := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), server.URL), fixed(start))
	chain := base64.StdEncoding.EncodeToString(certificate)
	for name, members := range map[string]map[string]any{
		"x5c":         {"x5c": []string{chain}},
		"x5c and kid": {"x5c": []string{chain}, "kid": "e"},
		"x5t":         {"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:]), "x5c": []string{chain}},
		"in a jwk":    {"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x5c": []string{chain}}},
	} {
		members["alg"] = "ES256"
		header, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		r, s, err := signES256(key, b64(string(header))+"."+b64(payload("", "")))
		if err != nil {
			t.Fatal(err)
		}
		made := forged(string(header), payload("", ""), append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
		if _, err := v.Verify(t.Context(), made); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
	own := token.NewVerifier(rules(), token.JWKS(fixed(start), server.Client(), publish(t, keySet(t, []signer{mallory})).URL), fixed(start))
	if _, err := own.Verify(t.Context(), mallory.sign(t, payload("", ""))); err != nil {
		t.Errorf("where the key is trusted: %v", err) // else nothing of this would mean anything
	}
}

func signES256(key *ecdsa.PrivateKey, text string) (r, s *big.Int, err error) {
	sum := sha256.Sum256([]byte(text))
	return ecdsa.Sign(rand.Reader, key, sum[:])
}

// Writings of one token that readers before or after us could take for it, and forms that are no token of ours.
func TestFormsOfTwoReadings(t *testing.T) {
	t.Parallel()
	good := handmade(secret, goodHeader, payload("", ""))
	list := strings.Split(good, ".")
	for name, made := range map[string]string{
		"a space before": " " + good, "a space behind": good + " ", "a tab": "\t" + good, "a NUL behind": good + "\x00", "a carriage return": list[0] + "\r." + list[1] + "." + list[2],
		"the scheme": "Bearer " + good, "quotes": `"` + good + `"`, "dots of another kind": strings.ReplaceAll(good, ".", "．"), "dots as in URLs": strings.ReplaceAll(good, ".", "%2E"),
		"two tokens": good + "," + good, "two parts": list[0] + "." + list[1], "no header": "." + list[1] + "." + list[2], "no payload": list[0] + ".." + list[2], "dots alone": "..",
		"five parts": good + "..", "padding of a part": list[0] + "." + list[1] + "." + list[2] + "=", "padding as in URLs": good + "%3D",
		"a header with other bits behind": respelledPart(t, list[0]) + "." + list[1] + "." + list[2],
		"a header that is base64 twice":   b64(list[0]) + "." + list[1] + "." + list[2],
		"no JSON, a table":                fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, list[0], list[1], list[2]),
		"alphabet of base64":              handmade(secret, goodHeader, payload("x", `"`+strings.Repeat("?>", 30)+`"`)) + "+/",
	} {
		if _, err := verifier(t, start).Verify(t.Context(), made); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
}

// respelledPart has other bits behind the last byte of a part, or is nothing where base64 has no room for some.
func respelledPart(t *testing.T, part string) string {
	t.Helper()
	if len(part)%4 == 0 {
		return part + "A"
	}
	return respelled(t, "."+part)[1:]
}

// Headers that are written in two ways, that name extensions, or say that the payload is something else. Each is signed with the
// right secret: whoever signs may be careless, and another reader of the same token must not read another one.
func TestHeadersOfTwoMeanings(t *testing.T) {
	t.Parallel()
	good := payload("", "")
	for name, header := range map[string]string{
		"alg twice, escaped": `{"alg":"HS256","\u0061lg":"none"}`, "kid twice": `{"alg":"HS256","kid":"a","kid":"b"}`, "typ twice": `{"alg":"HS256","typ":"JWT","typ":"JWT"}`,
		"an unknown one twice": `{"alg":"HS256","x":1,"x":2}`, "alg of another case": `{"ALG":"HS256"}`, "crit empty": `{"alg":"HS256","crit":[]}`, "crit of what is known": `{"alg":"HS256","crit":["exp"],"exp":1}`,
		"crit of itself": `{"alg":"HS256","crit":["crit"]}`, "crit a text": `{"alg":"HS256","crit":"b64"}`, "b64 true": `{"alg":"HS256","b64":true}`, "b64 as it should be": `{"alg":"HS256","b64":false,"crit":["b64"]}`,
		"typ a list": `{"alg":"HS256","typ":["JWT"]}`, "typ of an encrypted one": `{"alg":"HS256","typ":"JWE"}`, "a logout": `{"alg":"HS256","typ":"logout+jwt"}`, "a proof of possession": `{"alg":"HS256","typ":"dpop+jwt"}`,
		"two values": `{"alg":"HS256"}{"alg":"none"}`, "a comment": `{"alg":"HS256"/**/}`, "a comma more": `{"alg":"HS256",}`, "single quotes": `{'alg':'HS256'}`, "not UTF-8": "{\"alg\":\"HS256\",\"x\":\"\xff\"}",
		"a byte order mark": "\ufeff" + goodHeader, "a list": `["HS256"]`, "nothing": `null`, "empty": ``,
	} {
		if _, err := verifier(t, start).Verify(t.Context(), handmade(secret, header, good)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
	inner := handmade(secret, goodHeader, good)
	for name, made := range map[string]string{
		"a token in a token":   handmade(secret, `{"alg":"HS256","cty":"JWT"}`, inner),
		"in quotes":            handmade(secret, `{"alg":"HS256","cty":"JWT"}`, `"`+inner+`"`),
		"a compressed payload": handmade(secret, `{"alg":"HS256","zip":"DEF"}`, "\xaaV*.MR\xb2R\xcaI\xccLNU\xaa\x05\x00"),
		"a payload of its own": b64(`{"alg":"HS256","b64":false,"crit":["b64"]}`) + "." + good + "." + b64("x"),
	} {
		if _, err := verifier(t, start).Verify(t.Context(), made); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
}

// Numbers and texts that JSON does not have, and others that readers round or cut.
func TestValuesThatReadersGuess(t *testing.T) {
	t.Parallel()
	soon := fmt.Sprint(start.Unix() + 60)
	for name, made := range map[string]string{
		"exp with a zero before": payload("exp", "0"+soon), "exp with a plus": payload("exp", "+"+soon), "exp with a point behind": payload("exp", soon+"."), "exp in hex": payload("exp", "0x6955b93c"),
		"exp minus zero": payload("exp", "-0"), "exp infinite": payload("exp", "Infinity"), "exp an object": payload("exp", `{"$date":1}`), "exp false": payload("exp", "false"),
		"exp a far year": payload("exp", "1e10"), "exp of a date": payload("exp", `"2026-01-01T00:01:00Z"`),
		"nbf true": payload("nbf", "true"), "nbf negative": payload("nbf", "-1"), "nbf not a number": payload("nbf", "NaN"), "iat a text": payload("iat", `"`+soon+`"`), "iat negative infinity": payload("iat", "-1e400"),
		"sub a list": payload("sub", `["alice"]`), "sub an object": payload("sub", `{"$ne":""}`), "sub true": payload("sub", "true"), "sub of blanks": payload("sub", `"   "`), "sub with a line": payload("sub", `"alice\nroot"`),
		"sub turned around": payload("sub", `"\u202eecila"`), "sub with a joiner": payload("sub", `"ali\u200dce"`), "device a list": payload("device_id", `["d"]`), "aud empty": payload("aud", `""`),
		"aud of null and ours": payload("aud", `[null,"unsend"]`), "aud of an object and ours": payload("aud", `[{},"unsend"]`),
	} {
		if _, err := verifier(t, start).Verify(t.Context(), handmade(secret, goodHeader, made)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			checkRefused(t, err)
		}
	}
}
