// Package unsend_test checks template.yaml for what neither `sam validate` nor a
// deployment to the local stack would notice.
package unsend_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/chat"
	"unsend/shared/cloudtest/cfn"
	"unsend/shared/dynamo"
)

// object is a mapping of the template.
type object = cfn.Object

func loadTemplate(t *testing.T) object {
	t.Helper()
	template, err := cfn.Read("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func at(m object, path ...string) object { return cfn.At(m, path...) }

func resources(template object, kind string) map[string]object { return cfn.Resources(template, kind) }

func functions(t *testing.T, template object) map[string]object {
	t.Helper()
	found := resources(template, "AWS::Serverless::Function")
	if len(found) != 12 {
		t.Fatalf("%d functions: the readers of this test are wrong", len(found))
	}
	return found
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	routes := at(template, "Resources", "Api", "Properties", "Routes")
	want := []string{"$connect", "$default", "$disconnect", "history", "ping", "revoke", "revokeBatch", "send", "subscribe", "sync", "unsubscribe"}
	if got := slices.Sorted(maps.Keys(routes)); !slices.Equal(got, want) {
		t.Errorf("routes %v, want %v", got, want)
	}
	for key := range routes {
		route := at(routes, key)
		if _, alias := at(route, "FunctionArn")["Ref"].(string); !alias {
			t.Errorf("%s calls %v, want a function's alias", key, route["FunctionArn"])
		}
		answers := key != "$connect" && key != "$disconnect"
		if chosen := route["RouteResponseSelectionExpression"]; (chosen == "$default") != answers {
			t.Errorf("%s: RouteResponseSelectionExpression is %v", key, chosen)
		}
	}
}

// Without a route response API Gateway drops a function's answer. The local
// stack forwards it all the same, so nothing else would find one missing.
func TestRoutesThatAnswerHaveARouteResponse(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	var have []string
	for _, response := range resources(template, "AWS::ApiGatewayV2::RouteResponse") {
		route, _ := at(response, "RouteId")["Ref"].(string)
		have = append(have, route)
		if response["RouteResponseKey"] != "$default" {
			t.Errorf("%s: RouteResponseKey is %v", route, response["RouteResponseKey"])
		}
	}
	slices.Sort(have)
	var want []string
	for key := range at(template, "Resources", "Api", "Properties", "Routes") {
		if name := strings.TrimPrefix(key, "$"); name != "connect" && name != "disconnect" {
			// SAM names a route as Python capitalizes it: revokeBatch is Revokebatch.
			want = append(want, "Api"+strings.ToUpper(name[:1])+strings.ToLower(name[1:])+"Route")
		}
	}
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("route responses for %v, want %v", have, want)
	}
}

func TestNothingLogsBodies(t *testing.T) {
	t.Parallel()
	settings := at(loadTemplate(t), "Resources", "Api", "Properties", "DefaultRouteSettings")
	if settings["DataTraceEnabled"] != false || settings["LoggingLevel"] != "OFF" {
		t.Errorf("route settings %v, want DataTraceEnabled false and LoggingLevel OFF", settings)
	}
}

func TestAFunctionHasARoleAndALogGroupOfItsOwn(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	for name, f := range functions(t, template) {
		if role := at(f, "Role")["Fn::GetAtt"]; role != name+"Role.Arn" {
			t.Errorf("%s has role %v", name, role)
		}
		if f["Policies"] != nil {
			t.Errorf("%s has Policies; they belong into %sRole", name, name)
		}
		if group := at(f, "LoggingConfig", "LogGroup")["Ref"]; group != name+"Logs" {
			t.Errorf("%s logs to %v", name, group)
		}
		if at(template, "Resources", name+"Logs", "Properties")["RetentionInDays"] == nil {
			t.Errorf("%sLogs keeps logs for ever", name)
		}
	}
}

// statements are those of a role, with both sides of an !If.
func statements(role object) []object {
	var all []object
	for _, policy := range role["Policies"].([]any) {
		for _, s := range at(policy.(object), "PolicyDocument")["Statement"].([]any) {
			all = append(all, branches(s.(object))...)
		}
	}
	return all
}

func branches(s object) []object {
	choice, conditional := s["Fn::If"].([]any)
	if !conditional {
		return []object{s}
	}
	var all []object
	for _, branch := range choice[1:] {
		if b := branch.(object); b["Ref"] != "AWS::NoValue" {
			all = append(all, branches(b)...)
		}
	}
	return all
}

// list gives a value that may be one or many.
func list(value any) []any {
	if many, ok := value.([]any); ok {
		return many
	}
	return []any{value}
}

// A variable that is missing stops a function at its cold start; one too many
// tells a function of a table that it has no business with.
func TestFunctionsGetTheVariablesTheyRead(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	config := parseConfig(t)
	for name, f := range functions(t, template) {
		folder := f["CodeUri"].(string)
		read := config.readBy(t, folder)
		set := slices.Sorted(maps.Keys(at(f, "Environment", "Variables")))
		if !slices.Equal(set, read) {
			t.Errorf("%s is given %v\nand %s reads %v", name, set, folder, read)
		}
	}
}

// environment is what shared/config knows: its constants, by name, and the
// methods of Environment that read fixed variables.
type environment struct {
	variables map[string]string
	methods   map[string][]string
}

func parseConfig(t *testing.T) environment {
	t.Helper()
	file := parseGo(t, "shared/config/config.go")
	e := environment{variables: map[string]string{}, methods: map[string][]string{}}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && spec.Names[0].IsExported() {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				e.variables[spec.Names[0].Name] = strings.Trim(literal.Value, `"`)
			}
		}
		return true
	})
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv != nil {
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if name, ok := n.(*ast.Ident); ok && e.variables[name.Name] != "" {
					e.methods[f.Name.Name] = append(e.methods[f.Name.Name], e.variables[name.Name])
				}
				return true
			})
		}
	}
	return e
}

