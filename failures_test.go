package unsend_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"unsend/shared/outage"
)

var update = flag.Bool("update", false, "write what is made of docs/failures.md anew")

const (
	failuresPage  = "docs/failures.md"
	failuresBegin = "<!-- made by go test . -run TestTheFailuresPage -update -->\n\n"
)

// The page says what the tests play, line by line.
func TestTheFailuresPage(t *testing.T) {
	t.Parallel()
	page := text(t, failuresPage)
	head, made, ok := strings.Cut(page, failuresBegin)
	if !ok {
		t.Fatalf("%s does not say where it is made", failuresPage)
	}
	switch {
	case *update:
		if err := os.WriteFile(failuresPage, []byte(head+failuresBegin+outage.Page()), 0o600); err != nil {
			t.Fatal(err)
		}
	case made != outage.Page():
		t.Errorf("%s is not what the lines say: see its comment", failuresPage)
	}
}

// Each call that a role permits its function has a line, and so is played when it is down; and no line is about another.
func TestEachCallHasALineOfItsFailure(t *testing.T) {
	t.Parallel()
	roles := resources(loadTemplate(t), "AWS::IAM::Role")
	if len(outage.Functions()) != len(roles) {
		t.Errorf("%d functions have lines, and %d a role", len(outage.Functions()), len(roles))
	}
	for _, function := range outage.Functions() {
		role := strings.ToUpper(function[:1]) + function[1:] + "Role"
		var may, have []string
		for _, s := range statements(roles[role]) {
			for _, action := range list(s["Action"]) {
				for _, resource := range list(s["Resource"]) {
					if call, ok := failingCall(action.(string), resourceName(resource)); ok {
						may = append(may, call)
					}
				}
			}
		}
		for _, l := range outage.LinesOf(function) {
			if l.On == outage.KeySet {
				continue // which is no service of AWS
			}
			for _, call := range l.Calls {
				have = append(have, call+" "+l.On)
			}
		}
		slices.Sort(may)
		slices.Sort(have)
		if may, have = slices.Compact(may), slices.Compact(have); !slices.Equal(may, have) {
			t.Errorf("%s may call\n%s\nand has lines for\n%s", function, strings.Join(may, "\n"), strings.Join(have, "\n"))
		}
	}
}

// failingCall is what a permission lets the function itself do, as lines have it. Lambda's own are left out: those of the log, of traces, and of
// what feeds the function and takes what it gave up.
func failingCall(action, resource string) (string, bool) {
	service, call, _ := strings.Cut(action, ":")
	on := map[string]string{
		"${Messages.Arn}/index/updates": outage.Updates, "TokenSecretA.Id": outage.Secrets, "TokenSecretB.Id": outage.Secrets,
		"POST": outage.Connections, "DELETE": outage.Connections,
		"arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}": outage.Bus,
	}[resource]
	if on == "" {
		on = strings.TrimSuffix(resource, ".Arn")
	}
	switch {
	case service == "logs", service == "s3", service == "xray", strings.Contains(resource, "Stream"), strings.Contains(resource, "/stream/"),
		service == "sqs" && call != "SendMessage":
		return "", false
	case service == "execute-api":
		call = resource // the method
	}
	return call + " " + on, true
}

// Each function plays its lines, and what they name is there.
func TestEachLineOfAFailureIsPlayed(t *testing.T) {
	t.Parallel()
	alarms := resources(loadTemplate(t), "AWS::CloudWatch::Alarm")
	for _, function := range outage.Functions() {
		if test := text(t, "functions/"+function+"/outage_test.go"); !strings.Contains(test, "\nfunc TestOutages(t *testing.T) {\n\toutage.Play(t, \""+function+"\", run, ") {
			t.Errorf("%s does not play its lines", function)
		}
		names := map[string]bool{}
		for _, l := range outage.LinesOf(function) {
			if id := l.Name() + strings.Join(l.Calls, " "); names[id] {
				t.Errorf("%s: %s is there twice", function, l.Name())
			} else {
				names[id] = true
			}
			if l.Becomes == "" || len(l.Calls) == 0 {
				t.Errorf("%s: %s says too little", function, l.Name())
			}
			for _, name := range l.Alarms() {
				if alarms[name] == nil {
					t.Errorf("%s: there is no alarm %s", l.Name(), name)
				}
			}
		}
	}
}
