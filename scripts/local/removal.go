package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"unsend/scripts/local/stack"
)

// removal is the last step of scripts/test: it removes the deployment as scripts/deploy --remove does, and looks at
// what is left.
func (t *tests) removal(ctx context.Context) error {
	deployed, err := stack.Load(t.stackFile())
	if err != nil {
		return err
	}
	from := account{answers: answers{StackName: deployed.Name, Region: deployed.Region}, root: t.root, dir: t.dir,
		sam: venv{root: t.root, name: "sam"}.bin("sam"), env: localEnvironment(deployed.Endpoint, t.dir)}
	var said bytes.Buffer
	if err := from.remove(ctx, true, strings.NewReader(""), &said); err != nil {
		return fmt.Errorf("%w\n%s", err, indent(lastLines(said.String(), 25)))
	}
	left, err := tablesAndQueues(ctx, deployed.Endpoint)
	if err != nil {
		return err
	}
	for name, stays := range map[string]bool{
		deployed.MessagesTable: true, deployed.CommunityTable: true, deployed.AuditTable: true, path.Base(deployed.PushDeadLettersURL): true,
		deployed.SessionsTable: false, path.Base(deployed.PushQueueURL): false,
	} {
		if slices.Contains(left, name) != stays || strings.Contains(said.String(), name) != stays {
			return fmt.Errorf("after the removal %s is to be there, and named: %v; there are %q, and it said:\n%s", name, stays, left, indent(said.String()))
		}
	}
	return nil
}

// tablesAndQueues are the names of those that a local stack has.
func tablesAndQueues(ctx context.Context, endpoint string) ([]string, error) {
	var answer struct{ TableNames, QueueUrls []string }
	for _, list := range []struct{ service, target string }{{"dynamodb", "DynamoDB_20120810.ListTables"}, {"sqs", "AmazonSQS.ListQueues"}} {
		status, text, err := ask(ctx, endpoint, list.service, "{}", http.Header{
			"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {list.target}})
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, lastLines(string(text), 5))
		}
		if err == nil {
			err = json.Unmarshal(text, &answer)
		}
		if err != nil {
			return nil, fmt.Errorf("ask the local stack for %s: %w", list.target, err)
		}
	}
	names := answer.TableNames
	for _, url := range answer.QueueUrls {
		names = append(names, path.Base(url))
	}
	return names, nil
}