func parseGo(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// readBy are the variables that a function's own files name, as config.Name or
// by a method of an Environment called env.
func (e environment) readBy(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no Go files (%v)", folder, err)
	}
	read := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		ast.Inspect(parseGo(t, path), func(n ast.Node) bool {
			for _, variable := range e.named(n) {
				read[variable] = true
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(read))
}

func (e environment) named(n ast.Node) []string {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	of, _ := selector.X.(*ast.Ident)
	switch {
	case of == nil:
		return nil
	case of.Name == "config" && e.variables[selector.Sel.Name] != "":
		return []string{e.variables[selector.Sel.Name]}
	case of.Name == "env":
		return e.methods[selector.Sel.Name]
	}
	return nil
}

// A function runs as its alias's version, and a version keeps the environment and the tracing of its time. Only another
// description makes CloudFormation publish one when nothing but a parameter has
// changed, and Lambda publishes none where neither has.
func TestAChangedParameterReachesTheAlias(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	for name, f := range functions(t, template) {
		configured := dependencies(template, []any{at(f, "Environment", "Variables"), at(template, "Globals", "Function")["Tracing"]})
		described := dependencies(template, f["VersionDescription"])
		if !maps.Equal(described, configured) {
			t.Errorf("VersionDescription of %s names %v, it is configured by %v", name, slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(configured)))
		}
		if longest := longestDescription(t, template, f); longest > 256 {
			t.Errorf("VersionDescription of %s can have %d characters: Lambda takes 256", name, longest)
		}
	}
}

// longestDescription is how many characters a function's VersionDescription can have.
func longestDescription(t *testing.T, template, f object) int {
	t.Helper()
	text, traced := description(t, f)
	longest := len(substituted.ReplaceAllString(text, "")) + max(len(traced[0]), len(traced[1]))
	for _, name := range substituted.FindAllStringSubmatch(text, -1) {
		if parameter := at(template, "Parameters", name[1]); parameter != nil {
			longest += longestValue(t, parameter)
		}
	}
	return longest
}

// description is the text of a function's VersionDescription, and how it says that the function traces, and that it does not.
func description(t *testing.T, f object) (text string, traced [2]string) {
	t.Helper()
	sub := at(f, "VersionDescription")["Fn::Sub"].([]any)
	for _, local := range sub[1].(object) {
		choice := local.(object)["Fn::If"].([]any)
		if choice[0] != "Traces" {
			t.Errorf("a description depends on the condition %v", choice[0])
		}
		traced = [2]string{choice[1].(string), choice[2].(string)}
	}
	return sub[0].(string), traced
}

// Who deploys a release where only the wording of a description is another has its deployment fail: Lambda publishes nothing
// twice. So a function that does not trace is described as it was before there was tracing.
func TestTracingIsDescribedWhereItIsOn(t *testing.T) {
	t.Parallel()
	for name, f := range functions(t, loadTemplate(t)) {
		text, traced := description(t, f)
		if traced[0] == traced[1] {
			t.Errorf("%s is described alike with tracing and without", name)
		}
		want := "${Metrics}"
		if name == "Authorize" {
			want = "${TokenAudience}|${TokenIssuer}|${TokenJwksUrl}"
		}
		off := regexp.MustCompile(`\$\{(Traced|Mark)\}`).ReplaceAllLiteralString(text, traced[1])
		if !strings.HasSuffix(off, want) {
			t.Errorf("%s is %q without tracing", name, off)
		}
	}
}

func TestTracingIsAParameter(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	if mode := at(template, "Globals", "Function", "Tracing")["Fn::If"]; !cmp.Equal(mode, any([]any{"Traces", "Active", "PassThrough"})) {
		t.Errorf("functions trace by %v", mode)
	}
	if on := at(template, "Conditions", "Traces")["Fn::Equals"]; !cmp.Equal(on, any([]any{object{"Ref": "Tracing"}, "on"})) {
		t.Errorf("they trace if %v", on)
	}
	for name, f := range functions(t, template) {
		if f["Tracing"] != nil {
			t.Errorf("%s traces by a rule of its own", name)
		}
	}
}

func TestDependenciesAreFollowed(t *testing.T) {
	t.Parallel()
	template := object{
		"Parameters": object{"A": object{}, "B": object{}, "C": object{}, "D": object{}, "E": object{}},
		"Conditions": object{
			"IsA": object{"Fn::Equals": []any{object{"Ref": "A"}, ""}},
			"Not": object{"Fn::Not": []any{object{"Condition": "IsA"}}},
		},
	}
	for _, c := range []struct {
		value any
		want  []string
	}{
		{object{"Ref": "B"}, []string{"B"}},
		{object{"Ref": "Table"}, nil},
		{object{"Fn::Sub": "x${B}${Table.Arn}${AWS::Region}/${C}"}, []string{"B", "C"}},
		{object{"Fn::Sub": []any{"${B}${Local}", object{"Local": object{"Ref": "C"}}}}, []string{"B", "C"}},
		{object{"Fn::If": []any{"Not", object{"Ref": "B"}, object{"Fn::Sub": "${C}"}}}, []string{"A", "B", "C"}},
		{object{"X": object{"Fn::Join": []any{"", []any{object{"Ref": "D"}}}}, "Y": "E"}, []string{"D"}},
	} {
		if got := slices.Sorted(maps.Keys(dependencies(template, c.value))); !slices.Equal(got, c.want) {
			t.Errorf("%v depends on %v, want %v", c.value, got, c.want)
		}
	}
}

var substituted = regexp.MustCompile(`\$\{([^}]+)\}`)

// dependencies are the parameters that decide a value, by name.
func dependencies(template object, value any) map[string]bool {
	found := map[string]bool{}
	add := func(name string) {
		if at(template, "Parameters")[name] != nil {
			found[name] = true
		}
	}
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, part := range v {
				walk(part)
			}
		case object:
			for key, part := range v {
				parts := list(part)
				text, _ := parts[0].(string)
				switch key {
				case "Ref":
					add(text)
				case "Fn::Sub":
					for _, name := range substituted.FindAllStringSubmatch(text, -1) {
						add(name[1])
					}
				case "Fn::If", "Condition":
					walk(at(template, "Conditions")[text])
				}
				walk(part)
			}
		}
	}
	walk(value)
	return found
}

