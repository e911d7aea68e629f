package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"unsend/shared/awsenv"
	"unsend/shared/cloudtest/cloudwatch"
	"unsend/shared/config"
	"unsend/shared/dynamo/dynamotest"
)

// What goes wrong in a deployment, caused in the ways in which it does: by a deployment, a role, a limit, a table. Each gives what mends it,
// which happens at the latest when the test ends. All are for the local stack, whose functions change at once.

// alias is what routes and mappings call.
const alias = "live"

// oneVersionServes gives the version that the function's alias serves. Where it shares its calls out to two, as during a gradual
// deployment (scripts/test --beside), the test is skipped: what it deploys would answer some of the calls only.
func (c *community) oneVersionServes(function string) (version *string) {
	c.t.Helper()
	is, err := lambda.NewFromConfig(c.AWS()).GetAlias(c.ctx(), &lambda.GetAliasInput{FunctionName: aws.String(c.physical(function)), Name: aws.String(alias)})
	c.must(nil, err)
	if is.RoutingConfig != nil && len(is.RoutingConfig.AdditionalVersionWeights) > 0 {
		c.t.Skip("two versions of " + function + " serve, as during a gradual deployment, and this test deploys another")
	}
	return is.FunctionVersion
}

// mending is run once, when it is called or when the test has ended.
func (c *community) mending(mend func()) func() {
	once := sync.OnceFunc(mend)
	c.t.Cleanup(once)
	return once
}

// serve has the function's alias serve a version with other variables, as a deployment does.
func (c *community) serve(function string, change func(variables map[string]string)) (rollBack func()) {
	c.t.Helper()
	client, name := lambda.NewFromConfig(c.AWS()), aws.String(c.physical(function))
	before := c.oneVersionServes(function)
	is, err := client.GetFunctionConfiguration(c.ctx(), &lambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: before})
	c.must(nil, err)
	variables := map[string]string{}
	for key, value := range is.Environment.Variables {
		variables[key] = value
	}
	change(variables)
	update := func(to map[string]string) error {
		_, err := client.UpdateFunctionConfiguration(c.finally(), &lambda.UpdateFunctionConfigurationInput{FunctionName: name, Environment: &lambdatypes.Environment{Variables: to}})
		return err
	}
	c.must(nil, update(variables))
	version, err := client.PublishVersion(c.ctx(), &lambda.PublishVersionInput{FunctionName: name})
	c.must(nil, err)
	c.point(client, name, version.Version)
	return c.mending(func() {
		c.point(client, name, before)
		c.must(nil, update(is.Environment.Variables))
	})
}

func (c *community) point(client *lambda.Client, function, version *string) {
	c.t.Helper()
	_, err := client.UpdateAlias(c.finally(), &lambda.UpdateAliasInput{FunctionName: function, Name: aws.String(alias), FunctionVersion: version})
	c.must(nil, err)
}

// breakDown has the function served without one of its variables: it cannot start.
func (c *community) breakDown(function string) (rollBack func()) {
	c.t.Helper()
	return c.serve(function, func(variables map[string]string) { delete(variables, config.MessagesTable) })
}

// starve takes the function's concurrency, as an account at its limit does. The local stack keeps to a limit of $LATEST only.
func (c *community) starve(function string) (feed func()) {
	c.t.Helper()
	client, name := lambda.NewFromConfig(c.AWS()), aws.String(c.physical(function))
	before := c.oneVersionServes(function)
	_, err := client.PutFunctionConcurrency(c.ctx(), &lambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)})
	c.must(nil, err)
	c.point(client, name, aws.String("$LATEST"))
	return c.mending(func() {
		c.point(client, name, before)
		_, err := client.DeleteFunctionConcurrency(c.finally(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: name})
		c.must(nil, err)
	})
}

// deny forbids a role of the stack an action.
func (c *community) deny(role, action string) (permit func()) {
	c.t.Helper()
	const name = "e2e-deny"
	physical := c.physical(role)
	c.put(physical, name, policyDocument{Version: "2012-10-17", Statement: []map[string]any{{"Effect": "Deny", "Action": action, "Resource": "*"}}})
	return c.mending(func() {
		_, err := c.iam(c.finally(), url.Values{"Action": {"DeleteRolePolicy"}, "RoleName": {physical}, "PolicyName": {name}})
		c.must(nil, err)
	})
}

