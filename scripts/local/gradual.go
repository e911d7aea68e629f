package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// resource is one of a template as CloudFormation has it.
type resource struct {
	Type         string
	Properties   map[string]any
	UpdatePolicy map[string]any
}

// gradual checks what becomes of template.yaml with GradualDeployment and without.
func (t *tests) gradual(ctx context.Context) error {
	for value, check := range map[string]func(map[string]resource) error{"true": shiftsGradually, "false": shiftsAtOnce} {
		resources, err := t.transformed(ctx, "GradualDeployment="+value)
		if err != nil {
			return err
		}
		if err := check(resources); err != nil {
			return fmt.Errorf("with GradualDeployment=%s: %w", value, err)
		}
	}
	return nil
}

// transformed are the resources that SAM's translator makes of template.yaml.
func (t *tests) transformed(ctx context.Context, parameter string) (map[string]resource, error) {
	c := Command{What: "transform.py", Dir: t.root, Env: localEnvironment("", t.dir), Log: t.dir.log("transform " + parameter),
		Argv: []string{venv{root: t.root, name: "sam"}.bin("python"), "-B", filepath.Join("requirements", "transform.py"), "template.yaml", parameter}}
	output, err := c.Run(ctx)
	if err != nil {
		return nil, err
	}
	var template struct{ Resources map[string]resource }
	// The translator warns above the result, which is one line.
	if err := json.Unmarshal([]byte(lastLines(output, 1)), &template); err != nil {
		return nil, fmt.Errorf("read the transformed template: %w", err)
	}
	return template.Resources, nil
}

// shiftsGradually: CodeDeploy moves each alias, rolls back on alarms, and nothing calls past the aliases.
func shiftsGradually(resources map[string]resource) error {
	var wrong []error
	functions, aliases := 0, 0
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		r := resources[name]
		switch r.Type {
		case "AWS::Lambda::Function":
			functions++
		case "AWS::Lambda::Alias":
			aliases++
			wrong = append(wrong, isMoved(name, r, resources))
		case "AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Authorizer", "AWS::Lambda::Url":
			wrong = append(wrong, callsAnAlias(name, r, resources))
		}
	}
	if functions == 0 || aliases != functions {
		wrong = append(wrong, fmt.Errorf("%d functions have %d aliases", functions, aliases))
	}
	return errors.Join(wrong...)
}

// isMoved tells whether CodeDeploy moves the alias, and stops on alarms.
func isMoved(name string, alias resource, resources map[string]resource) error {
	update, _ := alias.UpdatePolicy["CodeDeployLambdaAliasUpdate"].(map[string]any)
	group := resources[reference(update["DeploymentGroupName"])]
	text, _ := json.Marshal(group.Properties) // it was JSON
	for _, part := range []string{"DEPLOYMENT_STOP_ON_ALARM", "FunctionsFail", "WorkersFail", "RequestsFail"} {
		if !strings.Contains(string(text), part) {
			return fmt.Errorf("the deployment group of %s lacks %s", name, part)
		}
	}
	return nil
}

// callsAnAlias tells whether what calls a function, or may, names an alias of it: its callers would else skip the shift.
func callsAnAlias(name string, r resource, resources map[string]resource) error {
	called := slices.DeleteFunc(references(r.Properties), func(to string) bool { return !strings.HasPrefix(resources[to].Type, "AWS::Lambda::") })
	for _, to := range called {
		if resources[to].Type != "AWS::Lambda::Alias" {
			return fmt.Errorf("%s calls %s itself, not its alias", name, to)
		}
	}
	if len(called) == 0 {
		return fmt.Errorf("%s calls nothing that this check sees", name)
	}
	return nil
}

// shiftsAtOnce: CodeDeploy has no part.
func shiftsAtOnce(resources map[string]resource) error {
	for name, r := range resources {
		if strings.HasPrefix(r.Type, "AWS::CodeDeploy::") || len(r.UpdatePolicy) > 0 {
			return fmt.Errorf("%s is there", name)
		}
	}
	return nil
}

func reference(v any) string {
	object, _ := v.(map[string]any)
	name, _ := object["Ref"].(string)
	return name
}

// references are the names in {"Ref": name}, {"Fn::GetAtt": [name, ...]} and the ${name} of {"Fn::Sub": ...}, anywhere in v.
func references(v any) (names []string) {
	switch v := v.(type) {
	case map[string]any:
		if name := reference(v); name != "" {
			return []string{name}
		}
		if list, ok := v["Fn::GetAtt"].([]any); ok {
			name, _ := list[0].(string)
			return []string{name}
		}
		if text, ok := v["Fn::Sub"].(string); ok {
			return substituted(text)
		}
		for _, each := range v {
			names = append(names, references(each)...)
		}
	case []any:
		for _, each := range v {
			names = append(names, references(each)...)
		}
	case string:
		return substituted(v)
	}
	return names
}

// substituted are the names in ${name} and ${name.Attribute}.
func substituted(text string) (names []string) {
	for {
		_, rest, found := strings.Cut(text, "${")
		if !found {
			return names
		}
		name, after, _ := strings.Cut(rest, "}")
		name, _, _ = strings.Cut(name, ".")
		names, text = append(names, name), after
	}
}