// longestValue is how many characters a parameter can have.
func longestValue(t *testing.T, p object) (longest int) {
	t.Helper()
	if n, ok := p["MaxLength"].(int); ok {
		return int(n)
	}
	values, _ := p["AllowedValues"].([]any)
	if p["Type"] == "Number" {
		values = append(values, p["MinValue"], p["MaxValue"])
	}
	if len(values) == 0 {
		t.Errorf("nothing limits the length of the parameter %q", p["Description"])
	}
	for _, value := range values {
		longest = max(longest, len(fmt.Sprint(value)))
	}
	return longest
}

// The fast path is off until somebody asks for it, and then it is a variable and a statement of revoke and of server, together.
func TestFastRevocationsAreAskedFor(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	if p := at(template, "Parameters", "FastRevocations"); p["Default"] != "false" {
		t.Errorf("the default is %v", p["Default"])
	}
	queue := object{"Ref": "PushQueue"}
	statement := object{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": object{"Fn::GetAtt": "PushQueue.Arn"}}
	for _, name := range []string{"Revoke", "Server"} {
		variable := at(template, "Resources", name, "Properties", "Environment", "Variables")["PUSH_QUEUE_URL"]
		if diff := cmp.Diff(object{"Fn::If": []any{"RevokesFast", queue, ""}}, variable); diff != "" {
			t.Errorf("the queue of %s:\n%s", name, diff)
		}
		policy := at(template, "Resources", name+"Role", "Properties")["Policies"].([]any)[0].(object)
		list := at(policy, "PolicyDocument")["Statement"].([]any)
		last := list[len(list)-1]
		if diff := cmp.Diff(object{"Fn::If": []any{"RevokesFast", statement, object{"Ref": "AWS::NoValue"}}}, last); diff != "" {
			t.Errorf("the statement of %s:\n%s", name, diff)
		}
	}
}

// One place holds the content: neither the stream nor the index may be a second.
func TestContentIsInTheMessageRowOnly(t *testing.T) {
	t.Parallel()
	messages := at(loadTemplate(t), "Resources", "Messages", "Properties")
	if view := at(messages, "StreamSpecification")["StreamViewType"]; view != "KEYS_ONLY" {
		t.Errorf("the stream holds %v", view)
	}
	for _, index := range messages["GlobalSecondaryIndexes"].([]any) {
		projection := at(index.(object), "Projection")
		if projection["ProjectionType"] != "INCLUDE" {
			t.Errorf("an index projects %v", projection["ProjectionType"])
		}
		// The store's own tests hold this list apart from its list of content.
		var projected []string
		for _, attribute := range projection["NonKeyAttributes"].([]any) {
			projected = append(projected, attribute.(string))
		}
		if !slices.Equal(projected, dynamo.UpdatesProjection) {
			t.Errorf("an index projects %v, want %v", projected, dynamo.UpdatesProjection)
		}
	}
}

func TestTheStreamIsReadWithLimits(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	// How long one bad record may hold up its shard, in s: devices wait for notify.
	for name, longest := range map[string]int{"Notify": 900, "Record": 86_400} {
		mapping := at(template, "Resources", name, "Properties", "Events", "Stored", "Properties")
		if age, ok := mapping["MaximumRecordAgeInSeconds"].(int); !ok || age == 0 || age > longest {
			t.Errorf("%s: records are tried for %v s: one bad record would hold up its shard for so long", name, mapping["MaximumRecordAgeInSeconds"])
		}
		if mapping["MaximumRetryAttempts"] != 10_000 {
			t.Errorf("%s: %v retries: a trouble of some minutes can use them up, and its records are lost", name, mapping["MaximumRetryAttempts"])
		}
		if mapping["BisectBatchOnFunctionError"] != true || mapping["StartingPosition"] != "TRIM_HORIZON" {
			t.Errorf("%s: bisect %v from %v", name, mapping["BisectBatchOnFunctionError"], mapping["StartingPosition"])
		}
		if !slices.Equal(list(mapping["FunctionResponseTypes"]), []any{"ReportBatchItemFailures"}) {
			t.Errorf("%s: response types %v", name, mapping["FunctionResponseTypes"])
		}
		if at(mapping, "DestinationConfig", "OnFailure")["Type"] != "S3" {
			t.Errorf("%s: what fails for good is kept nowhere, or as a pointer into a stream that forgets", name)
		}
	}
}

// Two may read a shard of a stream at a time; a third throttles the others (DynamoDB developer guide, "Change data capture").
func TestTheStreamHasTwoReaders(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	var readers []string
	for name, f := range functions(t, template) {
		for _, event := range at(f, "Events") {
			if event.(object)["Type"] == "DynamoDB" {
				readers = append(readers, name)
			}
		}
	}
	slices.Sort(readers)
	if !slices.Equal(readers, []string{"Notify", "Record"}) {
		t.Errorf("the stream is read by %v", readers)
	}
}

// What is only sent concerns nobody but the bus.
func TestRecordReadsSentMessagesForABusOnly(t *testing.T) {
	t.Parallel()
	filters := at(loadTemplate(t), "Resources", "Record", "Properties", "Events", "Stored", "Properties", "FilterCriteria")["Filters"].([]any)
	pattern := at(filters[0].(object), "Pattern")["Fn::If"]
	if want := []any{"HasBus", `{"eventName":["INSERT","MODIFY"]}`, `{"eventName":["MODIFY"]}`}; len(filters) != 1 || !cmp.Equal(pattern, any(want)) {
		t.Errorf("filters %v", filters)
	}
}

// What must outlive its stack does, and can be got back.
func TestTablesThatAreKept(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	for name := range resources(template, "AWS::DynamoDB::Table") {
		table := at(template, "Resources", name)
		properties := at(table, "Properties")
		if at(properties, "TimeToLiveSpecification")["AttributeName"] != "ttl" {
			t.Errorf("%s keeps what has ended", name)
		}
		if name == "Sessions" {
			continue
		}
		protected := []any{"TablesAreProtected", true, false}
		if table["DeletionPolicy"] != "RetainExceptOnCreate" || table["UpdateReplacePolicy"] != "Retain" ||
			!cmp.Equal(at(properties, "DeletionProtectionEnabled")["Fn::If"], any(protected)) || properties["PointInTimeRecoverySpecification"] == nil {
			t.Errorf("%s goes with its stack, or cannot be got back", name)
		}
	}
	condition := at(template, "Conditions", "TablesAreProtected")["Fn::Equals"]
	if want := []any{object{"Ref": "DeletionProtection"}, "true"}; !cmp.Equal(condition, any(want)) {
		t.Errorf("tables are protected if %v, not if %v", condition, want)
	}
}

func TestParametersExplainThemselves(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	var grouped []string
	for _, group := range at(template, "Metadata", "AWS::CloudFormation::Interface")["ParameterGroups"].([]any) {
		for _, name := range group.(object)["Parameters"].([]any) {
			grouped = append(grouped, name.(string))
		}
	}
	slices.Sort(grouped)
	parameters := at(template, "Parameters")
	if all := slices.Sorted(maps.Keys(parameters)); !slices.Equal(grouped, all) {
		t.Errorf("parameters in groups %v, all are %v", grouped, all)
	}
	for name := range parameters {
		p := at(parameters, name)
		if description, _ := p["Description"].(string); description == "" {
			t.Errorf("%s has no description", name)
		}
		if p["Default"] == nil {
			t.Errorf("%s has no default, so that the first deployment would have to know it", name)
		}
		if limits := []any{p["AllowedValues"], p["AllowedPattern"], p["MinValue"], p["MaxLength"]}; !slices.ContainsFunc(limits, func(l any) bool { return l != nil }) {
			t.Errorf("%s takes anything", name)
		}
	}
}

func TestAlarmsWatchEveryFunction(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	for _, alarms := range [][]string{{"FunctionsFail", "WorkersFail"}, {"FunctionsAreThrottled", "WorkersAreThrottled"}} {
		var watched []string
		for _, alarm := range alarms {
			for _, metric := range at(template, "Resources", alarm, "Properties")["Metrics"].([]any) {
				dimensions, _ := at(metric.(object), "MetricStat", "Metric")["Dimensions"].([]any)
				for _, d := range dimensions {
					watched = append(watched, at(d.(object), "Value")["Ref"].(string))
				}
			}
		}
		slices.Sort(watched)
		if all := slices.Sorted(maps.Keys(functions(t, template))); !slices.Equal(watched, all) {
			t.Errorf("%v watch %v, want %v", alarms, watched, all)
		}
	}
}

// A handler answers with a code where it fails, so Lambda counts no error: only
// the log knows.
func TestAlarmsWatchEveryLog(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	filters := resources(template, "AWS::Logs::MetricFilter")
	for alarm, pattern := range map[string]string{
		"RequestsFail":    `{ $.level = "ERROR" }`,
		"RequestsAreBusy": `{ $.level = "WARN" && $.code = 503 }`,
	} {
		properties := at(template, "Resources", alarm, "Properties")
		var watched []string
		for _, filter := range filters {
			metric := filter["MetricTransformations"].([]any)[0].(object)
			if metric["MetricName"] == properties["MetricName"] && cmp.Equal(metric["MetricNamespace"], properties["Namespace"]) && filter["FilterPattern"] == pattern {
				watched = append(watched, at(filter, "LogGroupName")["Ref"].(string))
			}
		}
		slices.Sort(watched)
		if all := slices.Sorted(maps.Keys(resources(template, "AWS::Logs::LogGroup"))); !slices.Equal(watched, all) {
			t.Errorf("%s watches %v, want %v", alarm, watched, all)
		}
	}
}

// "Alarms based on metric math expressions can reference a maximum of 10 metrics", a hard limit (CloudWatch user guide, "Limits").
func TestNoAlarmCombinesMoreThanTenMetrics(t *testing.T) {
	t.Parallel()
	for name, alarm := range resources(loadTemplate(t), "AWS::CloudWatch::Alarm") {
		n := 0
		metrics, _ := alarm["Metrics"].([]any)
		for _, metric := range metrics {
			if metric.(object)["MetricStat"] != nil {
				n++
			}
		}
		if n > 10 {
			t.Errorf("%s combines %d metrics", name, n)
		}
	}
}

func TestAnAlarmWatchesEveryTable(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	var watched, want []string
	for _, entry := range at(template, "Resources", "TablesAreThrottled", "Properties")["Metrics"].([]any) {
		metric := at(entry.(object), "MetricStat", "Metric")
		dimensions, _ := metric["Dimensions"].([]any)
		for i, d := range dimensions {
			switch table := at(d.(object), "Value")["Ref"]; {
			case len(dimensions) == 1:
				watched = append(watched, fmt.Sprint(metric["MetricName"], " ", table))
			case i == 1: // after the table comes the index
				watched = append(watched, fmt.Sprint(metric["MetricName"], " ", d.(object)["Value"]))
			}
		}
	}
	for name, table := range resources(template, "AWS::DynamoDB::Table") {
		names := []any{name}
		indexes, _ := table["GlobalSecondaryIndexes"].([]any)
		for _, index := range indexes {
			names = append(names, index.(object)["IndexName"])
		}
		for _, name := range names {
			want = append(want, fmt.Sprint("ReadThrottleEvents ", name), fmt.Sprint("WriteThrottleEvents ", name))
		}
	}
	slices.Sort(watched)
	slices.Sort(want)
	if !slices.Equal(watched, want) {
		t.Errorf("watched are %v, want %v", watched, want)
	}
}

// The mapping runs as many invocations of push as there are shares of PostsPerSecond, and
// what one cannot finish comes again no earlier than it can have ended.
func TestTheQueueIsReadWithLimits(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	mapping := at(template, "Resources", "Push", "Properties", "Events", "Tasks", "Properties")
	most := at(mapping, "ScalingConfig", "MaximumConcurrency")["Fn::If"]
	share := at(template, "Resources", "Push", "Properties", "Environment", "Variables", "PUSH_INVOCATIONS")["Ref"]
	if branches := list(most); len(branches) != 3 || branches[0] != "OnAws" || branches[1].(object)["Ref"] != share ||
		branches[2] != at(template, "Parameters", "PushInvocations")["Default"] {
		t.Errorf("%v invocations at once, and each makes the part %v", most, share)
	}
	if !slices.Equal(list(mapping["FunctionResponseTypes"]), []any{"ReportBatchItemFailures"}) {
		t.Errorf("response types %v: one task would repeat the others", mapping["FunctionResponseTypes"])
	}
	for _, consumer := range []string{"Push", "Sweep"} {
		queue, timeout := at(template, "Resources", consumer+"Queue", "Properties"), at(template, "Resources", consumer, "Properties")["Timeout"].(int)
		hidden := queue["VisibilityTimeout"].(int)
		if hidden < 6*timeout {
			t.Errorf("a task is hidden for %d s, and %s may take %d", hidden, consumer, timeout)
		}
		if age := chat.MessageNoticeMaxAge.Seconds(); consumer == "Push" && age < float64(2*(hidden+timeout)) {
			t.Errorf("a message is dropped after %v s, and told after %d s where two invocations died at it", age, 2*hidden)
		}
		if at(queue, "RedrivePolicy")["deadLetterTargetArn"] == nil {
			t.Errorf("what %s cannot do is tried for ever", consumer)
		}
	}
	// The pace of jobs is reckoned with so many workers, each with one job.
	jobs := at(template, "Resources", "Sweep", "Properties", "Events", "Jobs", "Properties")
	if at(jobs, "ScalingConfig")["MaximumConcurrency"] != chat.SweepWorkers || jobs["BatchSize"] != 1 {
		t.Errorf("jobs are worked on as %v", jobs)
	}
	for name, queue := range resources(template, "AWS::SQS::Queue") {
		if queue["SqsManagedSseEnabled"] != true {
			t.Errorf("%s is not encrypted", name)
		}
	}
}

// Lambda stops the seventeenth invocation in a row by what the same function has put into its queue (developer guide, "Use Lambda recursive loop
// detection"): a long deletion or walk would end among the dead letters though nothing has failed. Where there is no such loop one is a mistake.
func TestLoopsAreAllowedWhereTheyAreMeant(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	for name, f := range functions(t, template) {
		may := permitted[name+"Role"]
		loops := slices.ContainsFunc(may, func(p string) bool {
			queue, sends := strings.CutPrefix(p, "sqs:SendMessage@")
			return sends && slices.Contains(may, "sqs:ReceiveMessage@"+queue)
		})
		if allowed := f["RecursiveLoop"] == "Allow"; allowed != loops {
			t.Errorf("%s feeds itself: %v, and its RecursiveLoop is %v", name, loops, f["RecursiveLoop"])
		}
	}
}

// Whoever could call the Server API unsigned could do anything.
func TestTheServerAPITakesSignedRequestsOnly(t *testing.T) {
	t.Parallel()
	for name, f := range functions(t, loadTemplate(t)) {
		url := at(f, "FunctionUrlConfig")
		if has := f["FunctionUrlConfig"] != nil; has != (name == "Server") {
			t.Errorf("%s has a URL: %v", name, has)
		}
		if name == "Server" && (url["AuthType"] != "AWS_IAM" || url["InvokeMode"] != "RESPONSE_STREAM" || url["Cors"] != nil) {
			t.Errorf("the URL of %s is %v", name, url)
		}
	}
}

// A deletion begins to remove rows when nobody can be at work any more who read that there was something to write to.
func TestDeletionsOutliveWhoWrites(t *testing.T) {
	t.Parallel()
	template := loadTemplate(t)
	common := at(template, "Globals", "Function")["Timeout"].(int)
	for _, name := range []string{"Send", "Server"} {
		timeout, own := at(template, "Resources", name, "Properties")["Timeout"].(int)
		if !own {
			timeout = common
		}
		if longest := time.Duration(timeout)*time.Second + chat.ChangeOverlap; longest > chat.DeletionSettles {
			t.Errorf("%s may write for %v, with what clocks differ by, and rows are removed after %v", name, longest, chat.DeletionSettles)
		}
	}
}
