package e2e

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	unsend "unsend/clients/go"
)

// statementsVariable asks for this test, which takes half an hour: a regular expression of the roles to look at, "." for
// all of them.
const statementsVariable = "UNSEND_STATEMENTS"

// unenforced are the actions that the local stack does by itself, whatever a role says.
var unenforced = map[string]string{
	"logs:PutLogEvents":     "the local stack writes logs itself",
	"dynamodb:GetRecords":   "the local stack reads streams itself",
	"dynamodb:ListStreams":  "the local stack reads streams itself",
	"s3:PutObject":          "the local stack writes no failure objects",
	"s3:ListBucket":         "the local stack writes no failure objects",
	"xray:PutTraceSegments": "the local stack keeps no traces",
}

// Each statement of each role is needed: without it some test of this suite fails.
func TestEachStatementIsNeeded(t *testing.T) {
	if os.Getenv(statementsVariable) == "" {
		t.Skip("set " + statementsVariable + "=., or use scripts/test --long: it takes half an hour")
	}
	c := whereProcessesEnd(t)
	which, err := regexp.Compile(os.Getenv(statementsVariable))
	c.must(nil, err)
	if failed := firstFailure(t); failed != "" {
		t.Fatalf("with every statement in its place %s fails: this test would show nothing", failed)
	}
	for _, role := range c.roles() {
		if !which.MatchString(role) {
			continue
		}
		for _, policy := range c.policies(role) {
			document := c.policy(role, policy)
			for i, statement := range document.Statement {
				if why := byItself(statement); why != "" {
					t.Logf("%s, %v: %s", role, statement["Action"], why)
					continue
				}
				without := document
				without.Statement = slices.Delete(slices.Clone(document.Statement), i, i+1)
				began := time.Now()
				failed := func() string {
					defer c.restore(role, policy, document)
					c.put(role, policy, without)
					c.kill(functionOf(role)) // it may keep what it read, as authorize does the secrets
					return firstFailure(t)
				}()
				if failed == "" {
					t.Errorf("%s needs no %v on %v: the suite passes without", role, statement["Action"], statement["Resource"])
				} else {
					t.Logf("%s without %v on %v: %s (%v)", role, statement["Action"], statement["Resource"], failed, time.Since(began).Round(time.Second))
				}
			}
		}
	}
}

// restore puts the policy back, and waits until the deployment is as it was: a process may keep that it was refused.
func (c *community) restore(role, policy string, document policyDocument) {
	c.t.Helper()
	c.put(role, policy, document)
	c.kill(functionOf(role))
	eventually(c.t, "everything works again", func() bool {
		client, err := unsend.Dial(c.ctx(), unsend.Options{URL: c.WebSocketURL, ClientType: web,
			Token: func(context.Context) (string, error) { return c.token("owner", ""), nil }})
		if err != nil {
			return false
		}
		defer func() { _ = client.Close() }()
		_, err = client.History(c.ctx(), unsend.HistoryRequest{ServerID: c.id, ChannelID: "lobby"})
		return err == nil
	})
}

// functionOf is the logical id of a role's function: unsend-SendRole-1 is that of Send.
func functionOf(role string) string {
	parts := strings.Split(role, "-")
	return strings.TrimSuffix(parts[len(parts)-2], "Role")
}

type policyDocument struct {
	Version   string
	Statement []map[string]any
}

func actions(statement map[string]any) (list []string) {
	switch a := statement["Action"].(type) {
	case string:
		return []string{a}
	case []any:
		for _, action := range a {
			list = append(list, action.(string))
		}
	}
	return list
}

// byItself says why removing the statement shows nothing here; empty where it does.
func byItself(statement map[string]any) string {
	for _, action := range actions(statement) {
		if why := unenforced[action]; why != "" {
			return why
		}
	}
	return ""
}

// firstFailure runs the rest of the suite, in a process of its own, until a test fails.
func firstFailure(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, os.Args[0], "-test.failfast", "-test.skip=TestEachStatement|TestAlarm|Killed|Restart|Pages|Keys|Fast")
	command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, statementsVariable+"=") })
	output, err := command.CombinedOutput()
	if err == nil {
		return ""
	}
	if ctx.Err() != nil {
		t.Fatalf("the suite had no end within five minutes:\n%s", output)
	}
	for line := range strings.Lines(string(output)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			return name
		}
	}
	t.Fatalf("the suite failed, and no test of it:\n%s", output)
	return ""
}

func (c *community) roles() (names []string) {
	c.t.Helper()
	out, err := cloudformation.NewFromConfig(c.AWS()).DescribeStackResources(c.ctx(), &cloudformation.DescribeStackResourcesInput{StackName: &c.Name})
	c.must(nil, err)
	for _, resource := range out.StackResources {
		if aws.ToString(resource.ResourceType) == "AWS::IAM::Role" {
			names = append(names, aws.ToString(resource.PhysicalResourceId))
		}
	}
	if len(names) < 9 {
		c.t.Errorf("only %d roles", len(names))
	}
	return names
}

func (c *community) policies(role string) []string {
	c.t.Helper()
	var answer struct {
		Names []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	}
	c.asked(url.Values{"Action": {"ListRolePolicies"}, "RoleName": {role}}, &answer)
	if len(answer.Names) == 0 {
		c.t.Errorf("%s has no policy", role)
	}
	return answer.Names
}

func (c *community) policy(role, name string) (document policyDocument) {
	c.t.Helper()
	var answer struct {
		Document string `xml:"GetRolePolicyResult>PolicyDocument"`
	}
	c.asked(url.Values{"Action": {"GetRolePolicy"}, "RoleName": {role}, "PolicyName": {name}}, &answer)
	text, err := url.QueryUnescape(answer.Document)
	c.must(nil, err)
	c.must(nil, json.Unmarshal([]byte(text), &document))
	return document
}

func (c *community) put(role, name string, document policyDocument) {
	c.t.Helper()
	text, err := json.Marshal(document)
	c.must(nil, err)
	_, err = c.iam(context.WithoutCancel(c.t.Context()), url.Values{"Action": {"PutRolePolicy"}, "RoleName": {role}, "PolicyName": {name}, "PolicyDocument": {string(text)}})
	c.must(nil, err)
}

func (c *community) asked(form url.Values, answer any) {
	c.t.Helper()
	text, err := c.iam(c.ctx(), form)
	c.must(nil, err)
	c.must(nil, xml.Unmarshal(text, answer))
}
