package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdaurl"
	"github.com/go-json-experiment/json"

	"unsend/shared/chat"
	"unsend/shared/edge"
	"unsend/shared/wire"
)

// maxBody bounds the body of a request.
const maxBody = 256 << 10

// requestTimeout bounds a request. A hundred members take about a second, but some ten when twenty callers write members of one
// server at once, as each changes the row that counts them. Lambda ends the function later: see template.yaml.
const requestTimeout = 25 * time.Second

// endpoint serves one method of one resource.
type endpoint struct {
	pattern string   // of net/http, with the method
	query   []string // the parameters that it takes
	serve   func(context.Context, *request) (reply, error)
}

// reply is what an endpoint answers.
type reply struct {
	status  int
	version int64 // of the row, for the ETag; 0: there is none
	body    any   // nil: none
	failed  error // for the log, of a request that was answered in parts: see [edge.FailedPart]
}

// request is one request on its way.
type request struct {
	*http.Request
	inv  *edge.Invocation
	body []byte
}

// newHandler serves the endpoints.
func newHandler(e edge.Edge, endpoints []endpoint) http.Handler {
	mux := http.NewServeMux()
	for _, each := range endpoints {
		mux.Handle(each.pattern, serving(e, each))
	}
	mux.Handle("/", serving(e, endpoint{pattern: "/", serve: func(_ context.Context, r *request) (reply, error) {
		return reply{}, unrouted(mux, r.Request)
	}}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if escaped := r.URL.EscapedPath(); path.Clean(escaped) != escaped { // which the mux would redirect; an id may hold / as %2F
			r.URL.Path, r.URL.RawPath = "/", ""
		}
		mux.ServeHTTP(w, r)
	})
}

// endpoints are all that there are.
func endpoints(admin *chat.Administration, sessions *chat.Sessions) []endpoint {
	return slices.Concat(communities{admin}.endpoints(), accounts{admin, sessions}.endpoints(), audits{admin}.endpoints())
}

// errMethod: the resource is there, and has no such method.
type errMethod struct{ allow []string }

func (errMethod) Error() string { return "method not allowed" }

// unrouted tells a resource that is not there from one that has other methods.
func unrouted(mux *http.ServeMux, r *http.Request) error {
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		return &chat.Error{Code: chat.NotFound, Reason: "no such resource"}
	}
	return errMethod{allow}
}

func serving(e edge.Edge, each endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		in := &request{Request: r, inv: e.Begin(ctx, each.pattern, requestID(ctx))}
		var out reply
		err := edge.Settle(chat.Guard(func() (err error) {
			out, err = in.served(in.inv.Within(ctx), each)
			return err
		}))
		if method, ok := errors.AsType[errMethod](err); ok {
			answerMethod(w, method)
			in.end(ctx, &chat.Error{Code: chat.NotFound})
			return
		}
		answer(w, out, err)
		in.end(ctx, cmp.Or(err, out.failed))
	})
}

// requestID is that of the function URL, for the log outside of Lambda.
func requestID(ctx context.Context) string {
	if event, ok := lambdaurl.RequestFromContext(ctx); ok {
		return event.RequestContext.RequestID
	}
	return ""
}

func (r *request) served(ctx context.Context, each endpoint) (reply, error) {
	if err := r.checkQuery(each.query); err != nil {
		return reply{}, err
	}
	if err := r.readBody(); err != nil {
		return reply{}, err
	}
	return each.serve(ctx, r)
}

// checkQuery: a parameter that is mistyped would not bind a write that it was to bind.
func (r *request) checkQuery(known []string) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return chat.InvalidField("", "the query is malformed")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name):
			return chat.InvalidField("", "the query holds an unknown parameter; known are: "+strings.Join(known, ", "))
		case len(given) > 1:
			return chat.InvalidField(name, "is given twice")
		case given[0] == "":
			return chat.InvalidField(name, "is empty")
		}
	}
	return nil
}

func (r *request) readBody() error {
	if r.Method == http.MethodGet {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return chat.InvalidField("", "the body cannot be read")
	case len(body) > maxBody:
		return errTooLarge
	}
	r.body = body
	return nil
}

