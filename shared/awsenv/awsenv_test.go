package awsenv_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"unsend/shared/awsenv"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

func environment(pairs ...string) func(string) string {
	values := map[string]string{
		awsenv.Region: "eu-west-1", awsenv.AccessKeyID: "key", awsenv.SecretKey: "very-secret", awsenv.SessionToken: "token",
	}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

func TestConfigOfAFunction(t *testing.T) {
	cfg, err := awsenv.Config(environment())
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || credentials.AccessKeyID != "key" || credentials.SecretAccessKey != "very-secret" || credentials.SessionToken != "token" {
		t.Errorf("credentials of %s: %v", credentials.AccessKeyID, err)
	}
	if cfg.Region != "eu-west-1" || cfg.BaseEndpoint != nil {
		t.Errorf("region %s, endpoint %v; want eu-west-1 and the service's own endpoint", cfg.Region, cfg.BaseEndpoint)
	}
	if n := cfg.Retryer().MaxAttempts(); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
	transport := cfg.HTTPClient.(*awshttp.BuildableClient).GetTransport()
	if transport.MaxIdleConnsPerHost <= http.DefaultMaxIdleConnsPerHost || transport.ResponseHeaderTimeout == 0 {
		t.Errorf("transport keeps %d connections and waits %v for an answer", transport.MaxIdleConnsPerHost, transport.ResponseHeaderTimeout)
	}
}

func TestConfigOfALocalStack(t *testing.T) {
	cfg, err := awsenv.Config(environment(awsenv.Endpoint, "http://127.0.0.1:4566", awsenv.SessionToken, ""))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.BaseEndpoint == nil || *cfg.BaseEndpoint != "http://127.0.0.1:4566" {
		t.Errorf("endpoint %v", cfg.BaseEndpoint)
	}
}

// The clients of the SDK ask for an endpoint of their service by its variable's presence, so it must be in the process, too.
func TestTheTablesMayHaveAnEndpointOfTheirOwn(t *testing.T) {
	t.Setenv(awsenv.Endpoint, "http://127.0.0.1:4566")
	t.Setenv(awsenv.DynamoDBEndpoint, "http://127.0.0.1:8000")
	cfg, err := awsenv.Config(environment(awsenv.Endpoint, "http://127.0.0.1:4566", awsenv.DynamoDBEndpoint, "http://127.0.0.1:8000"))
	if err != nil {
		t.Fatal(err)
	}
	if got := dynamodb.NewFromConfig(cfg).Options().BaseEndpoint; got == nil || *got != "http://127.0.0.1:8000" {
		t.Errorf("the tables are at %v", got)
	}
	if got := sqs.NewFromConfig(cfg).Options().BaseEndpoint; got == nil || *got != "http://127.0.0.1:4566" {
		t.Errorf("the queues are at %v", got)
	}
	if _, err := awsenv.Config(environment(awsenv.DynamoDBEndpoint, "127.0.0.1:8000")); err == nil || !strings.Contains(err.Error(), awsenv.DynamoDBEndpoint) {
		t.Errorf("no URL: %v", err)
	}
}

func TestConfigReportsAllThatIsWrongAndNoValue(t *testing.T) {
	_, err := awsenv.Config(environment(awsenv.Region, "", awsenv.AccessKeyID, "", awsenv.Endpoint, "127.0.0.1:4566"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{awsenv.Region, awsenv.AccessKeyID, awsenv.Endpoint} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v: does not name %s", err, name)
		}
	}
	if strings.Contains(err.Error(), "very-secret") || strings.Contains(err.Error(), "4566") {
		t.Errorf("%v: holds a value", err)
	}
}

// The SDK's backoff with a maximum of a second waited for exactly that, every time: clients that were throttled together came back
// together, and one failed answer cost a second, which is all that rights for a push may be old. (With AWS_NEW_RETRIES_2026 the SDK counts
// attempts from 0.)
func TestPausesAreShortAndDiffer(t *testing.T) {
	t.Parallel()
	for attempt, most := range map[int]time.Duration{0: 200 * time.Millisecond, 1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 9: time.Second} {
		pauses(t, attempt, errors.New("failed"), 0, most)
	}
}

// Short pauses gave a write up after 0.3 s, which is sooner than a table that is throttled has room again.
func TestPausesAfterAThrottleAreLonger(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&types.ProvisionedThroughputExceededException{},
		fmt.Errorf("wrapped: %w", &smithy.GenericAPIError{Code: "RequestThrottled"}), // the queues' own
	} {
		for _, attempt := range []int{0, 1, 2, 9} {
			pauses(t, attempt, err, 500*time.Millisecond, time.Second)
		}
	}
}

// pauses has clients wait before another attempt: from least to most, each its own time.
func pauses(t *testing.T, attempt int, failed error, least, most time.Duration) {
	t.Helper()
	cfg, err := awsenv.Config(environment())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[time.Duration]bool{}
	for range 50 {
		d, err := cfg.Retryer().RetryDelay(attempt, failed)
		if err != nil || d < least || d >= most {
			t.Errorf("attempt %d, %v: waits %v, %v: want %v to %v", attempt, failed, d, err, least, most)
		}
		seen[d] = true
	}
	if len(seen) < 40 {
		t.Errorf("attempt %d: only %d different pauses of 50", attempt, len(seen))
	}
}
