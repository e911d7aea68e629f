package smoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/inprocess"
	"unsend/scripts/unsend/seed"
	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/smoke"
)

// community is what a run named "one" asks the Server API for.
const community = `
servers:
  - id: smoke-one
    owner: smoke-owner-one
    roles: [{id: mod, priority: 10, allow: [RevokeMemberMessage]}]
    members: [{account: smoke-owner-one}, {account: smoke-author-one}, {account: smoke-moderator-one, roles: [mod]}]
    channels: [{id: lobby, windows: {own: 2m, moderator: 2m}}, {id: hasty, windows: {own: 100ms, moderator: 100ms}}]
`

// asked is an administration that does nothing but remember; refuses says what it answers to a request.
type asked struct {
	mu      sync.Mutex
	list    []string
	refuses map[string]error
}

func (a *asked) note(request string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, request)
	return a.refuses[request]
}

func (a *asked) PutServer(_ context.Context, w serverapi.Write, server string, _ serverapi.ServerPolicy) (serverapi.Server, error) {
	return serverapi.Server{}, a.note(fmt.Sprintf("put %s, new: %t", server, w.New))
}

func (a *asked) PutRole(_ context.Context, _ serverapi.Write, _, role string, p serverapi.RolePolicy) (serverapi.Role, error) {
	return serverapi.Role{}, a.note(fmt.Sprintf("role %s %v", role, p.Allow))
}

func (a *asked) PutChannel(_ context.Context, _ serverapi.Write, _, channel string, p serverapi.ChannelPolicy) (serverapi.Channel, error) {
	return serverapi.Channel{}, a.note(fmt.Sprintf("channel %s %d %d", channel, *p.Own, *p.Moderator))
}

func (a *asked) PutMember(_ context.Context, _ serverapi.Write, _, account string, p serverapi.Profile) (serverapi.Member, error) {
	return serverapi.Member{}, a.note(fmt.Sprintf("member %s %v", account, p.Roles))
}

func (a *asked) DeleteServer(ctx context.Context, _ serverapi.Write, server string) (serverapi.Job, error) {
	if ctx.Err() != nil {
		return serverapi.Job{}, ctx.Err()
	}
	return serverapi.Job{ServerID: server, Kind: serverapi.KindServer, JobID: server}, a.note("delete " + server)
}

func (a *asked) deleted() bool { return slices.Contains(a.list, "delete smoke-one") }

func options(t *testing.T, out io.Writer) (smoke.Options, *inprocess.Deployment, *asked) {
	t.Helper()
	f, err := seed.Parse("community.yaml", []byte(community))
	if err != nil {
		t.Fatal(err)
	}
	d, api := inprocess.Start(t, f), &asked{}
	return smoke.Options{
		API: api, Now: time.Now, Run: "one", Out: out, Patience: 3 * time.Second, Grace: 50 * time.Millisecond,
		Dial: func(ctx context.Context, account, device string, way smoke.Way) (*unsend.Client, string, error) {
			if way == smoke.Forged {
				return nil, "", &unsend.DialError{Status: http.StatusForbidden, Err: errors.New("refused")}
			}
			client, err := d.Dial(ctx, account, device, 16)
			return client, "", err
		},
		Unsigned: func(context.Context, string) (int, error) { return http.StatusForbidden, nil },
	}, d, api
}

func TestASoundDeployment(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o, _, api := options(t, &out)
	if err := smoke.Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if n := strings.Count(out.String(), "✓"); n != 13 || strings.Contains(out.String(), "✗") || !strings.Contains(out.String(), "Its rows go by a job") {
		t.Errorf("%d steps:\n%s", n, &out)
	}
	slices.Sort(api.list[2:6]) // channels and members come in any order
	want := []string{
		"put smoke-one, new: true", "role mod [RevokeMemberMessage]", "channel hasty 100 100", "channel lobby 120000 120000",
		"member smoke-author-one []", "member smoke-moderator-one [mod]", "delete smoke-one",
	}
	if !slices.Equal(api.list, want) {
		t.Errorf("asked for\n%s\nwant\n%s", strings.Join(api.list, "\n"), strings.Join(want, "\n"))
	}
}

