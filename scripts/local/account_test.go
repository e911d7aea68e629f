package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const smallTemplate = "Transform: x\nParameters:\n  Architecture:\n    Type: String\n  # a remark\n  Stage: {Type: String}\n  LocalStackUrl:\n    Default: ''\nResources:\n  Api:\n"

func settle(t *testing.T, root, typed string, args ...string) (answers, string, error) {
	t.Helper()
	o, err := parseDeploy(args)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a, err := settleAnswers(root, o, strings.NewReader(typed), &out)
	return a, out.String(), err
}

func TestAnswersAreAskedOnceAndKept(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	root := t.TempDir()
	write(t, filepath.Join(root, "template.yaml"), smallTemplate)
	first, asked, err := settle(t, root, "chat\nmoon\neu-central-1\nx86_64\n", "Stage=one")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{`Architecture="x86_64"`, `Stage="one"`}; first.StackName != "chat" || first.Region != "eu-central-1" || !slices.Equal(first.overrides(), want) {
		t.Errorf("answers %+v", first)
	}
	if !strings.Contains(asked, "[eu-west-1]") {
		t.Errorf("asked %q, want the environment's region proposed", asked)
	}
	again, asked, err := settle(t, root, "", "Stage=")
	if want := []string{`Architecture="x86_64"`, `Stage=""`}; err != nil || asked != "" || again.StackName != "chat" || !slices.Equal(again.overrides(), want) {
		t.Errorf("the second time: %+v, asked %q, %v", again, asked, err)
	}
	changed, _, err := settle(t, root, "\n\narm64\n", "--guided")
	if err != nil || changed.StackName != "chat" || changed.Region != "eu-central-1" || changed.Parameters["Architecture"] != "arm64" {
		t.Errorf("asked again: %+v, %v", changed, err)
	}
	other, asked, err := settle(t, root, "", "Architecture=arm64", "--config-env", "test", "--region=us-east-1", "--stack-name", "chat-test")
	if err != nil || asked != "" || other.StackName != "chat-test" || other.Parameters["Stage"] != "" {
		t.Errorf("another stack: %+v, asked %q, %v", other, asked, err)
	}
}

const smallConfig = `version = 0.1
[default.deploy.parameters]
confirm_changeset = true
[local.deploy.parameters]
progressbar = false
[prod.global.parameters]
stack_name = "chat-prod"
[prod.deploy.parameters]
parameter_overrides = ["Stage=one", "Retention=3"]
`

const stagedTemplate = "Transform: x\nParameters:\n  Architecture:\n    Type: String\n  Stage: {Type: String}\n  Retention: {Type: Number}\nResources:\n"

// What samconfig.toml says of a stage holds until somebody answers otherwise, and an edit of it reaches the next deployment.
func TestAStageIsAskedForOnceAndReadEachTime(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	root := t.TempDir()
	write(t, filepath.Join(root, "template.yaml"), stagedTemplate)
	write(t, filepath.Join(root, samconfigFile), smallConfig)
	if _, _, err := settle(t, root, "", "--stack-name=plain", "Architecture=arm64", "Retention=9"); err != nil {
		t.Fatal(err)
	}
	first, asked, err := settle(t, root, "\n\n\n", "--stage", "prod", "Retention=4")
	if want := []string{`Architecture="arm64"`, `Retention="4"`, `Stage="one"`}; err != nil || first.StackName != "chat-prod" || !slices.Equal(first.overrides(), want) {
		t.Errorf("%+v, %v, asked %q", first, err, asked)
	}
	if !strings.Contains(asked, "[chat-prod]") {
		t.Errorf("asked %q, want the stage's name proposed", asked)
	}
	write(t, filepath.Join(root, samconfigFile), strings.ReplaceAll(smallConfig, "Stage=one", "Stage=two"))
	again, asked, err := settle(t, root, "", "--stage=prod")
	if want := []string{`Architecture="arm64"`, `Retention="4"`, `Stage="two"`}; err != nil || strings.Contains(asked, "[") || again.Region != "eu-west-1" || !slices.Equal(again.overrides(), want) {
		t.Errorf("the second time: %+v, asked %q, %v", again, asked, err)
	}
	plain, asked, err := settle(t, root, "")
	if want := []string{`Architecture="arm64"`, `Retention="9"`}; err != nil || asked != "" || plain.StackName != "plain" || !slices.Equal(plain.overrides(), want) {
		t.Errorf("without a stage: %+v, asked %q, %v", plain, asked, err)
	}
}

