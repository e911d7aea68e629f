package page

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"unsend/scripts/local/stack"
	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
)

func started(t *testing.T) *Server {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "index.html"), []byte("the page"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Start(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask gives the status and the body of an answer. A header Host is the request's host.
func ask(t *testing.T, method, url, body string, header map[string]string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
		if name == "Host" {
			request.Host = value
		}
	}
	client := http.Client{Timeout: patience}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestThePageIsServedBeforeThereIsAnythingToShow(t *testing.T) {
	t.Parallel()
	s := started(t)
	if status, text := ask(t, "GET", s.Origin()+"/", "", nil); status != 200 || text != "the page" {
		t.Errorf("%d %q", status, text)
	}
	if status, _ := ask(t, "GET", s.Origin()+"/demo.json", "", nil); status != 503 {
		t.Errorf("a scene before there is a stack: %d, want 503", status)
	}
	if !strings.HasPrefix(s.Origin(), "http://127.0.0.1:") {
		t.Errorf("it is at %s", s.Origin())
	}
}

// sample is a scene whose stack nobody asks: what is refused is refused before.
func sample(t *testing.T, s *Server) {
	t.Helper()
	file := filepath.Join("..", "..", "unsend", "sample.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	community, err := seed.Parse(file, data)
	if err != nil {
		t.Fatal(err)
	}
	local := &deployment.Deployment{Description: stack.Description{Endpoint: "http://127.0.0.1:1"}}
	s.scene.Store(&scene{local, chat.Windows{}, community.Servers[0]})
}

func TestAnotherPageGetsNoToken(t *testing.T) {
	t.Parallel()
	s := started(t)
	sample(t, s)
	for _, test := range []struct {
		name   string
		header map[string]string
		want   int
	}{
		// 400: it was heard, and there is no such member.
		{"the page itself", map[string]string{"Origin": s.Origin(), "Sec-Fetch-Site": "same-origin"}, 400},
		{"a program", nil, 400},
		{"a page", map[string]string{"Origin": "https://example.com"}, 403},
		{"a page on another port", map[string]string{"Origin": s.Origin() + "1"}, 403},
		{"a page without an address", map[string]string{"Origin": "null"}, 403},
		{"a form on a page of this machine", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"an image on a page", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a page whose name leads here", map[string]string{"Host": "evil.example"}, 403},
	} {
		if status, _ := ask(t, "POST", s.Origin()+"/token", `{"accid":"eve"}`, test.header); status != test.want {
			t.Errorf("%s: %d, want %d", test.name, status, test.want)
		}
	}
}

func TestATokenIsForAMemberOfTheSampleCommunity(t *testing.T) {
	t.Parallel()
	s := started(t)
	sample(t, s)
	for body, want := range map[string]string{
		`{"accid":"eve"}`:                "no such member",
		`{}`:                             "no such member",
		`nonsense`:                       "no JSON",
		strings.Repeat(" ", 1<<10) + "{": "too large",
	} {
		if status, text := ask(t, "POST", s.Origin()+"/token", body, nil); status != 400 || !strings.Contains(text, want) {
			t.Errorf("%.20q: %d %q, want %q", body, status, text, want)
		}
	}
	if status, _ := ask(t, "GET", s.Origin()+"/token?accid=alice", "", nil); status != 404 {
		t.Errorf("a token that is asked for in a URL: %d, want 404", status)
	}
}

func TestThePageBeginsWithTheSenderAndTheModerator(t *testing.T) {
	t.Parallel()
	s := started(t)
	sample(t, s)
	var names []string
	for _, member := range s.scene.Load().members() {
		names = append(names, member.Account.Value)
	}
	if len(names) < 4 || names[0] != "alice" || names[1] != "bob" {
		t.Errorf("it shows %q", names)
	}
}

func TestThereIsNoPageForAnAccount(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "stack.json")
	if err := (stack.Description{Name: "production", Region: "eu-central-1"}).Save(file); err != nil {
		t.Fatal(err)
	}
	err := started(t).Show(context.Background(), file, chat.Windows{}, seed.Server{})
	if err == nil || !strings.Contains(err.Error(), "local stack only") {
		t.Errorf("%v", err)
	}
}
