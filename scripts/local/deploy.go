package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"unsend/scripts/local/compile"
	"unsend/scripts/local/stack"
	"unsend/shared/chat"
)

// localStackName is the CloudFormation stack inside a local stack.
const localStackName = "unsend"

// localStage, localAudience and the rest are what the local deployment is given.
// They are the template's defaults where nothing speaks against it.
const (
	localStage       = "live"
	localAudience    = "unsend"
	localTokenMaxTTL = 86400
	localWindowMS    = 120_000
	localEventBus    = "unsend"
	localAuditDays   = 30
)

// deployment builds a tree of the repository and deploys it to one local stack.
type deployment struct {
	root     string
	tools    string // the repository whose .venv has sam; empty: root's
	earlier  bool   // of an earlier release, which lacks parameters and outputs of this one
	dir      runDir
	endpoint string
	pid      int    // of the local stack
	demoURL  string // of its demo page
}

func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// compileFunctions fills Go's build cache with what sam build asks for one
// function at a time, and says what does not compile in half the time.
func compileFunctions(ctx context.Context, root string, dir runDir) error {
	c := Command{What: "go build ./functions/...", Dir: root, Log: dir.log("compile"),
		Env:  environment("CGO_ENABLED=0", "GOOS=linux", "GOFLAGS="+compile.Flags()),
		Argv: []string{"go", "build", "-o", os.DevNull, "./functions/..."}}
	_, err := c.Run(ctx)
	return err
}

// compileTool builds the command line tool into .build/unsend.
func compileTool(ctx context.Context, root string, dir runDir) error {
	c := Command{What: "go build ./scripts/unsend", Dir: root, Log: dir.log("compile-tool"), Env: environment(),
		Argv: []string{"go", "build", "-o", toolPath(root), "./scripts/unsend"}}
	_, err := c.Run(ctx)
	return err
}

func toolPath(root string) string { return filepath.Join(root, ".build", "unsend") }

// sam is a sam command that reads [local] of samconfig.toml, never what
// --guided saved for an account.
func (d deployment) sam(command string, args ...string) []string {
	start := []string{venv{root: cmp.Or(d.tools, d.root), name: "sam"}.bin("sam"), command,
		"--config-file", filepath.Join(d.root, samconfigFile), "--config-env", localSection}
	return append(start, args...)
}

// build runs the real sam build into a folder of this run.
func (d deployment) build(ctx context.Context) error {
	c := Command{What: "sam build", Dir: d.root, Log: d.dir.log("sam build"),
		Env: append(localEnvironment(d.endpoint, d.dir), "CGO_ENABLED=0", "GOFLAGS="+compile.Flags()),
		Argv: d.sam("build", "--build-dir", d.dir.file("build", "sam"),
			"--parameter-overrides", "Architecture="+architecture())}
	_, err := c.Run(ctx)
	return err
}

// deploy makes what the template takes as given, runs the real sam deploy, and keeps a description of the result in the file.
func (d deployment) deploy(ctx context.Context, file string) error {
	if err := createBus(ctx, d.endpoint, localEventBus); err != nil {
		return err
	}
	parameters, err := d.parameters()
	if err != nil {
		return err
	}
	c := Command{What: "sam deploy", Dir: d.root, Log: d.dir.log("sam deploy"),
		Env: localEnvironment(d.endpoint, d.dir),
		Argv: append(d.sam("deploy", "--template-file", d.dir.file("build", "sam", "template.yaml"),
			"--stack-name", localStackName, "--region", localRegion, "--parameter-overrides"), parameters...)}
	logged := size(stackLog(d.pid))
	if output, err := c.Run(ctx); err != nil {
		return d.explain(err, output, logged)
	}
	description, err := d.describe(ctx)
	if err != nil {
		return err
	}
	return description.Save(file)
}

