package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// driver puts each request to the guard of the local stack, around an
// application that answers 200, and prints the statuses.
const driver = `
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
import launch_stack

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await send({"type": "websocket.accept"})
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

async def status(request):
    sent = []
    async def receive(): return {"type": request["kind"] + ".connect"}
    async def send(message): sent.append(message)
    headers = [(n.encode(), v.encode()) for n, v in request["headers"]]
    await launch_stack.guard(app)({"type": request["kind"], "path": request["path"], "headers": headers}, receive, send)
    first = sent[0]
    return {"http.response.start": first.get("status"), "websocket.accept": 101, "websocket.close": 403}[first["type"]]

async def main():
    print(json.dumps([await status(r) for r in json.load(sys.stdin)]))
asyncio.run(main())
`

// A web page in the developer's browser reaches the stack's port as the
// developer does: what a browser says about where a request comes from is all
// that tells the two apart.
func TestNoPageReachesTheStack(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH; scripts/dev needs it too")
	}
	const here = "127.0.0.1:4566"
	type pairs = [][2]string
	tests := []struct {
		name    string
		path    string
		headers pairs
		want    bool
	}{
		{"a client", "/", pairs{{"host", here}}, true},
		{"by the other name", "/", pairs{{"host", "localhost"}}, true},
		{"health", "/_ministack/health", pairs{{"host", here}}, true},
		{"an address that the user typed", "/", pairs{{"host", here}, {"sec-fetch-site", "none"}}, true},
		{"the page that is allowed", "/", pairs{{"host", here}, {"origin", "http://127.0.0.1:8080"}, {"sec-fetch-site", "same-site"}}, true},
		{"a page", "/", pairs{{"host", here}, {"origin", "https://example.com"}}, false},
		{"a header in capitals", "/", pairs{{"Host", here}, {"Origin", "https://example.com"}}, false},
		{"a page without an address", "/", pairs{{"host", here}, {"origin", "null"}}, false},
		{"an empty origin", "/", pairs{{"host", here}, {"origin", ""}}, false},
		{"the allowed page on another port", "/", pairs{{"host", here}, {"origin", "http://127.0.0.1:80801"}}, false},
		{"two origins", "/", pairs{{"host", here}, {"origin", "http://127.0.0.1:8080"}, {"origin", "https://example.com"}}, false},
		{"an image on a page", "/", pairs{{"host", here}, {"sec-fetch-site", "cross-site"}}, false},
		{"an image on a page of this machine", "/", pairs{{"host", here}, {"sec-fetch-site", "same-site"}}, false},
		{"a page whose name leads here", "/", pairs{{"host", "evil.example:4566"}}, false},
		{"a name that begins like ours", "/", pairs{{"host", "localhost.evil.example"}}, false},
		{"a name that ends in a line", "/", pairs{{"host", "localhost\n"}}, false},
		{"no host", "/", nil, false},
		{"two hosts", "/", pairs{{"host", here}, {"host", "evil.example"}}, false},
		{"administration", "/_ministack/config", pairs{{"host", here}}, false},
		{"administration with a slash", "//_ministack/config", pairs{{"host", here}}, false},
		{"administration by its older name", "/_localstack/health", pairs{{"host", here}}, false},
	}
	type request struct {
		Kind    string `json:"kind"`
		Path    string `json:"path"`
		Headers pairs  `json:"headers"`
	}
	var requests []request
	for _, test := range tests {
		for _, kind := range []string{"http", "websocket"} {
			requests = append(requests, request{kind, test.path, append(pairs{}, test.headers...)})
		}
	}
	input, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs(filepath.Join("..", "..", "requirements"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-B", "-c", driver, folder)
	cmd.Env = environment("UNSEND_STACK_ORIGINS=http://127.0.0.1:8080")
	cmd.Stdin = strings.NewReader(string(input))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaint.String())
	}
	var got []int
	if err := json.Unmarshal(output, &got); err != nil || len(got) != len(requests) {
		t.Fatalf("%d answers to %d requests, %v", len(got), len(requests), err)
	}
	for i, status := range got {
		test, kind := tests[i/2], requests[i].Kind
		want := 403
		if test.want {
			want = map[string]int{"http": 200, "websocket": 101}[kind]
		}
		if status != want {
			t.Errorf("%s, %s: %d, want %d", test.name, kind, status, want)
		}
	}
}