// An answer that was given once, to mend something, is kept for ever: nobody is to deploy it without knowing.
func TestAnswersThatGoBeforeTheStageAreSaid(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "template.yaml"), stagedTemplate)
	write(t, filepath.Join(root, samconfigFile), smallConfig)
	if _, said, err := settle(t, root, "", "--stage=prod", "--stack-name=x", "--region=eu-central-1", "Architecture=arm64", "Stage=one"); err != nil || said != "" {
		t.Errorf("as the stage says: %q, %v", said, err)
	}
	const want = "Retention=4, where samconfig.toml has 3"
	for _, given := range []string{"Retention=4", "Architecture=arm64"} {
		if _, said, err := settle(t, root, "", "--stage=prod", given); err != nil || !strings.Contains(said, want) || !strings.Contains(said, "--stage prod --forget") || strings.Contains(said, "Stage=") {
			t.Errorf("with %s: %q, %v", given, said, err)
		}
	}
	if _, said, err := settle(t, root, "", "--stage=prod", "Retention=3"); err != nil || said != "" {
		t.Errorf("as the stage says, again: %q, %v", said, err)
	}
}

// What a stage takes over from --config-env of the same name was deployed into another folder of sam's bucket.
func TestAStageThatTakesAnswersOverSaysSo(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "template.yaml"), stagedTemplate)
	write(t, filepath.Join(root, samconfigFile), smallConfig)
	if _, said, err := settle(t, root, "", "--config-env=prod", "--stack-name=plain", "--region=eu-central-1", "Architecture=arm64"); err != nil || said != "" {
		t.Fatal(said, err)
	}
	for _, c := range []struct {
		args []string
		says bool
	}{
		{[]string{"--stage=prod"}, true},
		{[]string{"--stage=prod"}, false},
		{[]string{"--config-env=prod"}, false}, // and with it the folder is the old one again
		{[]string{"--stage=prod"}, true},
	} {
		_, said, err := settle(t, root, "", c.args...)
		if err != nil || strings.Contains(said, "takes over the stack plain") != c.says || strings.Contains(said, `"Into a stage"`) != c.says {
			t.Errorf("%v: %q, %v", c.args, said, err)
		}
	}
}

// An earlier release refuses a parameter that it does not have, so there is a way to have an answer forgotten.
func TestAnAnswerIsForgotten(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "template.yaml"), stagedTemplate)
	write(t, filepath.Join(root, samconfigFile), smallConfig)
	for _, stage := range []string{"", "--stage=prod"} {
		args := []string{"--stack-name=plain", "--region=eu-central-1", "Architecture=arm64", "Retention=9", "Stage=x", stage}
		if _, _, err := settle(t, root, "", slices.DeleteFunc(args, func(arg string) bool { return arg == "" })...); err != nil {
			t.Fatal(err)
		}
	}
	forget := func(args ...string) (string, error) {
		o, err := parseDeploy(args)
		if err != nil {
			return "", err
		}
		var out bytes.Buffer
		err = forgetAnswers(root, o, &out)
		return out.String(), err
	}
	if _, err := forget("--forget", "Stage", "--forget", "Retentions"); err == nil || !strings.Contains(err.Error(), `no parameter "Retentions"`) {
		t.Errorf("what is none: %v", err)
	}
	if said, err := forget("--stage", "prod", "--forget", "Retention", "--forget=Stage"); err != nil || !strings.Contains(said, "Retention=9 is forgotten") || !strings.Contains(said, "Stage=x is forgotten") {
		t.Errorf("said %q, %v", said, err)
	}
	if said, err := forget("--stage", "prod", "--forget", "Retention"); err != nil || !strings.Contains(said, "Retention was not kept\n") {
		t.Errorf("again: %q, %v", said, err)
	}
	staged, _, err := settle(t, root, "", "--stage=prod")
	if want := []string{`Architecture="arm64"`, `Retention="3"`, `Stage="one"`}; err != nil || !slices.Equal(staged.overrides(), want) {
		t.Errorf("the stage's: %q, %v", staged.overrides(), err)
	}
	plain, _, err := settle(t, root, "")
	if want := []string{`Architecture="arm64"`, `Retention="9"`, `Stage="x"`}; err != nil || !slices.Equal(plain.overrides(), want) {
		t.Errorf("others': %q, %v", plain.overrides(), err)
	}
	for _, args := range [][]string{{"Stage=y"}, {"--guided"}, {"--remove"}, {"--region=eu-west-1"}, {"--stack-name=x"}, {"--", "--no-confirm-changeset"}} {
		if _, err := parseDeploy(append([]string{"--forget=Stage"}, args...)); err == nil {
			t.Errorf("--forget takes %q", args)
		}
	}
}