// parameters are what the template is given. An earlier release gets those of them that it has.
func (d deployment) parameters() ([]string, error) {
	given := []string{
		"Architecture=" + architecture(),
		"LocalStackUrl=" + d.endpoint,
		"AllowQueryToken=true", // so that the tests have it
		"Stage=" + localStage,
		"TokenAudience=" + localAudience,
		"TokenMaxTtlSeconds=" + strconv.Itoa(localTokenMaxTTL),
		"RevokeWindowMs=" + strconv.Itoa(localWindowMS),
		"ModeratorWindowMs=" + strconv.Itoa(localWindowMS),
		"FramesPer10Seconds=" + strconv.Itoa(stack.LocalFramesPer10Seconds),
		"EventBusName=" + localEventBus,
		fmt.Sprint("AuditRetentionDays=", localAuditDays),
		"DirectPushLimit=20", // so that the push queue has its part with the devices that fit on this machine
	}
	if !d.earlier {
		return given, nil
	}
	known, err := parameterNames(filepath.Join(d.root, "template.yaml"))
	return slices.DeleteFunc(given, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return !slices.Contains(known, name)
	}), err
}

// explain puts the stack's own reason in front of what sam says, which shows it
// in columns a few letters wide.
func (d deployment) explain(err error, output string, logged int64) error {
	failed, ok := err.(*commandError)
	if reason := refusals(stackLog(d.pid), logged); ok && reason != "" {
		failed.tail = reason + "\n\n" + lastLines(output, 3)
		failed.advice = advise("Failed to provision")
	}
	return err
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// describe asks the deployed stack for its outputs.
func (d deployment) describe(ctx context.Context) (stack.Description, error) {
	outputs, err := stackOutputs(ctx, d.endpoint, localStackName)
	if err != nil {
		return stack.Description{}, err
	}
	description := stack.Description{
		Name: localStackName, Region: localRegion, Endpoint: d.endpoint, PID: d.pid, DemoURL: d.demoURL,
		WebSocketURL: outputs["WebSocketUrl"], ServerURL: outputs["ServerApiUrl"],
		MessagesTable: outputs["MessagesTable"], CommunityTable: outputs["CommunityTable"], SessionsTable: outputs["SessionsTable"],
		AuditTable: outputs["AuditTable"], EventBus: localEventBus, AuditRetentionDays: localAuditDays,
		StreamARN: outputs["MessagesStreamArn"], FailureBucket: outputs["UndeliveredBucket"],
		PushQueueURL: outputs["PushQueueUrl"], PushDeadLettersURL: outputs["PushDeadLettersUrl"],
		LargeServerMembers: chat.DefaultLargeServer,
		TokenSecretARN:     outputs["TokenSecretArn"], NextTokenSecretARN: outputs["NextTokenSecretArn"],
		TokenAudience: localAudience, TokenMaxTTLSeconds: localTokenMaxTTL,
		LogGroups: map[string]string{},
	}
	for _, f := range functionOutputs {
		description.LogGroups[f.folder] = outputs[f.output+"LogGroup"]
	}
	if d.earlier {
		return description, nil
	}
	return description, complete(outputs)
}

// functionOutputs are the functions' folders and what their outputs' names begin with.
var functionOutputs = []struct{ folder, output string }{
	{"authorize", "Authorize"}, {"connect", "Connect"}, {"disconnect", "Disconnect"}, {"session", "Session"},
	{"send", "Send"}, {"revoke", "Revoke"}, {"read", "Read"}, {"notify", "Notify"}, {"push", "Push"}, {"record", "Record"}, {"server", "Server"}, {"sweep", "Sweep"},
}

// complete reports outputs that template.yaml no longer has.
func complete(outputs map[string]string) error {
	names := []string{"WebSocketUrl", "ServerApiUrl", "MessagesTable", "CommunityTable", "SessionsTable", "AuditTable",
		"MessagesStreamArn", "UndeliveredBucket", "PushQueueUrl", "PushDeadLettersUrl", "TokenSecretArn", "NextTokenSecretArn"}
	for _, f := range functionOutputs {
		names = append(names, f.output+"LogGroup")
	}
	for _, name := range names {
		if outputs[name] == "" {
			return fmt.Errorf("the deployed stack has no output %s: put it back into template.yaml, or take it out of scripts/local/deploy.go", name)
		}
	}
	return nil
}
