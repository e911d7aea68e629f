package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// calledAlias is what routes, mappings and function URLs call of each function: AutoPublishAlias of template.yaml.
const calledAlias = "live"

// A function is one of those in a local stack, with what its alias calls.
type function struct {
	name    string // as the stack has it, unsend-Send-0123456789AB
	logs    string // its log group
	version string
}

// folder is the last part of its log group, and its folder in functions/.
func (f function) folder() string { return f.logs[strings.LastIndex(f.logs, "/")+1:] }

// functionsOf lists the functions of a local stack.
func functionsOf(ctx context.Context, endpoint string) ([]function, error) {
	var answer struct {
		Functions []struct {
			FunctionName  string
			LoggingConfig struct{ LogGroup string }
		}
		NextMarker string
	}
	if err := askLambda(ctx, endpoint, http.MethodGet, "", nil, &answer); err != nil {
		return nil, fmt.Errorf("list the functions of the local stack: %w", err)
	}
	if answer.NextMarker != "" {
		return nil, errors.New("list the functions of the local stack: there are more than a page of them")
	}
	var found []function
	for _, f := range answer.Functions {
		var alias struct{ FunctionVersion string }
		if err := askLambda(ctx, endpoint, http.MethodGet, f.FunctionName+"/aliases/"+calledAlias, nil, &alias); err != nil {
			return nil, fmt.Errorf("ask which version %s serves: %w", f.FunctionName, err)
		}
		found = append(found, function{f.FunctionName, f.LoggingConfig.LogGroup, alias.FunctionVersion})
	}
	return found, nil
}

// routing is what an alias calls: its version, which stays where it is empty, but for the shares that other ones have.
type routing struct {
	FunctionVersion string `json:",omitempty"`
	RoutingConfig   struct {
		AdditionalVersionWeights map[string]float64
	}
}

// route has the alias call what it calls, but for the share of the calls, 0 to 1, that the version gets. One that gets all becomes
// the alias's own.
func (f function) route(ctx context.Context, endpoint, version string, share float64) error {
	var to routing
	to.RoutingConfig.AdditionalVersionWeights = map[string]float64{}
	switch {
	case share >= 1:
		to.FunctionVersion = version
	case share > 0:
		to.RoutingConfig.AdditionalVersionWeights[version] = share
	}
	if err := askLambda(ctx, endpoint, http.MethodPut, f.name+"/aliases/"+calledAlias, to, nil); err != nil {
		return fmt.Errorf("share the calls of %s out: %w", f.name, err)
	}
	return nil
}

// askLambda asks the Lambda API of a local stack about the functions, or one of them.
func askLambda(ctx context.Context, endpoint, method, path string, question, answer any) error {
	var body string
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return err
		}
		body = string(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, endpoint+"/2015-03-31/functions/"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	status, text, err := send(ctx, request, "lambda", body)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("status %d: %s", status, lastLines(string(text), 5))
	case answer == nil:
		return nil
	}
	return json.Unmarshal(text, answer)
}

// startLine is the first that the platform logs of a call.
var startLine = regexp.MustCompile(`^START RequestId: \S+ Version: (\S+)$`)

// calls counts, by version, those of a function since a time: the first 10,000 of them.
func (f function) calls(ctx context.Context, endpoint string, since time.Time) (map[string]int, error) {
	question := fmt.Sprintf(`{"logGroupName":%q,"startTime":%d,"filterPattern":"\"START RequestId\""}`, f.logs, since.UnixMilli())
	status, text, err := ask(ctx, endpoint, "logs", question, http.Header{
		"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"Logs_20140328.FilterLogEvents"}})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, lastLines(string(text), 5))
	}
	var answer struct{ Events []struct{ Message string } }
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		return nil, fmt.Errorf("count the calls of %s: %w", f.name, err)
	}
	count := map[string]int{}
	for _, event := range answer.Events {
		if found := startLine.FindStringSubmatch(event.Message); found != nil {
			count[found[1]]++
		}
	}
	return count, nil
}