// Commands of the operating page are typed when something is wrong.
func TestTheOperatingPagesCommandsAreTaken(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("scripts/deploy((?: [^ `#\\n]+)*)").FindAllStringSubmatch(string(page), -1)
	for _, command := range commands {
		if _, err := parseDeploy(strings.Fields(command[1])); err != nil && !strings.Contains(command[1], "=$((") { // which is the shell's
			t.Errorf("scripts/deploy%s: %v", command[1], err)
		}
	}
	if len(commands) < 10 {
		t.Errorf("only %d commands were found", len(commands))
	}
}

func TestStagesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ stage, config, says string }{
		{"test", smallConfig, `no stage "test", it has prod`},
		{"default", smallConfig, `no stage "default"`},
		{"local", smallConfig, `no stage "local"`},
		{"prod", strings.ReplaceAll(smallConfig, "Stage=one", "Stage"), `"Stage" is no PARAMETER=VALUE`},
		{"prod", strings.ReplaceAll(smallConfig, "Stage=one", "Stagee=one"), `no parameter "Stagee"`},
		{"prod", "version = ", "samconfig.toml"},
	} {
		root := t.TempDir()
		write(t, filepath.Join(root, "template.yaml"), stagedTemplate)
		write(t, filepath.Join(root, samconfigFile), c.config)
		_, _, err := settle(t, root, "", "--stage", c.stage, "--region=eu-central-1")
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.stage, err, c.says)
		}
	}
	if _, err := parseDeploy([]string{"--stage", "prod", "--config-env", "test"}); err == nil {
		t.Error("a stage takes the answers of another name")
	}
}

func TestAnswersThatCannotBeAreRefused(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--region"},
		{[]string{"--region", "eu-central-1", "RevokeWindow=1"}, "no parameter \"RevokeWindow\""},
		{[]string{"--region", "eu-central-1", "LocalStackUrl=http://127.0.0.1:1"}, "scripts/dev"},
		{[]string{"--region", "eu-central-1", "Architecture=mips"}, "it cannot be \"mips\""},
	} {
		root := t.TempDir()
		write(t, filepath.Join(root, "template.yaml"), smallTemplate)
		_, _, err := settle(t, root, "", c.args...)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.args, err, c.says)
		}
		if _, err := os.Stat(filepath.Join(root, answersFile)); err == nil {
			t.Errorf("%v: kept", c.args)
		}
	}
	if _, err := parseDeploy([]string{"prod"}); err == nil {
		t.Error("a word that is nothing is taken")
	}
}

