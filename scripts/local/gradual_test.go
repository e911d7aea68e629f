package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const gradualTemplate = `{
	"Send": {"Type": "AWS::Lambda::Function"},
	"SendAliaslive": {"Type": "AWS::Lambda::Alias", "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {"DeploymentGroupName": {"Ref": "SendGroup"}}}},
	"SendGroup": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {"Events": ["DEPLOYMENT_STOP_ON_ALARM"],
		"Alarms": {"Fn::If": ["OnAws", [{"Ref": "FunctionsFail"}, {"Ref": "WorkersFail"}, {"Ref": "RequestsFail"}], []]}}},
	"SendIntegration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"IntegrationUri": {"Fn::Sub": "arn:${AWS::Partition}:lambda/${SendAliaslive}/invocations"}}},
	"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": {"Ref": "SendAliaslive"}}}}`

func TestAShiftThatMissesAFunctionIsFound(t *testing.T) {
	t.Parallel()
	parse := func(text string) (all map[string]resource) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if err := shiftsGradually(parse(gradualTemplate)); err != nil {
		t.Error(err)
	}
	for _, change := range []struct{ old, new, says string }{
		{`/${SendAliaslive}/`, `/${Send.Arn}/`, "SendIntegration calls Send itself"},
		{`{"FunctionName": {"Ref": "SendAliaslive"}}`, `{"FunctionName": {"Fn::GetAtt": ["Send", "Arn"]}}`, "Mapping calls Send itself"},
		{`{"FunctionName": {"Ref": "SendAliaslive"}}`, `{}`, "Mapping calls nothing"},
		{`"UpdatePolicy": {`, `"Policy": {`, "SendAliaslive lacks"},
		{`"DEPLOYMENT_STOP_ON_ALARM"`, ``, "SendAliaslive lacks DEPLOYMENT_STOP_ON_ALARM"},
		{`{"Ref": "WorkersFail"}, `, ``, "SendAliaslive lacks WorkersFail"},
		{`"Mapping": {`, `"Read": {"Type": "AWS::Lambda::Function"}, "Mapping": {`, "2 functions have 1 aliases"},
	} {
		if err := shiftsGradually(parse(strings.Replace(gradualTemplate, change.old, change.new, 1))); err == nil || !strings.Contains(err.Error(), change.says) {
			t.Errorf("%s: %v, want %q", change.new, err, change.says)
		}
	}
	if err := shiftsAtOnce(parse(gradualTemplate)); err == nil {
		t.Error("CodeDeploy is not found")
	}
	if err := shiftsAtOnce(parse(`{"Send": {"Type": "AWS::Lambda::Function"}}`)); err != nil {
		t.Error(err)
	}
}
