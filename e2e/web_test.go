package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The web client, as it is built, on the deployment.
func TestTheWebClient(t *testing.T) {
	t.Parallel()
	c := newCommunity(t)
	const script = "../clients/web/build/test/deployment.js"
	if _, err := os.Stat(script); err != nil {
		t.Skip("the web client is not built: npm ci && npm test in clients/web, as scripts/test does")
	}
	type account struct {
		Account string `json:"accid"`
		Token   string `json:"token"`
	}
	who := func(name string) account {
		c.join(name)
		return account{c.account(name), c.token(name, "")}
	}
	scene, err := json.Marshal(map[string]any{"url": c.WebSocketURL, "server": c.id, "channel": "lobby", "alice": who("alice"), "bob": who("bob")})
	c.must(nil, err)
	cmd := exec.CommandContext(c.ctx(), "node", script)
	cmd.Env = append(os.Environ(), "UNSEND_SCENE="+string(scene))
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "all is well") {
		t.Errorf("%v\n%s", err, output)
	}
}
