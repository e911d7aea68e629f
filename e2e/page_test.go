package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
)

// pagePatience bounds what is done in the browser. It takes half a minute, and longer on a busy machine.
const pagePatience = 2 * time.Minute

// The demo page in a browser: the sample community, which scripts/dev and scripts/test serve the page with, and a community of
// this test's own, which the page is told of as of any deployment.
func TestTheDemoPage(t *testing.T) {
	c := newCommunity(t)
	const script = "../clients/web/build/test/page.js"
	if _, err := os.Stat(script); err != nil {
		t.Skip("the web client is not built: npm ci && npm test in clients/web, as scripts/test does")
	}
	if os.Getenv("UNSEND_CHROMIUM") == "" || c.DemoURL == "" {
		t.Skip("no browser or no page: set UNSEND_CHROMIUM to the path of a Chromium, with scripts/dev running; scripts/test does both")
	}
	cmd := exec.Command("node", script)
	cmd.Env = append(os.Environ(), "UNSEND_SCENE="+c.pageScene(), "TMPDIR="+t.TempDir())
	output := runFor(t, pagePatience, cmd)
	t.Logf("%s", output)
}

// pageScene is what clients/web/test/page.ts reads.
func (c *community) pageScene() string {
	own, others := chat.Window(4000), chat.Window(60_000)
	c.changeServer(func(s *chat.Server) { s.Windows = chat.Windows{Own: &own, Moderator: &others} })
	c.join("alice")
	c.join("bob", "mod")
	c.changeChannel("archive", func(*chat.Channel) {})
	alice := c.connect("alice", "archivist")
	for i := range 105 { // more than a page of the history
		c.must(alice.Send(c.ctx(), unsend.SendRequest{ServerID: c.id, ChannelID: "archive", Content: unsend.Content{Body: fmt.Sprintf("message %d of the archive", i+1)}}))
	}
	pictures, err := filepath.Abs("../.build/screenshots")
	c.must(nil, err)
	c.must(nil, os.MkdirAll(pictures, 0o755))
	scene, err := json.Marshal(map[string]any{
		"page": c.DemoURL, "browser": os.Getenv("UNSEND_CHROMIUM"), "pictures": pictures,
		"url": c.WebSocketURL, "server": c.id, "alice": c.account("alice"), "bob": c.account("bob"),
		"tokens": map[string]string{"alice": c.token("alice", ""), "bob": c.token("bob", "")},
		"ban":    c.banning("bob"),
	})
	c.must(nil, err)
	return string(scene)
}

// banning gives a URL that bans the member when it is posted to.
func (c *community) banning(name string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.changeMember(name, func(m *chat.Member) { m.Banned = true })
		w.WriteHeader(http.StatusNoContent)
	}))
	c.t.Cleanup(server.Close)
	return server.URL
}

// runFor runs a command with all that it starts, and ends all of it when time is up.
func runFor(t *testing.T, patience time.Duration, cmd *exec.Cmd) string {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	late := time.AfterFunc(patience, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) })
	defer late.Stop()
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v after at most %v\n%s", err, patience, output)
	}
	return string(output)
}
