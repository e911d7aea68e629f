// Package page serves the demo page, clients/web/demo, beside a local stack, and tells it what it shows: the people of the
// sample community, their windows, and tokens for them.
//
// It answers on the loopback address alone, and tells only its own page: what another page in the same browser asks is
// refused. A process on this machine needs no token, as it is the stack's root anyway (see [stack.LocalAccessKey]).
package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
)

const (
	tokenTTL = time.Hour
	// patience bounds one answer, and with [shutdown] the end of the last ones.
	patience = 10 * time.Second
	shutdown = time.Second
)

// firstShown are the people that the page begins with, the sender and the moderator of the demo.
var firstShown = []string{"alice", "bob"}

// scene is what the page shows.
type scene struct {
	deployment *deployment.Deployment
	windows    chat.Windows // the deployment's own
	community  seed.Server
}

// Server serves the page.
type Server struct {
	origin  string
	scene   atomic.Pointer[scene]
	http    http.Server
	serving chan struct{} // closed at its end
}

// Start serves the files of a folder on a free port of the loopback address. There is nothing to show until [Server.Show].
func Start(folder string) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port for the demo page: %w", err)
	}
	s := &Server{origin: "http://" + listener.Addr().String(), serving: make(chan struct{})}
	s.http = http.Server{Handler: s.handler(folder), ReadTimeout: patience, WriteTimeout: 2 * patience, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(s.serving)
		_ = s.http.Serve(listener) // until Close
	}()
	return s, nil
}

// Origin is where the page is, without a slash at its end.
func (s *Server) Origin() string { return s.origin }

// Show has the page, when it is loaded next, show a community of the stack that the file describes. The windows are the
// deployment's own.
func (s *Server) Show(ctx context.Context, stackFile string, windows chat.Windows, community seed.Server) error {
	found, err := deployment.Find(ctx, deployment.Choice{File: stackFile})
	if err != nil {
		return err
	}
	if !found.Local() {
		return errors.New("the demo page gets tokens for a local stack only")
	}
	s.scene.Store(&scene{found, windows, community})
	return nil
}

// Close ends it.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdown)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.serving
	return err
}

func (s *Server) handler(folder string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir(folder)))
	mux.HandleFunc("GET /demo.json", s.own(s.getScene))
	mux.HandleFunc("POST /token", s.own(s.postToken))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page whose own name resolves to this machine still sends that name.
		if "http://"+r.Host != s.origin {
			http.Error(w, "Host is not this page", http.StatusForbidden)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})
}

// own refuses what another page asks. Browsers say where a request comes from, and pages cannot keep them from it.
func (s *Server) own(answer func(ctx context.Context, shown *scene, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
		if (origin != "" && origin != s.origin) || !slices.Contains([]string{"", "none", "same-origin"}, site) {
			http.Error(w, "another page asks", http.StatusForbidden)
			return
		}
		shown := s.scene.Load()
		if shown == nil {
			http.Error(w, "the stack is not up yet", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
		var told any
		if err == nil {
			told, err = answer(ctx, shown, body)
		}
		if err != nil {
			http.Error(w, err.Error(), statusOf(err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(told) // the page has gone away
	}
}

// refusal is of a request that is not as it must be.
type refusal string

func (r refusal) Error() string { return string(r) }

func statusOf(err error) int {
	var large *http.MaxBytesError
	if _, refused := errors.AsType[refusal](err); refused || errors.As(err, &large) {
		return http.StatusBadRequest
	}
	return http.StatusBadGateway // the stack did not answer as it should
}

// windowsBody is for how long an account may take messages of a channel back; see clients/web/demo/src/scene.ts.
type windowsBody struct {
	Own    chat.Window  `json:"own"`
	Others *chat.Window `json:"others,omitempty"`
}

type personBody struct {
	Accid   string                 `json:"accid"`
	Nick    string                 `json:"nick"`
	Owner   bool                   `json:"owner,omitempty"`
	Banned  bool                   `json:"banned,omitempty"`
	Windows map[string]windowsBody `json:"windows"` // by channel, those that the account sees
}

type sceneBody struct {
	URL      string       `json:"url"`
	Server   string       `json:"server"`
	Channels []string     `json:"channels"` // in their order
	People   []personBody `json:"people"`
}

func (s *Server) getScene(ctx context.Context, shown *scene, _ []byte) (any, error) {
	body := sceneBody{URL: shown.deployment.WebSocketURL, Server: shown.community.ID.Value}
	for _, channel := range shown.community.Channels {
		body.Channels = append(body.Channels, channel.ID.Value)
	}
	for _, member := range shown.members() {
		person := personBody{Accid: member.Account.Value, Nick: member.Nick}
		if err := shown.describe(ctx, &person); err != nil {
			return nil, err
		}
		body.People = append(body.People, person)
	}
	return body, nil
}

// members are those of the community, with the ones that the page begins with in front.
func (s *scene) members() []seed.Member {
	rank := func(m seed.Member) int {
		if i := slices.Index(firstShown, m.Account.Value); i >= 0 {
			return i
		}
		return len(firstShown)
	}
	return slices.SortedStableFunc(slices.Values(s.community.Members), func(a, b seed.Member) int { return rank(a) - rank(b) })
}

// describe reads what the account may do now, as the functions do that decide.
func (s *scene) describe(ctx context.Context, person *personBody) error {
	admin := chat.Administration{Store: s.deployment.Store(), Clock: time.Now}
	person.Windows = map[string]windowsBody{}
	for _, channel := range s.community.Channels {
		standing, err := admin.Effective(ctx, s.community.ID.Value, channel.ID.Value, person.Accid)
		if err != nil {
			return fmt.Errorf("read what %s may do in %s: %w", person.Accid, channel.ID.Value, err)
		}
		person.Owner, person.Banned = standing.IsOwner(), standing.Member.Banned
		if !standing.CanSee() {
			continue
		}
		windows := windowsBody{Own: standing.OwnWindow(s.windows)}
		if standing.May(chat.RevokeMemberMessage) {
			others := standing.ModeratorWindow(s.windows)
			windows.Others = &others
		}
		person.Windows[channel.ID.Value] = windows
	}
	return nil
}

// postToken makes a token for one of the people that are shown.
func (s *Server) postToken(ctx context.Context, shown *scene, body []byte) (any, error) {
	var asked struct {
		Accid string `json:"accid"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, refusal("the body is no JSON with an accid")
	}
	if !slices.ContainsFunc(shown.community.Members, func(m seed.Member) bool { return m.Account.Value == asked.Accid }) {
		return nil, refusal("the sample community has no such member")
	}
	made, err := shown.deployment.Token(ctx, deployment.Grant{Account: asked.Accid, TTL: shown.deployment.LongestTTL(tokenTTL)})
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	return struct {
		Token string `json:"token"`
	}{made}, nil
}
