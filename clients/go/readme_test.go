package unsend_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The README's example is a program that compiles and does what it says, on a server with one message.
func TestTheExampleOfTheREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(readme), "```go\n")
	example, _, ended := strings.Cut(example, "```")
	if !found || !ended {
		t.Fatal("README.md has no example in Go")
	}
	directory := t.TempDir()
	program := filepath.Join(directory, "main.go")
	overlay := filepath.Join(directory, "overlay.json")
	place, err := filepath.Abs("example/main.go") // where the module has it, while it is built
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{program: []byte(example), overlay: text(object{"Replace": object{place: program}})} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "go", "run", "-overlay="+overlay, "unsend/clients/go/example")
	command.Env = append(os.Environ(), "UNSEND_URL="+serve(t, oneMessage), "UNSEND_TOKEN=good", "UNSEND_STORE="+filepath.Join(directory, "store"))
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "alice took it back: wrong room\n") {
		t.Errorf("%v\n%s", err, output)
	}
}

// oneMessage answers as a deployment with one message would.
func oneMessage(ctx context.Context, p peer) {
	const key = `"server_id":"s1","channel_id":"c1","timestamp":1,"msg_server_id":"m","from_accid":"alice","update_timestamp":1`
	answers := map[string]string{
		"sync":    `"updates":[],"cursor":"x","access":{"c1":"stamp"},"delivery":"all"`,
		"history": `"messages":[]`,
		"send":    `"message":{` + key + `,"status":0,"version":1,"msg_body":"the code is 4711"}`,
		"revoke":  `"message":{` + key + `,"status":1,"version":2,"update_ope_info":{"operator_id":"alice","postscript":"wrong room"}}`,
	}
	for {
		f, ok := p.read(ctx)
		if !ok {
			return
		}
		answer, known := answers[f["action"].(string)]
		if !known {
			p.t.Errorf("asked for %v", f["action"])
			return
		}
		id, err := json.Marshal(f["request_id"])
		if err != nil {
			p.t.Error(err)
		}
		p.write(ctx, `{"type":"response","request_id":%s,"res_code":200,%s}`, id, answer)
	}
}