// pause stops a mapping.
func (c *community) pause(mapping string) (goOn func()) {
	c.t.Helper()
	id := c.physical(mapping)
	set := func(enabled bool) {
		_, err := lambda.NewFromConfig(c.AWS()).UpdateEventSourceMapping(c.finally(), &lambda.UpdateEventSourceMappingInput{UUID: &id, Enabled: &enabled})
		c.must(nil, err)
	}
	set(false)
	return c.mending(func() { set(true) })
}

// hurry has what failed in the queue come again so soon, and not after its visibility timeout.
func (c *community) hurry(queue string, after time.Duration) (slowDown func()) {
	c.t.Helper()
	client, name := sqs.NewFromConfig(c.AWS()), aws.String(c.physical(queue))
	const timeout = sqstypes.QueueAttributeNameVisibilityTimeout
	is, err := client.GetQueueAttributes(c.ctx(), &sqs.GetQueueAttributesInput{QueueUrl: name, AttributeNames: []sqstypes.QueueAttributeName{timeout}})
	c.must(nil, err)
	set := func(value string) {
		_, err := client.SetQueueAttributes(c.finally(), &sqs.SetQueueAttributesInput{QueueUrl: name, Attributes: map[string]string{string(timeout): value}})
		c.must(nil, err)
	}
	set(strconv.Itoa(int(after.Seconds())))
	return c.mending(func() { set(is.Attributes[string(timeout)]) })
}

// tables is a way to DynamoDB that refuses some requests, as DynamoDB does those that are too many.
type tables struct {
	onward *httputil.ReverseProxy

	refuses string // a table, or a table/index
	write   bool

	mu       sync.Mutex
	mended   bool
	refusals int
}

// reads are the operations that read, of those that the functions use.
var reads = []string{"GetItem", "BatchGetItem", "Query", "Scan"}

// wayTo has the function reach its tables by a way that refuses its requests of a table or index: all that write, or all that read.
func (w *watch) wayTo(function, refuses string, write bool) *tables {
	w.t.Helper()
	endpoint, err := url.Parse(w.Endpoint)
	w.must(nil, err)
	// The request is signed for this host, so it keeps its name.
	t := &tables{onward: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(endpoint); r.Out.Host = r.In.Host }}, refuses: refuses, write: write}
	server := httptest.NewServer(t)
	w.t.Cleanup(server.Close)
	w.serve(function, func(variables map[string]string) { variables[awsenv.DynamoDBEndpoint] = server.URL })
	w.ways = append(w.ways, t)
	return t
}

// mend lets all requests pass.
func (t *tables) mend() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mended = true
}

func (t *tables) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever asked has gone
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if t.refused(operation, body) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"The level of configured provisioned throughput for the table was exceeded."}`)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	t.onward.ServeHTTP(w, r)
}

// meant tells whether the call is one of those that it refuses.
func (t *tables) meant(call dynamotest.Call) bool {
	name := call.Table
	if call.Index != "" {
		name += "/" + call.Index
	}
	return name == t.refuses && slices.Contains(reads, call.Operation) != t.write
}

func (t *tables) refused(operation string, body []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mended || !slices.ContainsFunc(dynamotest.Calls(operation, body), t.meant) {
		return false
	}
	t.refusals++
	return true
}

// counted are the refusals so far, and the metric that DynamoDB would count them by.
func (t *tables) counted() (cloudwatch.Metric, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := "ReadThrottleEvents"
	if t.write {
		name = "WriteThrottleEvents"
	}
	table, index, ofIndex := strings.Cut(t.refuses, "/")
	dimensions := []string{"TableName", table}
	if ofIndex {
		dimensions = append(dimensions, "GlobalSecondaryIndexName", index)
	}
	return cloudwatch.NewMetric("AWS/DynamoDB", name, dimensions...), t.refusals
}
