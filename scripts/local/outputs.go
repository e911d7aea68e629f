package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"unsend/scripts/local/stack"
)

// stackOutputs reads the outputs of a CloudFormation stack in a local stack.
func stackOutputs(ctx context.Context, endpoint, name string) (map[string]string, error) {
	form := url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}
	status, text, err := ask(ctx, endpoint, "cloudformation", form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if err != nil {
		return nil, fmt.Errorf("ask the local stack for its outputs: %w", err)
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("ask the local stack for its outputs: status %d: %s", status, lastLines(string(text), 5))
	}
	return parseOutputs(text)
}

// createBus makes an event bus in a local stack. One that is there stays as it is.
func createBus(ctx context.Context, endpoint, name string) error {
	status, text, err := ask(ctx, endpoint, "events", `{"Name":"`+name+`"}`, http.Header{
		"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AWSEvents.CreateEventBus"}})
	if err != nil {
		return fmt.Errorf("make an event bus in the local stack: %w", err)
	}
	if status != http.StatusOK && !strings.Contains(string(text), "ResourceAlreadyExistsException") {
		return fmt.Errorf("make an event bus in the local stack: status %d: %s", status, lastLines(string(text), 5))
	}
	return nil
}

// ask is one signed request by hand: the SDK's clients for services that only this
// asks would add half a minute of compiling to every first start.
func ask(ctx context.Context, endpoint, service, body string, header http.Header) (status int, text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header = header
	return send(ctx, request, service, body)
}

// maxAnswer is more than the most that is asked for, 10,000 lines of a log.
const maxAnswer = 16 << 20

// send signs a request, whose body is text, and reads the answer.
func send(ctx context.Context, request *http.Request, service, body string) (status int, text []byte, err error) {
	sum := sha256.Sum256([]byte(body))
	keys := aws.Credentials{AccessKeyID: stack.LocalAccessKey, SecretAccessKey: stack.LocalSecretKey}
	if err := v4.NewSigner().SignHTTP(ctx, keys, request, hex.EncodeToString(sum[:]), service, localRegion, time.Now()); err != nil {
		return 0, nil, fmt.Errorf("sign the request: %w", err)
	}
	response, err := (&http.Client{Timeout: 30 * time.Second}).Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, text, err
}

func parseOutputs(text []byte) (map[string]string, error) {
	var answer struct {
		Outputs []struct {
			Key   string `xml:"OutputKey"`
			Value string `xml:"OutputValue"`
		} `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	if err := xml.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read the stack's outputs: %w", err)
	}
	outputs := map[string]string{}
	for _, o := range answer.Outputs {
		outputs[o.Key] = o.Value
	}
	return outputs, nil
}
