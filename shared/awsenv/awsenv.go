// Package awsenv builds the aws.Config of a function from the environment that
// Lambda guarantees: Region, credentials and, for a local stack, an endpoint.
//
// It stands in for the SDK's config module, which also looks for profiles, SSO
// and instance metadata: none exists in a function, and leaving them out makes
// the binary smaller and its start faster.
package awsenv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// The variables that are read. Lambda sets all but the endpoints in every function
// (its developer guide, "Defined runtime environment variables").
const (
	Region           = "AWS_REGION"
	AccessKeyID      = "AWS_ACCESS_KEY_ID"
	SecretKey        = "AWS_SECRET_ACCESS_KEY"
	SessionToken     = "AWS_SESSION_TOKEN"         // empty for long-lived keys, as local stacks use them
	Endpoint         = "AWS_ENDPOINT_URL"          // of every service; empty on AWS
	DynamoDBEndpoint = "AWS_ENDPOINT_URL_DYNAMODB" // of the tables, where it is another; empty on AWS
)

const (
	maxAttempts = 3
	// A pause before another attempt is any up to firstBackoff, and up to twice that before the next. What is throttled wants longer
	// ones: see backoff.
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = time.Second
	dialTimeout  = time.Second
	// responseTimeout bounds the wait for the first byte of one attempt, so that
	// a lost packet costs an attempt and not the whole request.
	responseTimeout = 2 * time.Second
)

// IdleConnections are kept per host: the SDK's own 10 (Go's 2) would close and
// dial TLS connections all the time when a batch fans out.
const IdleConnections = 256

// Config reads the environment with getenv, which is os.Getenv in a function.
// The error names every variable that is missing or malformed, and no value.
//
// Clients made from it try each request up to 3 times, with jitter, waiting at
// most a second in between, and half a second at least where they were throttled.
func Config(getenv func(string) string) (aws.Config, error) {
	region, endpoint, tables := getenv(Region), getenv(Endpoint), getenv(DynamoDBEndpoint)
	credentials := aws.Credentials{
		AccessKeyID: getenv(AccessKeyID), SecretAccessKey: getenv(SecretKey), SessionToken: getenv(SessionToken),
		Source: "environment",
	}
	if err := errors.Join(
		required(Region, region),
		required(AccessKeyID, credentials.AccessKeyID),
		required(SecretKey, credentials.SecretAccessKey),
		checkEndpoint(Endpoint, endpoint),
		checkEndpoint(DynamoDBEndpoint, tables),
	); err != nil {
		return aws.Config{}, fmt.Errorf("AWS environment: %w", err)
	}
	cfg := aws.Config{
		Region:      region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		HTTPClient:  httpClient(),
		Retryer:     retryer,
	}
	if endpoint != "" {
		cfg.BaseEndpoint = aws.String(endpoint)
	}
	if tables != "" {
		cfg.ConfigSources = []any{&tablesEndpoint{tables}}
	}
	return cfg, nil
}

// tablesEndpoint is where the SDK's clients look for an endpoint of their own service, as the config module has one.
type tablesEndpoint struct{ url string }

// GetServiceBaseEndpoint is asked by each client with its service's name in the SDK.
func (e *tablesEndpoint) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	return e.url, service == "DynamoDB", nil
}

func required(name, value string) error {
	if value == "" {
		return fmt.Errorf("%s is not set", name)
	}
	return nil
}

func checkEndpoint(name, endpoint string) error {
	if endpoint == "" {
		return nil
	}
	parsed, err := url.Parse(endpoint)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return fmt.Errorf("%s is no http or https URL", name)
	}
	return nil
}

func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns = 0 // no limit over all hosts
			t.MaxIdleConnsPerHost = IdleConnections
			t.ResponseHeaderTimeout = responseTimeout
		})
}

func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		// With a MaxBackoff of a second the SDK's own waits that long each time, without jitter.
		o.Backoff = retry.BackoffDelayerFunc(backoff)
	})
}

// backoff is the pause after an attempt that has failed so. After a throttle it is half of maxBackoff at least, so that the last attempt
// comes a second or more after the first: room for more comes with the seconds. The attempts count from 1, or with AWS_NEW_RETRIES_2026 from 0.
func backoff(attempt int, err error) (time.Duration, error) {
	least, most := time.Duration(0), min(firstBackoff<<max(attempt-1, 0), maxBackoff)
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool() {
		least, most = maxBackoff/2, maxBackoff
	}
	return least + time.Duration(rand.Float64()*float64(most-least)), nil
}
