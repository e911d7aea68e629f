package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"unsend/shared/cloudtest/cfn"
)

// retained are the resources of template.yaml that outlive their stack, and all by name.
func retained(t *testing.T) (kept []string, all map[string]bool) {
	t.Helper()
	template, err := cfn.Read(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]bool{}
	for name := range cfn.At(template, "Resources") {
		all[name] = true
		if policy, _ := cfn.At(template, "Resources", name)["DeletionPolicy"].(string); strings.HasPrefix(policy, "Retain") {
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return kept, all
}

// What a removal says of the template is true of it.
func TestRemaindersAreWhatTheTemplateKeeps(t *testing.T) {
	t.Parallel()
	kept, all := retained(t)
	var named []string
	for _, r := range remainders {
		named = append(named, r.resource)
	}
	slices.Sort(named)
	if !slices.Equal(named, kept) {
		t.Errorf("a removal names %v, and template.yaml keeps %v", named, kept)
	}
	goes := 0
	for _, name := range regexp.MustCompile(`\b[A-Z][a-z]+(?:[A-Z][A-Za-z]*)?\b`).FindAllString(gone, -1) {
		if name == "CodeDeploy" {
			continue // its resources are SAM's
		}
		goes++
		if !all[name] || slices.Contains(kept, name) {
			t.Errorf("%s is said to go", name)
		}
	}
	if goes != 6 {
		t.Errorf("%d names that go were found", goes)
	}
}

// listingSAM answers sam list with outputs, and notes what it deletes.
func listingSAM(outputs string) string {
	return "#!/bin/sh\ncase $1 in list) echo '[" + outputs + "]';; *) echo \"$*\" >> calls; echo Deleted;; esac\n"
}

const unsendOutputs = `{"OutputKey": "WebSocketUrl", "OutputValue": "wss://a/live"},
{"OutputKey": "MessagesTable", "OutputValue": "chat-Messages-1"}, {"OutputKey": "CommunityTable", "OutputValue": "chat-Community-2"},
{"OutputKey": "UndeliveredBucket", "OutputValue": "chat-undelivered-3"}, {"OutputKey": "PushDeadLettersUrl", "OutputValue": "https://sqs/1/chat-dead"}`

func TestARemovalSaysWhatItKeeps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, outputs, typed string
		yes                  bool
		fails                string
	}{
		{"its name", unsendOutputs, "chat\n", false, ""},
		{"--yes", unsendOutputs, "", true, ""},
		{"another name", unsendOutputs, "chat-prod\n", false, "nothing was removed"},
		{"yes", unsendOutputs, "yes\n", false, "nothing was removed"},
		{"nobody answers", unsendOutputs, "", false, "nothing was removed"},
		{"another stack", `{"OutputKey": "Url", "OutputValue": "https://a"}`, "chat\n", true, "none of Unsend"},
	} {
		a := accountWithSAM(t, listingSAM(c.outputs))
		var out bytes.Buffer
		err := a.remove(t.Context(), c.yes, strings.NewReader(c.typed), &out)
		calls, _ := os.ReadFile(filepath.Join(a.root, "calls"))
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) || len(calls) > 0 || strings.Contains(out.String(), "delete-table") {
				t.Errorf("%s: %v, called %q, said %s", c.name, err, calls, out.String())
			}
			continue
		}
		if want := "delete --no-prompts --stack-name chat --region eu-central-1\n"; err != nil || string(calls) != want {
			t.Errorf("%s: %v, called %q", c.name, err, calls)
		}
		before, after, _ := strings.Cut(out.String(), "Deleted\n")
		for _, want := range []string{"chat-Messages-1", "chat-Community-2", "chat-undelivered-3", "https://sqs/1/chat-dead"} {
			if !strings.Contains(before, want) || !strings.Contains(after, want) {
				t.Errorf("%s: %q is not named before and after", c.name, want)
			}
		}
		for _, want := range []string{"aws dynamodb delete-table --region eu-central-1 --table-name chat-Messages-1\n",
			"aws s3 rb --force --region eu-central-1 s3://chat-undelivered-3\n", "aws sqs delete-queue --region eu-central-1 --queue-url https://sqs/1/chat-dead\n"} {
			if !strings.Contains(after, want) {
				t.Errorf("%s: no %q in %s", c.name, want, after)
			}
		}
		if strings.Contains(out.String(), "Audit  ") { // an older release has no such output
			t.Errorf("%s: a table that is not there is named", c.name)
		}
	}
}

// A first deployment that failed leaves a stack without outputs, in the way of the next one. sam says then:
func TestAStackWithoutOutputsIsRemovedBySAM(t *testing.T) {
	t.Parallel()
	a := accountWithSAM(t, "#!/bin/sh\necho \"$1\" >> calls\n"+
		"echo 'Error: Outputs do not exist for the input stack chat on Cloudformation in the region eu-central-1'\nexit 1\n")
	var out bytes.Buffer
	err := a.remove(t.Context(), true, strings.NewReader(""), &out)
	if err == nil || !strings.Contains(err.Error(), "sam delete --stack-name chat --region eu-central-1") || !strings.Contains(err.Error(), "first deployment") {
		t.Errorf("%v", err)
	}
	if calls, _ := os.ReadFile(filepath.Join(a.root, "calls")); string(calls) != "list\n" {
		t.Errorf("called %q", calls)
	}
}

func TestARemovalThatFailsShowsNoCommands(t *testing.T) {
	t.Parallel()
	a := accountWithSAM(t, strings.ReplaceAll(listingSAM(unsendOutputs), "echo Deleted", "exit 1"))
	var out bytes.Buffer
	if err := a.remove(t.Context(), true, strings.NewReader(""), &out); err == nil || strings.Contains(out.String(), "delete-table") {
		t.Errorf("%v, said %s", err, out.String())
	}
}

// A removal asks for no stack and takes none that it was not told of.
func TestARemovalIsOfAStackThatIsNamed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, samconfigFile), smallConfig+"[test.global.parameters]\nstack_name = \"chat-test\"\n")
	if err := (answerBook{"prod": {StackName: "chat-live", Region: "eu-central-1"}}).save(answersPath(root)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string // the stack; empty: none
	}{
		{[]string{"--stage", "prod"}, "chat-live"},
		{[]string{"--stage=test", "--region=eu-west-1"}, "chat-test"}, // deployed from another machine
		{[]string{"--stage=test", "--region=eu-west-1", "--stack-name=x"}, "x"},
		{[]string{"--stage=test"}, ""},
		{[]string{"--stack-name=x", "--region=eu-west-1"}, "x"},
		{nil, ""},
		{[]string{"--stage", "dev"}, ""},
		{[]string{"--stack-name=x"}, ""},
		{[]string{"--stage", "prod", "DeletionProtection=false"}, ""},
		{[]string{"--stage", "prod", "--guided"}, ""},
		{[]string{"--stage", "prod", "--", "--s3-bucket", "mine"}, ""},
	} {
		o, err := parseDeploy(append([]string{"--remove"}, c.args...))
		if err != nil {
			t.Fatal(err)
		}
		a, err := o.removable(root)
		if (err == nil) != (c.want != "") || (err == nil && a.StackName != c.want) {
			t.Errorf("%v: %q, %v", c.args, a.StackName, err)
		}
	}
	if _, err := parseDeploy([]string{"--yes"}); err == nil {
		t.Error("--yes is taken for a deployment")
	}
}
