package unsend_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"unsend/shared/chat"
	"unsend/shared/outage"
)

func operatingPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whoever is woken by an alarm finds what to do under its name, and finds nothing that wakes nobody.
func TestEachAlarmHasAnEntryInTheOperatingPage(t *testing.T) {
	t.Parallel()
	_, section, found := strings.Cut(operatingPage(t), "\n## Alarms\n")
	section, _, ended := strings.Cut(section, "\n## ")
	if !found || !ended {
		t.Fatal("docs/operating.md has no section of alarms")
	}
	entries := map[string]string{}
	for _, entry := range strings.Split(section, "\n### ")[1:] {
		name, text, _ := strings.Cut(entry, "\n")
		if entries[name] != "" {
			t.Errorf("%s has two entries", name)
		}
		entries[name] = strings.TrimSpace(text)
	}
	got := slices.Sorted(maps.Keys(entries))
	if want := slices.Sorted(maps.Keys(resources(loadTemplate(t), "AWS::CloudWatch::Alarm"))); !slices.Equal(got, want) {
		t.Errorf("entries %v\nalarms  %v", got, want)
	}
	for name, text := range entries {
		if len(text) < 80 {
			t.Errorf("%s: %q says too little", name, text)
		}
	}
}

// An alarm of requests may be about some that were served. Whoever looks for answers of that code alone finds none.
func TestTheAlarmsTellOfFramesThatWereServed(t *testing.T) {
	t.Parallel()
	alarms, page, served := resources(loadTemplate(t), "AWS::CloudWatch::Alarm"), operatingPage(t), 0
	for _, l := range outage.Lines {
		for _, answer := range []outage.Answer{l.Busy, l.Refused} {
			if answer.Is != "200" || answer.Logged == chat.OK {
				continue
			}
			served++
			name := map[chat.Code]string{chat.Internal: "RequestsFail", chat.Busy: "RequestsAreBusy"}[answer.Logged]
			_, entry, _ := strings.Cut(page, "\n### "+name+"\n")
			entry, _, _ = strings.Cut(entry, "\n#")
			if description := alarms[name]["AlarmDescription"].(string); !strings.Contains(description, "served and not counted") || !strings.Contains(entry, "CountFrame") {
				t.Errorf("%s of %s: %s says %q, and the page %q", l.Name(), l.Function, name, description, entry)
			}
		}
	}
	if served == 0 {
		t.Error("no line is about a frame that is served: this test shows nothing")
	}
}

var (
	quoted     = regexp.MustCompile("`([A-Z][a-z]+[A-Z][A-Za-z]*)`")
	outputUsed = regexp.MustCompile(`\bout ([A-Z]\w+)`)
)

// What the page names in the template is there.
func TestTheOperatingPageNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	template, page := loadTemplate(t), operatingPage(t)
	names := 0
	for _, match := range quoted.FindAllStringSubmatch(page, -1) {
		names++
		known := false
		for _, section := range []string{"Parameters", "Resources", "Outputs"} {
			_, there := at(template, section)[match[1]]
			known = known || there
		}
		if !known {
			t.Errorf("%s is neither a parameter nor a resource or output", match[1])
		}
	}
	for _, match := range outputUsed.FindAllStringSubmatch(page, -1) {
		names++
		if _, there := at(template, "Outputs")[match[1]]; !there {
			t.Errorf("there is no output %s", match[1])
		}
	}
	if names < 30 {
		t.Errorf("%d names were found: the reader of this test is wrong", names)
	}
}

// The waiter of the AWS CLI gives up after 500 s, and a restore takes hours: each call that needs an active table waits by itself.
func TestTheRestoreWaitsForItsTables(t *testing.T) {
	t.Parallel()
	page := operatingPage(t)
	if strings.Contains(page, "wait table-exists") {
		t.Error("the page waits with wait table-exists")
	}
	for _, call := range []string{"aws dynamodb delete-table --table-name \"$M\"\n", "aws dynamodb update-table --table-name \"$M\" --stream", "aws dynamodb update-time-to-live"} {
		if !strings.Contains(page, "active \"$M\"; "+call) {
			t.Errorf("the table need not be active before %q", call)
		}
	}
	for _, check := range []string{"describe-time-to-live", "Table.StreamSpecification"} {
		if !strings.Contains(page, check) {
			t.Errorf("nobody looks at %s", check)
		}
	}
}

