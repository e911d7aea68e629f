package unsend_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// stageSettings are what samconfig.toml says of each stage's command, by stage and command.
func stageSettings(t *testing.T) map[string]map[string]object {
	t.Helper()
	var config map[string]any
	if _, err := toml.DecodeFile("samconfig.toml", &config); err != nil {
		t.Fatal(err)
	}
	stages := map[string]map[string]object{}
	for name, section := range config {
		if slices.Contains([]string{"version", "default", "local"}, name) {
			continue
		}
		stages[name] = map[string]object{}
		for command := range section.(object) {
			stages[name][command] = at(section.(object), command, "parameters")
		}
	}
	return stages
}

// A parameter that template.yaml lacks sam leaves out without a word, and a value that it refuses is found out at the deployment.
func TestStagesSayWhatTheTemplateTakes(t *testing.T) {
	t.Parallel()
	parameters, stages := at(loadTemplate(t), "Parameters"), stageSettings(t)
	if names := slices.Sorted(maps.Keys(stages)); !slices.Equal(names, []string{"dev", "prod", "staging"}) {
		t.Fatalf("stages %v", names)
	}
	for name, stage := range stages {
		for _, override := range stage["deploy"]["parameter_overrides"].([]any) {
			parameter, value, _ := strings.Cut(override.(string), "=")
			if parameters[parameter] == nil {
				t.Errorf("%s: template.yaml has no parameter %q", name, parameter)
			} else if err := takes(at(parameters, parameter), value); err != nil {
				t.Errorf("%s: %s: %v", name, parameter, err)
			}
		}
	}
}

// takes tells why a parameter would refuse a value.
func takes(p object, value string) error {
	if values, ok := p["AllowedValues"].([]any); ok && !slices.ContainsFunc(values, func(v any) bool { return fmt.Sprint(v) == value }) {
		return fmt.Errorf("%q is none of %v", value, values)
	}
	if pattern, ok := p["AllowedPattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(value) {
		return fmt.Errorf("%q does not match %s", value, pattern)
	}
	if longest, ok := p["MaxLength"].(int); ok && len(value) > longest {
		return fmt.Errorf("%q is longer than %d", value, longest)
	}
	if p["Type"] != "Number" {
		return nil
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return err
	}
	if least, ok := p["MinValue"].(int); ok && n < least {
		return fmt.Errorf("%d is less than %d", n, least)
	}
	if most, ok := p["MaxValue"].(int); ok && n > most {
		return fmt.Errorf("%d is more than %d", n, most)
	}
	return nil
}

func TestWhatAParameterRefuses(t *testing.T) {
	t.Parallel()
	parameters := at(loadTemplate(t), "Parameters")
	for _, c := range []struct {
		parameter, value string
		taken            bool
	}{
		{"DeletionProtection", "true", true}, {"DeletionProtection", "yes", false},
		{"LogRetentionDays", "90", true}, {"LogRetentionDays", "91", false},
		{"MessagesBackupDays", "35", true}, {"MessagesBackupDays", "36", false}, {"MessagesBackupDays", "-1", false}, {"MessagesBackupDays", "1d", false},
		{"Stage", "v1", true}, {"Stage", "v 1", false}, {"Stage", strings.Repeat("v", 65), false},
	} {
		if err := takes(at(parameters, c.parameter), c.value); (err == nil) != c.taken {
			t.Errorf("%s=%s: %v", c.parameter, c.value, err)
		}
	}
}

// Each stage is complete by itself, as sam takes nothing of [default] for another section.
func TestStagesDeployAsTheDefaultDoes(t *testing.T) {
	t.Parallel()
	for name, stage := range stageSettings(t) {
		stack := stage["global"]["stack_name"]
		deploy := stage["deploy"]
		if stack != "unsend-"+name || deploy["s3_prefix"] != stack {
			t.Errorf("%s: stack %v, folder %v", name, stack, deploy["s3_prefix"])
		}
		if deploy["capabilities"] != "CAPABILITY_IAM" || deploy["resolve_s3"] != true || deploy["fail_on_empty_changeset"] != false || deploy["region"] != nil {
			t.Errorf("%s: %v", name, deploy)
		}
		if stage["build"]["cached"] != false {
			t.Errorf("%s: sam's cache misses edits of shared/", name)
		}
		if asks := deploy["confirm_changeset"] == true; asks != (name != "dev") {
			t.Errorf("%s: asks before it changes anything: %v", name, asks)
		}
		for _, override := range deploy["parameter_overrides"].([]any) {
			if strings.HasPrefix(override.(string), "AllowQueryToken=true") {
				t.Errorf("%s takes tokens in URLs", name)
			}
		}
	}
}

// Where real people's messages are, nobody deletes them by mistake, and a version that fails is taken back.
func TestProdIsGuarded(t *testing.T) {
	t.Parallel()
	overrides := stageSettings(t)["prod"]["deploy"]["parameter_overrides"].([]any)
	for _, want := range []any{"DeletionProtection=true", "GradualDeployment=true"} {
		if !slices.Contains(overrides, want) {
			t.Errorf("prod lacks %v: %v", want, overrides)
		}
	}
}