// What is saved for deploy must reach build too, or Lambda gets binaries of
// another processor.
func TestBuildAndDeployAreToldTheSame(t *testing.T) {
	t.Parallel()
	a := accountWithSAM(t, "#!/bin/sh\necho \"$CGO_ENABLED $GOFLAGS: $*\" >> calls\ncase $1 in build) mkdir -p .aws-sam/build/Send && cp built .aws-sam/build/Send/bootstrap;; esac\n")
	root := a.root
	write(t, filepath.Join(root, "built"), string(binaryFor(t, elf.EM_X86_64, false)))
	if err := a.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.deploy(t.Context(), []string{"--no-confirm-changeset"}); err != nil {
		t.Fatal(err)
	}
	calls, _ := os.ReadFile(filepath.Join(root, "calls"))
	lines := strings.Split(strings.TrimSpace(string(calls)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "0 ") || !strings.Contains(lines[0], "-trimpath -buildvcs=false") {
		t.Fatalf("called %q", lines)
	}
	for _, line := range lines {
		if !strings.Contains(line, `--parameter-overrides Architecture="x86_64" Stage="one"`) {
			t.Errorf("%q lacks the parameters", line)
		}
	}
	if !strings.HasSuffix(lines[1], "--stack-name chat --region eu-central-1 --no-confirm-changeset") {
		t.Errorf("deployed by %q", lines[1])
	}
	a.Parameters["Architecture"] = "arm64" // and sam goes on building what it did
	if err := a.build(t.Context()); err == nil || !strings.Contains(err.Error(), "EM_X86_64") {
		t.Errorf("wrong binaries are built with %v", err)
	}
}

// accountWithSAM is an account in a folder of its own, whose sam is a script.
func accountWithSAM(t *testing.T, script string) account {
	t.Helper()
	root := t.TempDir()
	dir, err := newRunDir(root)
	if err != nil {
		t.Fatal(err)
	}
	sam := filepath.Join(root, "sam")
	write(t, sam, script)
	if err := os.Chmod(sam, 0o700); err != nil {
		t.Fatal(err)
	}
	return account{root: root, dir: dir, sam: sam, answers: answers{StackName: "chat", Region: "eu-central-1", Parameters: map[string]string{"Architecture": "x86_64", "Stage": "one"}}}
}

// Stages of one account and region share sam's bucket: without folders of their own, removing one would remove what
// another's roll-back needs.
func TestAStageHasItsSectionAndItsFolder(t *testing.T) {
	t.Parallel()
	a := accountWithSAM(t, "#!/bin/sh\necho \"$*\" >> calls\n")
	a.stage = "prod"
	if err := a.deploy(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	call, _ := os.ReadFile(filepath.Join(a.root, "calls"))
	for _, want := range []string{"samconfig.toml --config-env prod ", "--stack-name chat --region eu-central-1 --s3-prefix chat\n"} {
		if !strings.Contains(string(call), want) {
			t.Errorf("%q lacks %q", call, want)
		}
	}
}

func TestADeploymentEndsWithItsEndpointsAndTheNextStep(t *testing.T) {
	t.Parallel()
	a := accountWithSAM(t, `#!/bin/sh
echo "A newer version of the SAM CLI [1.2.3] is there" >&2
echo '[
  {"OutputKey": "WebSocketUrl", "OutputValue": "wss://a.execute-api.eu-central-1.amazonaws.com/live", "Description": "Where clients connect."},
  {"OutputKey": "ServerApiUrl", "OutputValue": "https://b.lambda-url.eu-central-1.on.aws/", "Description": ""}
]'
echo more
`)
	said := a.found(a.outputs(t.Context())) + a.nextSteps(nil)
	for _, want := range []string{"wss://a.execute-api.eu-central-1.amazonaws.com/live\n", "https://b.lambda-url.eu-central-1.on.aws/\n",
		".build/unsend smoke --stack-name chat --region eu-central-1", ".build/unsend seed ", "AlarmTopicArn="} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
	if again := a.nextSteps(map[string]string{"AlarmTopicArn": "", "Stage": "one"}); strings.Contains(again, "unsend seed") || !strings.Contains(again, "unsend smoke") || !strings.Contains(again, "AlarmTopicArn=") {
		t.Errorf("after another deployment: %s", again)
	}
	const topic = "arn:aws:sns:eu-central-1:123456789012:on-call"
	if strings.Contains(a.nextSteps(map[string]string{"AlarmTopicArn": topic}), "AlarmTopicArn") {
		t.Error("asks for a topic that was given from another machine")
	}
	a.Parameters["AlarmTopicArn"] = topic
	if strings.Contains(a.nextSteps(map[string]string{"AlarmTopicArn": ""}), "AlarmTopicArn") {
		t.Error("asks for a topic that is there")
	}
}

// A value that was given from another machine, as for how long logs are kept, is lost when the stage's goes over it.
func TestADeploymentSaysWhatItChanges(t *testing.T) {
	t.Parallel()
	a := accountWithSAM(t, "")
	tool := toolPath(a.root)
	write(t, tool, `#!/bin/sh
echo "$*" >> calls
echo "a warning of the SDK's" >&2
echo '{"Architecture":"x86_64","LogRetentionDays":"365","Metrics":"on","TokenIssuer":""}'
`)
	if err := os.Chmod(tool, 0o700); err != nil {
		t.Fatal(err)
	}
	a.Parameters = map[string]string{"Architecture": "x86_64", "LogRetentionDays": "90", "TokenIssuer": "https://id", "FastRevocations": "true"}
	before, err := a.parameters(t.Context())
	calls, _ := os.ReadFile(filepath.Join(a.root, "calls"))
	if want := "parameters --json --stack-name chat --region eu-central-1\n"; err != nil || string(calls) != want {
		t.Fatalf("%v, called %q", err, calls)
	}
	said := a.changes(before)
	for _, want := range []string{"LogRetentionDays: 365 becomes 90\n", `TokenIssuer: "" becomes https://id`} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
	if strings.Contains(said, "Architecture") || strings.Contains(said, "FastRevocations") || strings.Contains(said, "Metrics") {
		t.Errorf("says what does not change, or is new: %s", said)
	}
	if said := a.changes(nil); said != "" {
		t.Errorf("of a stack that is not there: %s", said)
	}
	write(t, tool, "#!/bin/sh\necho 'there is no stack' >&2\nexit 1\n")
	if before, err := a.parameters(t.Context()); err == nil || len(before) > 0 {
		t.Errorf("of a stack that is not there: %v, %v", before, err)
	}
}

// Whoever says no to the changes of a first deployment has no stack.
func TestADeploymentThatSomebodyRefused(t *testing.T) {
	t.Parallel()
	a := accountWithSAM(t, "#!/bin/sh\necho 'Error: The input stack chat does not exist' >&2\nexit 1\n")
	said := a.found(a.outputs(t.Context()))
	if !strings.Contains(said, "does not exist") || !strings.Contains(said, "shows no endpoints") {
		t.Error(said)
	}
}

func TestBinariesThatLambdaCannotRunAreFound(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := checkBinaries(folder, "arm64"); err == nil {
		t.Error("none at all is fine")
	}
	path := filepath.Join(folder, "Send", "bootstrap")
	for _, c := range []struct {
		content []byte
		says    string
	}{
		{binaryFor(t, elf.EM_AARCH64, false), ""},
		{binaryFor(t, elf.EM_AARCH64, true), "shared libraries"},
		{binaryFor(t, elf.EM_X86_64, false), "EM_X86_64"},
		{[]byte("#!/bin/sh\n"), "no Linux binary"},
	} {
		write(t, path, string(c.content))
		if err := checkBinaries(folder, "arm64"); (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

// binaryFor is the head of an ELF file.
func binaryFor(t *testing.T, machine elf.Machine, dynamic bool) []byte {
	t.Helper()
	head := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Phoff: 64, Phentsize: 56,
	}
	var b bytes.Buffer
	var parts []any
	if dynamic {
		head.Phnum = 1
		parts = append(parts, elf.Prog64{Type: uint32(elf.PT_INTERP)})
	}
	for _, part := range append([]any{head}, parts...) {
		if err := binary.Write(io.Writer(&b), binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestTheTemplatesParametersAreFound(t *testing.T) {
	t.Parallel()
	names, err := parameterNames(filepath.Join("..", "..", "template.yaml"))
	if err != nil || !slices.Contains(names, "Stage") || !slices.Contains(names, "LocalStackUrl") || slices.Contains(names, "OnAws") {
		t.Errorf("parameters %v, %v", names, err)
	}
}
