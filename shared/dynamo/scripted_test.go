package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// service answers requests as a test says, and remembers them.
type service struct {
	mu       sync.Mutex
	requests []request
	answer   func(r request) (status int, body string, err error)
}

type request struct {
	n        int // from 1
	op, body string
	deadline time.Time
}

func (s *service) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	deadline, _ := r.Context().Deadline()
	s.mu.Lock()
	asked := request{len(s.requests) + 1, op, string(body), deadline}
	s.requests = append(s.requests, asked)
	s.mu.Unlock()
	status, answer, err := s.answer(asked)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(strings.NewReader(answer)), Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {"REQ1"}},
	}, nil
}

// scripted is a store whose service answers so, and whose pauses are recorded
// instead of waited for.
func scripted(answer func(r request) (int, string, error)) (*Store, *service, *[]time.Duration) {
	s := &service{answer: answer}
	var (
		mu     sync.Mutex
		pauses []time.Duration
	)
	client := NewClient(aws.Config{
		Region: "us-east-1", HTTPClient: s,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	return New(client, Tables{"messages", "community", "sessions", "audit"}, Options{
		Attempts: 5, Rand: func() float64 { return 0.999 },
		Sleep: func(_ context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			pauses = append(pauses, d)
			return nil
		},
	}), s, &pauses
}

func fails(status int, code, message string) func(request) (int, string, error) {
	return func(request) (int, string, error) {
		return status, fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message), nil
	}
}

// oldRow is a message as it comes with the refusal of a condition.
func oldRow(m chat.Message) string {
	row, err := encodeMessage(m)
	if err != nil {
		panic(err)
	}
	return wire(row)
}

// wire is a row in DynamoDB's JSON; it knows the types that messages have.
func wire(row item) string {
	plain := map[string]any{}
	for name, value := range row {
		plain[name] = wireValue(value)
	}
	text, err := json.Marshal(plain)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func wireValue(value types.AttributeValue) any {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return map[string]string{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]string{"N": v.Value}
	case *types.AttributeValueMemberM:
		return map[string]json.RawMessage{"M": json.RawMessage(wire(v.Value))}
	}
	panic(fmt.Sprintf("%T", value))
}

var _ dynamodb.HTTPClient = (*service)(nil)
