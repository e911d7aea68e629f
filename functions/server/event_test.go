package main

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"unsend/shared/edge/edgetest"
)

// The event of a function URL, plain and as it comes where the body is taken for binary.
func TestTheEventOfAFunctionURL(t *testing.T) {
	t.Parallel()
	for _, encoded := range []bool{false, true} {
		c := newClient(t)
		event := edgetest.Load[events.LambdaFunctionURLRequest](t, "server")
		if encoded {
			event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(event.Body)), true
		}
		response, err := lambdaurl.Wrap(c.handler)(t.Context(), &event)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != 200 || response.Headers["Etag"] != `"v2"` || !strings.Contains(string(body), `"nick":"Alice B.","roles":["mod"]`) {
			t.Errorf("%d, %v, %s, %v", response.StatusCode, response.Headers, body, err)
		}
		if line := c.Line(t); line["request"] != event.RequestContext.RequestID || line["server"] != "s1" {
			t.Errorf("line %v", line)
		}
	}
}
