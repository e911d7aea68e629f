package outage

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"unsend/shared/awsenv"
	"unsend/shared/dynamo/dynamotest"
	"unsend/shared/edge/edgetest"
)

const (
	region    = "us-east-1"
	accessKey = "test" // and its secret
)

// services are what the endpoint has besides tables.
type services struct {
	push, sweep string // URLs
	bus         string
	secrets     []string // ARNs
	keySet      []byte
}

// signingKey is the one whose public half the key set holds.
var signingKey = ed25519.NewKeyFromSeed([]byte("a key of these tests, no others!"))

// newServices makes them at the endpoint, until the test ends.
func newServices(t *testing.T) services {
	t.Helper()
	cfg, err := awsenv.Config(func(name string) string {
		return map[string]string{
			awsenv.Endpoint: os.Getenv(dynamotest.EndpointVariable), awsenv.Region: region, awsenv.AccessKeyID: accessKey, awsenv.SecretKey: accessKey,
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	name := "outage-" + rand.Text()[:10]
	s := services{keySet: publicKeys(t), bus: name}
	s.push, s.sweep = newQueue(t, cfg, name+"-push"), newQueue(t, cfg, name+"-sweep")
	newBus(t, cfg, name)
	s.secrets = []string{newSecret(t, cfg, name+"-a"), newSecret(t, cfg, name+"-b")}
	return s
}

// queues are the queues' names by their URLs.
func (s services) queues() map[string]string {
	return map[string]string{PushQueue: s.push, SweepQueue: s.sweep}
}

func newQueue(t *testing.T, cfg aws.Config, name string) string {
	t.Helper()
	client := sqs.NewFromConfig(cfg)
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func(ctx context.Context) error {
		_, err := client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
		return err
	})
	return *out.QueueUrl
}

func newBus(t *testing.T, cfg aws.Config, name string) {
	t.Helper()
	client := eventbridge.NewFromConfig(cfg)
	_, err := client.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String(name)})
	if err != nil && !isAnswer(err, "ResourceAlreadyExistsException") {
		t.Fatal(err)
	}
	atEnd(t, func(ctx context.Context) error {
		_, err := client.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: aws.String(name)})
		return err
	})
}

func newSecret(t *testing.T, cfg aws.Config, name string) string {
	t.Helper()
	client := secretsmanager.NewFromConfig(cfg)
	_, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(name), SecretString: aws.String(edgetest.TokenSecret)})
	if err != nil && !isAnswer(err, "ResourceExistsException") {
		t.Fatal(err)
	}
	out, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, func(ctx context.Context) error {
		_, err := client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: out.ARN, ForceDeleteWithoutRecovery: aws.Bool(true)})
		return err
	})
	return *out.ARN
}

// isAnswer tells whether the service answered with one of the codes. Names are new: what exists, or is gone, was made or deleted by an
// attempt whose answer was lost.
func isAnswer(err error, codes ...string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, api.ErrorCode())
}

// atEnd runs when the test ends, whose own context has ended then.
func atEnd(t *testing.T, f func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := f(ctx); err != nil && !isAnswer(err, "ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue") {
			t.Error(err)
		}
	})
}

func publicKeys(t *testing.T) []byte {
	t.Helper()
	key, err := jwk.Import(signingKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	set := jwk.NewSet()
	if err := set.AddKey(key); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// KeySetURL is where the cloud has the public keys that SignedToken's are checked with.
func (c *Case) KeySetURL() string { return c.Cloud.URL + keySetPath }

// SignedToken is a token of the account, signed with the key of the set.
func (c *Case) SignedToken(account string) string {
	c.Helper()
	now := time.Now()
	claims, err := json.Marshal(map[string]any{"sub": account, "aud": edgetest.TokenAudience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
	if err != nil {
		c.Fatal(err)
	}
	text, err := jws.Sign(claims, jws.WithKey(jwa.EdDSA(), signingKey))
	if err != nil {
		c.Fatal(err)
	}
	return string(text)
}
