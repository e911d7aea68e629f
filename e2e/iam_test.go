package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// A local stack on which anything goes would let every other test pass whatever
// the template's roles say. These tests are about that stack; AWS needs no proof.
func localOnly(t *testing.T) *community {
	t.Helper()
	c := newCommunity(t)
	if !c.Local() {
		t.Skip("about the local stack only: it is AWS that enforces IAM here")
	}
	return c
}

// A key that nobody issued, and a good key with another's secret. The root keys
// themselves prove nothing: MiniStack does not check their signature.
func TestWrongKeysAreRefused(t *testing.T) {
	t.Parallel()
	c := localOnly(t)
	session, err := sts.NewFromConfig(c.AWS()).GetSessionToken(c.ctx(), &sts.GetSessionTokenInput{})
	c.must(nil, err)
	id, secret, token := *session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken
	read := func(id, secret, token string) error {
		config := c.AWS()
		config.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
		_, err := dynamodb.NewFromConfig(config).Scan(c.ctx(), &dynamodb.ScanInput{TableName: &c.MessagesTable, Limit: aws.Int32(1)})
		return err
	}
	if err := read(id, secret, token); err != nil {
		t.Fatalf("with keys that were issued: %v", err)
	}
	for name, x := range map[string]struct {
		err  error
		want string
	}{
		"an unknown key":    {read("AKIAIOSFODNN7EXAMPLE", secret, ""), "UnrecognizedClientException"},
		"another's secret":  {read(id, "another"+secret, token), "InvalidSignatureException"},
		"without its token": {read(id, secret, ""), "UnrecognizedClientException"},
	} {
		if refusal, ok := errors.AsType[smithy.APIError](x.err); !ok || refusal.ErrorCode() != x.want {
			t.Errorf("%s: %v, want %s", name, x.err, x.want)
		}
	}
}

// What a function may do is what its role says: while read's is denied the
// tables, history fails, and afterwards it does not. Not parallel: the others read too.
func TestAFunctionIsBoundByItsRole(t *testing.T) {
	c := localOnly(t)
	phone := c.connect("owner", "phone")
	if _, err := phone.page("lobby"); err != nil {
		t.Fatal(err)
	}
	permit := c.deny("ReadRole", "dynamodb:*")
	eventually(t, "history fails while its role is denied the tables", func() bool { _, err := phone.page("lobby"); return code(err) >= 500 })
	permit()
	eventually(t, "history works again", func() bool { _, err := phone.page("lobby"); return err == nil })
}

func (c *community) iam(ctx context.Context, form url.Values) ([]byte, error) {
	return c.form(ctx, "iam", "2010-05-08", form)
}

// form is a signed request by hand, in the older protocol: the SDK's clients for these services are large
// things to compile for a call or two.
func (c *community) form(ctx context.Context, service, version string, form url.Values) ([]byte, error) {
	form.Set("Version", version)
	body := []byte(form.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := c.answered(request, service, body)
	if answer.err == nil && answer.status != http.StatusOK {
		return nil, fmt.Errorf("%s: %d: %.1000s", form.Get("Action"), answer.status, answer.text)
	}
	return []byte(answer.text), answer.err
}

// The stack that serves is the one that requirements/launch_stack.py guards.
func TestPagesDoNotReachTheLocalStack(t *testing.T) {
	t.Parallel()
	c := localOnly(t)
	ask := func(method, path string, change func(*http.Request)) int {
		request, err := http.NewRequestWithContext(c.ctx(), method, c.Endpoint+path, strings.NewReader("{}"))
		c.must(nil, err)
		change(request)
		response, err := http.DefaultClient.Do(request)
		c.must(nil, err)
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode
	}
	page := func(r *http.Request) { r.Header.Set("Origin", "https://example.com") }
	// What a page can send without the browser asking first: root's key, and any signature.
	const query = "/?Action=ListUsers&Version=2010-05-08&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fiam%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
	if status := ask(http.MethodGet, query, func(*http.Request) {}); status != http.StatusOK {
		t.Fatalf("from no page: %d; this test would show nothing", status)
	}
	for name, status := range map[string]int{
		"a page":                     ask(http.MethodPost, query, page),
		"a page's preflight":         ask(http.MethodOptions, query, page),
		"an image":                   ask(http.MethodGet, query, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }),
		"a name that leads here":     ask(http.MethodPost, query, func(r *http.Request) { r.Host = "evil.example" }),
		"administration, by anybody": ask(http.MethodPost, "/_ministack/config", func(*http.Request) {}),
	} {
		if status != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", name, status)
		}
	}
	header := bearer(c.token("owner", ""))
	if status, _ := c.shake(nil, header); status != http.StatusSwitchingProtocols {
		t.Fatalf("a WebSocket from no page: %d", status)
	}
	header.Set("Origin", "https://example.com")
	if status, _ := c.shake(nil, header); status != http.StatusForbidden {
		t.Errorf("a WebSocket from a page: %d, want 403", status)
	}
}