// A check that cannot fail shows nothing: each fault is found in the step that is about it, said with what to do, and cleaned up after.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*smoke.Options, *inprocess.Deployment, *asked)
		says   string
		advice string
	}{
		"the Server API refuses": {func(_ *smoke.Options, _ *inprocess.Deployment, a *asked) {
			a.refuses = map[string]error{"role mod [RevokeMemberMessage]": &serverapi.Problem{Status: 500, Detail: "internal error"}}
		}, "internal error (HTTP 500)", "log of the function server"},
		"the Server API takes what is unsigned": {func(o *smoke.Options, _ *inprocess.Deployment, _ *asked) {
			o.Unsigned = func(context.Context, string) (int, error) { return http.StatusOK, nil }
		}, "HTTP 200, want 403", "Roll the deployment back"},
		"no connection": {func(o *smoke.Options, _ *inprocess.Deployment, _ *asked) {
			o.Dial = func(context.Context, string, string, smoke.Way) (*unsend.Client, string, error) {
				return nil, "", &unsend.DialError{Status: 403, Err: errors.New("no")}
			}
		}, "the author's phone: ", "log of authorize"},
		"a forged token is taken": {func(o *smoke.Options, d *inprocess.Deployment, _ *asked) {
			o.Dial = func(ctx context.Context, account, device string, _ smoke.Way) (*unsend.Client, string, error) {
				client, err := d.Dial(ctx, account, device, 16)
				return client, "", err
			}
		}, "it was accepted", "Roll the deployment back"},
		"a notice is lost": {distort(func(account string, frame []byte) []byte {
			if account == "smoke-moderator-one" && bytes.Contains(frame, []byte("message_updated")) {
				return nil
			}
			return frame
		}), "the moderator's browser was not told of it (message_updated) in time", "logs of notify and push"},
		"a notice holds the text": {distort(func(_ string, frame []byte) []byte {
			return bytes.Replace(frame, []byte(`"status":1`), []byte(`"status":1,"msg_ext":"the smoke test's secret, run one"`), 1)
		}), "still holds its content", ""},
		"another operator": {distort(func(_ string, frame []byte) []byte {
			return bytes.Replace(frame, []byte(`"operator_id":"smoke-author-one"`), []byte(`"operator_id":"smoke-owner-one"`), 1)
		}), "operator is another", ""},
		"a device is told of its own revoke": {echo(), "the author's phone was told what it should not: message_updated in #lobby by smoke-author-one", "Roll the deployment back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			o, d, api := options(t, &out)
			test.change(&o, d, api)
			err := smoke.Run(t.Context(), o)
			if !errors.Is(err, smoke.ErrFailed) || !strings.Contains(out.String(), test.says) || !strings.Contains(out.String(), test.advice) {
				t.Errorf("got %v, want %q and %q in\n%s", err, test.says, test.advice, &out)
			}
			if !api.deleted() {
				t.Error("the server was left behind")
			}
		})
	}
}

func distort(change func(string, []byte) []byte) func(*smoke.Options, *inprocess.Deployment, *asked) {
	return func(_ *smoke.Options, d *inprocess.Deployment, _ *asked) { d.Distort = change }
}

// echo has the author's phone told what the moderator's browser was told of the first revoke, together with its next notice.
func echo() func(*smoke.Options, *inprocess.Deployment, *asked) {
	leaked := make(chan []byte, 1)
	return distort(func(account string, frame []byte) []byte {
		if account == "smoke-moderator-one" && bytes.Contains(frame, []byte("message_updated")) {
			select {
			case leaked <- bytes.Clone(frame):
			default: // one is enough
			}
			return frame
		}
		if account != "smoke-author-one" {
			return frame
		}
		select {
		case other := <-leaked:
			first := strings.TrimSuffix(string(frame), "]}")
			return []byte(first + "," + strings.TrimPrefix(string(other), `{"type":"notices","notices":[`))
		default:
			return frame
		}
	})
}

func TestWhatIsLeftBehindIsSaid(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o, _, api := options(t, &out)
	api.refuses = map[string]error{"delete smoke-one": &serverapi.Problem{Status: 503, Detail: "busy"}}
	err := smoke.Run(t.Context(), o)
	if err == nil || errors.Is(err, smoke.ErrFailed) || !strings.Contains(err.Error(), "unsend server delete smoke-one --yes") {
		t.Errorf("got %v", err)
	}
}

// A server of that name that was there before is somebody's.
func TestAServerOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	o, _, api := options(t, io.Discard)
	api.refuses = map[string]error{"put smoke-one, new: true": &serverapi.Problem{Status: 412, Detail: "it is there already"}}
	if err := smoke.Run(t.Context(), o); !errors.Is(err, smoke.ErrFailed) || api.deleted() {
		t.Errorf("got %v; asked for %v", err, api.list)
	}
}

func TestInterruptedItCleansUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o, _, api := options(t, io.Discard)
	o.Removed = func(context.Context, serverapi.Job) error { t.Error("it waits all the same"); return nil }
	o.Unsigned = func(context.Context, string) (int, error) { cancel(); return http.StatusForbidden, nil }
	if err := smoke.Run(ctx, o); !errors.Is(err, context.Canceled) || !api.deleted() {
		t.Errorf("got %v; asked for %v", err, api.list)
	}
}

func TestItWaitsForTheRows(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o, _, _ := options(t, &out)
	stuck := errors.New("it was not done within 5m0s")
	for _, want := range []error{nil, stuck} {
		o.Removed = func(_ context.Context, job serverapi.Job) error {
			if job.ServerID != "smoke-one" {
				t.Errorf("waits for %+v", job)
			}
			return want
		}
		if err := smoke.Run(t.Context(), o); !errors.Is(err, want) || want == nil && !strings.Contains(out.String(), "is deleted, and its rows are") {
			t.Errorf("got %v, want %v\n%s", err, want, &out)
		}
		o, _, _ = options(t, &out)
	}
}

func TestABrowsersHandshake(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Sec-WebSocket-Protocol"); got != "bearer, TOKEN" || r.Header.Get("Authorization") != "" {
			t.Errorf("the handshake has the sub-protocols %q", got)
		}
		w.Header().Set("Sec-WebSocket-Protocol", "bearer")
	}))
	defer server.Close()
	b := &smoke.Browser{Base: http.DefaultTransport}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.RoundTrip(request); err == nil {
		t.Error("a handshake without a token was made")
	}
	request.Header.Set("Authorization", "Bearer TOKEN")
	response, err := b.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if b.Chosen != "bearer" || response.Header.Get("Sec-WebSocket-Protocol") != "" || request.Header.Get("Authorization") == "" {
		t.Errorf("chosen %q, and the client sees %v", b.Chosen, response.Header)
	}
}