// A deployment of the value that holds already changes nothing, and CloudFormation does not look at the table.
func TestTheRestoreDeploysAnotherValue(t *testing.T) {
	t.Parallel()
	page := operatingPage(t)
	if fixed := regexp.MustCompile(`scripts/deploy MessagesBackupDays=\d+`).FindString(page); fixed != "" {
		t.Errorf("%s may be the value that holds", fixed)
	}
	if back := `scripts/deploy MessagesBackupDays="$DAYS"`; !strings.Contains(page, back) {
		t.Errorf("nobody puts it back: %s", back)
	}
}

// The oldest age has no message that was received more than three times: who waits for JobsWait to tell of a job that fails waits in vain.
func TestTheOperatingPageSaysWhatJobsWaitDoesNotSee(t *testing.T) {
	t.Parallel()
	_, entry, _ := strings.Cut(operatingPage(t), "\n### JobsWait\n")
	entry, _, _ = strings.Cut(entry, "\n### ")
	for _, want := range []string{"more than three times", "`JobsAreDeadLetters`, some two hours later"} {
		if !strings.Contains(entry, want) {
			t.Errorf("no %q in\n%s", want, entry)
		}
	}
}

// A queue that polls a function without concurrency makes its messages dead letters: what reads a queue is stopped by its mapping.
func TestTheRestoreStopsSweepByItsMapping(t *testing.T) {
	t.Parallel()
	page := operatingPage(t)
	for _, line := range strings.Split(page, "\n") {
		if strings.Contains(line, "put-function-concurrency") && strings.Contains(line, "`SweepFunction`") {
			t.Error(line)
		}
	}
	for _, way := range []string{"--no-enabled", "--enabled"} {
		if want := `aws lambda update-event-source-mapping --uuid "$JOBS" ` + way; strings.Count(page, want) != 1 {
			t.Errorf("not once: %s", want)
		}
	}
}

// Who changes a time of the template changes what the page says of it.
func TestTheOperatingPageSaysHowLong(t *testing.T) {
	t.Parallel()
	template, page := loadTemplate(t), operatingPage(t)
	resource := func(path ...string) object { return at(template, append([]string{"Resources"}, path...)...) }
	parameter := func(name string) any { return at(template, "Parameters", name)["Default"] }
	rule := at(resource("Undelivered", "Properties"), "LifecycleConfiguration")["Rules"].([]any)[0].(object)
	for _, c := range []struct {
		says      string
		got, want any
	}{
		{"dead letters (14 days)", resource("PushDeadLetters", "Properties")["MessageRetentionPeriod"], 14 * 86_400},
		{"Undelivered (30 days)", rule["ExpirationInDays"], 30},
		{"could not keep or tell something within a day", resource("Record", "Properties", "Events", "Stored", "Properties")["MaximumRecordAgeInSeconds"], 86_400},
		{"could not tell something within a quarter of an hour", resource("Notify", "Properties", "Events", "Stored", "Properties")["MaximumRecordAgeInSeconds"], 900},
		{"failed twenty times", at(resource("SweepQueue", "Properties"), "RedrivePolicy")["maxReceiveCount"], 20},
		{"up to 8 of push", parameter("PushInvocations"), 8},
		{"record 4 each for each shard", parameter("ParallelizationFactor"), 4},
		{"`MessagesBackupDays` (1; 0 turns them off)", parameter("MessagesBackupDays"), 1},
	} {
		if !strings.Contains(page, c.says) || c.got != c.want {
			t.Errorf("the page is to say %q, and the template %v: it says %v", c.says, c.want, c.got)
		}
	}
}

// Who removes a deployment reads there what is left.
func TestTheOperatingPageSaysWhatARemovalKeeps(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(operatingPage(t), "\n## Removing\n")
	var says []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(section, -1) {
		says = append(says, row[1])
	}
	var keeps []string
	for name, resource := range at(loadTemplate(t), "Resources") {
		if policy, _ := resource.(object)["DeletionPolicy"].(string); strings.HasPrefix(policy, "Retain") {
			keeps = append(keeps, name)
		}
	}
	slices.Sort(says)
	slices.Sort(keeps)
	if !slices.Equal(says, keeps) {
		t.Errorf("the page says that %v stay, and they are %v", says, keeps)
	}
}
