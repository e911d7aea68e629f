package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// answersFile is where scripts/deploy keeps what it was told, from the
// repository's root. It holds nothing secret.
const answersFile = ".unsend/deploy.json"

func answersPath(root string) string { return filepath.Join(root, answersFile) }

const architectureParameter = "Architecture"

// answers are what a deployment to an account needs to know.
type answers struct {
	StackName  string            `json:"stack_name"`
	Region     string            `json:"region"`
	Parameters map[string]string `json:"parameters"`
	Staged     bool              `json:"staged,omitempty"` // deployed last by --stage, into the stage's folder of sam's bucket
}

// answerBook is answers by the name of --stage or --config-env.
type answerBook map[string]answers

func loadAnswers(path string) (answerBook, error) {
	book := answerBook{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return book, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &book)
	}
	if err != nil {
		return nil, fmt.Errorf("read the answers of earlier deployments (%s; without it you are asked again): %w", path, err)
	}
	return book, nil
}

func (b answerBook) save(path string) error {
	data, err := json.MarshalIndent(b, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the answers: %w", err)
	}
	return nil
}

// with is a with what b sets on top.
func (a answers) with(b answers) answers {
	parameters := map[string]string{}
	maps.Copy(parameters, a.Parameters)
	maps.Copy(parameters, b.Parameters)
	return answers{StackName: cmp.Or(b.StackName, a.StackName), Region: cmp.Or(b.Region, a.Region), Parameters: parameters}
}

// before says which of the answers a go before what samconfig.toml has for the stage; nothing where none does.
func (a answers) before(stage answers, name string) string {
	var b strings.Builder
	for _, parameter := range slices.Sorted(maps.Keys(stage.Parameters)) {
		if value, kept := a.Parameters[parameter]; kept && value != stage.Parameters[parameter] {
			fmt.Fprintf(&b, "    %s=%s, where samconfig.toml has %s\n", parameter, value, stage.Parameters[parameter])
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("Kept answers go before the stage %s (scripts/deploy --stage %s --forget PARAMETER takes one back):\n\n%s\n", name, name, b.String())
}

// question is one that a deployment cannot do without.
type question struct {
	text, proposal string
	fits           *regexp.Regexp
	otherwise      string // how to answer on the command line
}

// ask asks for what is not known yet, or for everything, and proposes what the stage says.
func (a *answers) ask(everything bool, stage answers, in io.Reader, out io.Writer) error {
	processor := a.Parameters[architectureParameter]
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	for _, asked := range []struct {
		question
		value *string
	}{
		{question{"Name of the stack", cmp.Or(stage.StackName, "unsend"), regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,127}$`), "--stack-name unsend"}, &a.StackName},
		{question{"AWS region", region, regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`), "--region eu-central-1"}, &a.Region},
		{question{"Processor of the functions, arm64 or x86_64", cmp.Or(stage.Parameters[architectureParameter], "arm64"), regexp.MustCompile(`^(arm64|x86_64)$`), "Architecture=arm64"}, &processor},
	} {
		known := *asked.value != ""
		if known && !asked.fits.MatchString(*asked.value) {
			return fmt.Errorf("%s: it cannot be %q; give it as in %s", asked.text, *asked.value, asked.otherwise)
		}
		if known && !everything {
			continue
		}
		asked.proposal = cmp.Or(*asked.value, asked.proposal)
		var err error
		if *asked.value, err = asked.put(in, out); err != nil {
			return err
		}
	}
	a.Parameters[architectureParameter] = processor
	return nil
}

// put asks until an answer fits. Where nobody answers, the proposal does.
func (q question) put(in io.Reader, out io.Writer) (string, error) {
	for {
		fmt.Fprintf(out, "%s [%s]: ", q.text, q.proposal)
		line, err := readLine(in)
		answer := cmp.Or(strings.TrimSpace(line), q.proposal)
		if err != nil {
			fmt.Fprintln(out, answer)
		}
		if q.fits.MatchString(answer) {
			return answer, nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: nobody answers; give it as in %s", q.text, q.otherwise)
		}
	}
}

// readLine takes one line and nothing of the next, which may be for sam.
func readLine(in io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		if n, err := in.Read(one); n == 0 && err != nil {
			return string(line), err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[0])
	}
}

// overrides are the parameters as sam takes them. Quotes keep an empty value one.
func (a answers) overrides() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(a.Parameters)) {
		list = append(list, fmt.Sprintf(`%s="%s"`, name, strings.ReplaceAll(a.Parameters[name], `"`, `\"`)))
	}
	return list
}

// check finds parameters that the template does not have: sam would leave them
// out without a word.
func (a answers) check(known []string) error {
	for name := range a.Parameters {
		switch {
		case name == "LocalStackUrl":
			return errors.New("LocalStackUrl is for scripts/dev: an account has no local stack")
		case !slices.Contains(known, name):
			return fmt.Errorf("template.yaml has no parameter %q, it has %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// parameterNames are the names of the template's parameters.
func parameterNames(template string) ([]string, error) {
	text, err := os.ReadFile(template)
	if err != nil {
		return nil, fmt.Errorf("look for the parameters: %w", err)
	}
	_, section, _ := strings.Cut(string(text), "\nParameters:\n")
	if end := regexp.MustCompile(`(?m)^\w`).FindStringIndex(section); end != nil {
		section = section[:end[0]]
	}
	var names []string
	for _, found := range regexp.MustCompile(`(?m)^  (\w+):`).FindAllStringSubmatch(section, -1) {
		names = append(names, found[1])
	}
	return names, nil
}