var errTooLarge = &chat.Error{Code: chat.TooLong, Reason: "the body is longer than 256 KB"}

// read reads the body, strictly.
func (r *request) read(into any) error { return wire.Strict(r.body, into) }

// empty refuses a body where there is nothing to say.
func (r *request) empty() error {
	if len(r.body) == 0 {
		return nil
	}
	return r.read(&struct{}{})
}

// end logs the request. The ids of one that was malformed may be anything, and are left out.
func (r *request) end(ctx context.Context, err error) {
	if code := chat.CodeOf(err); code != chat.Invalid && code != chat.TooLong {
		for key, id := range map[string]string{
			"account": r.URL.Query().Get(actingAs), "server": r.PathValue(serverID), "channel": r.PathValue(channelID),
		} {
			if chat.CheckID(key, id) == nil {
				r.inv.Add(key, id)
			}
		}
	}
	r.inv.End(ctx, err)
}

// The names in paths and queries.
const (
	serverID  = "server"
	channelID = "channel"
	roleID    = "role"
	accountID = "account"
	actingAs  = "acting_as"
)

// write is under which conditions the request writes.
func (r *request) write() (w chat.Write, err error) {
	w.ActingAs, w.Principal = r.URL.Query().Get(actingAs), r.principal()
	switch none := r.Header.Values("If-None-Match"); {
	case len(none) == 1 && none[0] == "*":
		w.New = true
	case len(none) > 0:
		return w, chat.InvalidField("If-None-Match", "must be *")
	}
	for _, value := range r.Header.Values("If-Match") {
		if value == "*" {
			w.Exists = true
			continue
		}
		for tag := range strings.SplitSeq(value, ",") {
			version, err := parseETag(strings.TrimSpace(tag))
			if err != nil {
				return w, err
			}
			w.Versions = append(w.Versions, version)
		}
	}
	return w, nil
}

// unconditional is the write of several rows, or of what has no version: nothing in it has the one that a condition would name.
func (r *request) unconditional() (chat.Write, error) {
	for _, header := range []string{"If-Match", "If-None-Match"} {
		if len(r.Header.Values(header)) > 0 {
			return chat.Write{}, chat.InvalidField(header, "is for requests about one row")
		}
	}
	return r.write()
}

// number is a parameter that is a whole number, or what it is where it is left out.
func (r *request) number(name string, otherwise int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, chat.InvalidField(name, "is no whole number")
	}
	return n, nil
}

// principal is the ARN of who signed the request; empty outside of a function URL, which lets no other in.
func (r *request) principal() string {
	event, ok := lambdaurl.RequestFromContext(r.Context())
	if !ok || event.RequestContext.Authorizer == nil || event.RequestContext.Authorizer.IAM == nil {
		return ""
	}
	return event.RequestContext.Authorizer.IAM.UserARN
}

func etag(version int64) string { return `"v` + strconv.FormatInt(version, 10) + `"` }

// parseETag is the version that an entity tag names; one that no row has where it is another's, or weak.
func parseETag(tag string) (int64, error) {
	inner, opened := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if !opened || !closed || strings.Contains(inner, `"`) {
		return 0, chat.InvalidField("If-Match", `must be *, or entity tags like "v3"`)
	}
	version, err := strconv.ParseInt(strings.TrimPrefix(inner, "v"), 10, 64)
	if err != nil || etag(version) != tag {
		return -1, nil
	}
	return version, nil
}

func answer(w http.ResponseWriter, out reply, err error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if out.version > 0 {
		h.Set("ETag", etag(out.version))
	}
	if err != nil {
		writeProblem(w, problemOf(err))
		return
	}
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	h.Set("Content-Type", "application/json")
	writeJSON(w, out.status, out.body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body, json.Deterministic(true))
	if err != nil { // only types that JSON cannot hold: a mistake in this package
		panic(err)
	}
	w.WriteHeader(status)
	w.Write(text) // whoever has hung up gets nothing
}
