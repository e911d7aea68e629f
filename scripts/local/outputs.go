package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"unsend/scripts/local/stack"
)

// stackOutputs reads the outputs of a CloudFormation stack in a local stack. It
// is one signed request by hand: the SDK's client for the service would add half
// a minute of compiling to every first start.
func stackOutputs(ctx context.Context, endpoint, name string) (map[string]string, error) {
	form := url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}
	body := []byte(form.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: stack.LocalAccessKey, SecretAccessKey: stack.LocalSecretKey}
	if err := v4.NewSigner().SignHTTP(ctx, keys, request, hex.EncodeToString(sum[:]), "cloudformation", localRegion, time.Now()); err != nil {
		return nil, fmt.Errorf("sign the request for the stack's outputs: %w", err)
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the local stack for its outputs: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("ask the local stack for its outputs: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the local stack for its outputs: %s: %s", response.Status, lastLines(string(text), 5))
	}
	return parseOutputs(text)
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
