package serverapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"
)

// document is docs/openapi.yaml.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func documented(t *testing.T) routers.Router {
	t.Helper()
	doc := document(t)
	doc.Servers, doc.Security = nil, nil // the test has another host, and no AWS
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// example is a value of the schema with every property in it; a list has one element, or one of each kind.
func example(s *openapi3.Schema) any {
	switch {
	case len(s.AllOf) > 0:
		object := map[string]any{}
		for _, part := range s.AllOf {
			maps.Copy(object, example(part.Value).(map[string]any))
		}
		return object
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		return map[string]any{"key": example(s.AdditionalProperties.Schema.Value)}
	case s.Type.Is("object"):
		object := map[string]any{}
		for name, property := range s.Properties {
			object[name] = example(property.Value)
		}
		return object
	case s.Type.Is("array"):
		kinds := s.Items.Value.OneOf
		if len(kinds) == 0 {
			kinds = openapi3.SchemaRefs{s.Items}
		}
		var list []any
		for _, kind := range kinds {
			list = append(list, example(kind.Value))
		}
		return list
	case s.Type.Is("integer"):
		return 7
	case s.Type.Is("boolean"):
		return true
	}
	return "x"
}

// documentedServer holds requests to the document, and answers them with an example of what it says.
type documentedServer struct {
	t      *testing.T
	router routers.Router

	mu      sync.Mutex
	unknown string         // the request that the document does not have
	body    map[string]any // of the answer
}

func (d *documentedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	route, params, err := d.router.FindRoute(r)
	if err != nil || slices.Contains(slices.Collect(maps.Values(params)), "") {
		d.unknown = r.Method + " " + r.URL.Path
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}); err != nil {
		d.t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, text)
	}
	for status, response := range route.Operation.Responses.Map() {
		code, _ := strconv.Atoi(status)
		if code/100 != 2 {
			continue
		}
		if media := response.Value.Content.Get("application/json"); media != nil {
			d.body, _ = example(media.Schema.Value).(map[string]any)
			w.Header().Set("ETag", `"v7"`)
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(d.body) // the client sees what is missing
			return
		}
		w.WriteHeader(code)
		return
	}
}

// some are the first n of a list.
func some[T any](ctx context.Context, p *Pages[T], n int) (list []T, err error) {
	for item, err := range p.All(ctx, n) {
		if err != nil {
			return list, err
		}
		list = append(list, item)
	}
	return list, nil
}

func first[T any](ctx context.Context, p *Pages[T]) (any, error) { return some(ctx, p, 1) }

func told[T any](do func(func(T)) error) (any, error) {
	var list []T
	err := do(func(each T) { list = append(list, each) })
	return list, err
}

// Each request is one that the document takes, nothing of the answers which it shows is lost, and every field that the
// client has is in one of them.
func TestTheClientIsAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	window := int64(7)
	w := Write{ActingAs: "a"}
	windows, grant := Windows{Own: &window}, Grant{Allow: []string{"AtAll"}}
	nothing := func(err error) (any, error) { return nil, err }
	for name, test := range map[string]struct {
		field string // of the answer, whose list it gives; empty: all
		do    func(context.Context, *Client) (any, error)
	}{
		"server": {"", func(ctx context.Context, c *Client) (any, error) { return c.Server(ctx, "s") }},
		"put server": {"", func(ctx context.Context, c *Client) (any, error) {
			return c.PutServer(ctx, w, "s", ServerPolicy{Owner: "o", Windows: windows})
		}},
		"delete server": {"", func(ctx context.Context, c *Client) (any, error) { return c.DeleteServer(ctx, w, "s") }},
		"role":          {"", func(ctx context.Context, c *Client) (any, error) { return c.Role(ctx, "s", "r") }},
		"put role": {"", func(ctx context.Context, c *Client) (any, error) {
			return c.PutRole(ctx, w, "s", "r", RolePolicy{Priority: 1, Grant: grant, Windows: windows})
		}},
		"delete role": {"", func(ctx context.Context, c *Client) (any, error) { return nothing(c.DeleteRole(ctx, w, "s", "r")) }},
		"channels":    {"channels", func(ctx context.Context, c *Client) (any, error) { return first(ctx, c.Channels("s")) }},
		"channel":     {"", func(ctx context.Context, c *Client) (any, error) { return c.Channel(ctx, "s", "c") }},
		"put channel": {"", func(ctx context.Context, c *Client) (any, error) {
			return c.PutChannel(ctx, w, "s", "c", ChannelPolicy{ViewMode: "private", Windows: windows})
		}},
		"delete channel": {"", func(ctx context.Context, c *Client) (any, error) { return c.DeleteChannel(ctx, w, "s", "c") }},
		"put role override": {"", func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.PutRoleOverride(ctx, w, "s", "c", "r", grant))
		}},
		"delete role override": {"", func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.DeleteRoleOverride(ctx, w, "s", "c", "r"))
		}},
		"personals":    {"members", func(ctx context.Context, c *Client) (any, error) { return first(ctx, c.Personals("s", "c")) }},
		"personal":     {"", func(ctx context.Context, c *Client) (any, error) { return c.Personal(ctx, "s", "c", "a") }},
		"put override": {"", func(ctx context.Context, c *Client) (any, error) { return c.PutOverride(ctx, w, "s", "c", "a", grant) }},
		"delete override": {"", func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.DeleteOverride(ctx, w, "s", "c", "a"))
		}},
		"permissions": {"", func(ctx context.Context, c *Client) (any, error) { return c.Permissions(ctx, "s", "c", "a") }},
		"listed":      {"accids", func(ctx context.Context, c *Client) (any, error) { return first(ctx, c.Listed("s", "c", WhiteList)) }},
		"put listed": {"", func(ctx context.Context, c *Client) (any, error) {
			return c.PutListed(ctx, w, "s", "c", BlackList, "a")
		}},
		"delete listed": {"", func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.DeleteListed(ctx, w, "s", "c", WhiteList, "a"))
		}},
		"members": {"members", func(ctx context.Context, c *Client) (any, error) { return first(ctx, c.Members("s")) }},
		"bans":    {"members", func(ctx context.Context, c *Client) (any, error) { return first(ctx, c.Bans("s")) }},
		"member":  {"", func(ctx context.Context, c *Client) (any, error) { return c.Member(ctx, "s", "a") }},
		"put member": {"", func(ctx context.Context, c *Client) (any, error) {
			return c.PutMember(ctx, w, "s", "a", Profile{Nick: "n"})
		}},
		"delete member": {"", func(ctx context.Context, c *Client) (any, error) { return nothing(c.DeleteMember(ctx, w, "s", "a")) }},
		"put members": {"results", func(ctx context.Context, c *Client) (any, error) {
			return told(func(each func(Entry)) error { return c.PutMembers(ctx, w, "s", []NewMember{{Accid: "a"}}, each) })
		}},
		"remove members": {"results", func(ctx context.Context, c *Client) (any, error) {
			return told(func(each func(Entry)) error { return c.RemoveMembers(ctx, w, "s", []string{"a"}, each) })
		}},
		"put ban":    {"", func(ctx context.Context, c *Client) (any, error) { return c.PutBan(ctx, w, "s", "a") }},
		"delete ban": {"", func(ctx context.Context, c *Client) (any, error) { return nothing(c.DeleteBan(ctx, w, "s", "a")) }},
		"servers":    {"servers", func(ctx context.Context, c *Client) (any, error) { return first(ctx, c.ServersOf("a")) }},
		"connections": {"connections", func(ctx context.Context, c *Client) (any, error) {
			return c.Connections(ctx, "a")
		}},
		"disconnect": {"", func(ctx context.Context, c *Client) (any, error) { return nothing(c.Disconnect(ctx, "a", "")) }},
		"disconnect one": {"", func(ctx context.Context, c *Client) (any, error) {
			return nothing(c.Disconnect(ctx, "a", "k"))
		}},
		"send": {"", func(ctx context.Context, c *Client) (any, error) {
			return c.Send(ctx, w, "s", "c", Draft{From: "a", MsgID: "m", MsgBody: "b", MentionAll: true, MentionAccids: []string{"b"}, MentionRoleIDs: []string{"r"}, ReplyTo: &Ref{17, "m"}})
		}},
		"revoke": {"results", func(ctx context.Context, c *Client) (any, error) {
			return told(func(each func(Revoked)) error {
				return c.Revoke(ctx, Write{}, "s", "c", Revocation{Operator: "o", Messages: []Ref{{17, "m"}}, UpdateInfo: UpdateInfo{Postscript: "why"}}, each)
			})
		}},
		"put sweep": {"", func(ctx context.Context, c *Client) (any, error) {
			return c.PutSweep(ctx, Write{}, "s", "id", Sweep{Accid: "a", ChannelID: "c", Since: 17, Operator: "o", UpdateInfo: UpdateInfo{Postscript: "why"}})
		}},
		"jobs":   {"jobs", func(ctx context.Context, c *Client) (any, error) { return first(ctx, c.Jobs("s")) }},
		"resume": {"", func(ctx context.Context, c *Client) (any, error) { return c.Resume(ctx, "s", KindSweep, "id") }},
		"job":    {"", func(ctx context.Context, c *Client) (any, error) { return c.Job(ctx, "s", KindSweep, "id") }},
		"audit":  {"entries", func(ctx context.Context, c *Client) (any, error) { return some(ctx, c.Audit("s", 17, 18), 2) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &documentedServer{t: t, router: documented(t)}
			c, _ := newClient(t, d.ServeHTTP)
			got, err := test.do(t.Context(), c)
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.unknown != "" {
				t.Fatalf("docs/openapi.yaml does not have %s", d.unknown)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != nil {
				checkExample(t, d.body, test.field, got)
			}
		})
	}
}

// checkExample wants the value to be the answer, or the list that is its field.
func checkExample(t *testing.T, body map[string]any, field string, got any) {
	t.Helper()
	var want any = body
	if field != "" {
		want = body[field]
	}
	if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	answers, values := []any{want}, []reflect.Value{reflect.ValueOf(got)}
	if field != "" {
		answers, values = want.([]any), nil
		for _, value := range reflect.ValueOf(got).Seq2() {
			values = append(values, value)
		}
	}
	checkFields(t, answers, values)
}

// checkFields looks at the fields themselves: a value that kept the text of the answer has that as its JSON, whatever its
// fields hold.
func checkFields(t *testing.T, answers []any, values []reflect.Value) {
	t.Helper()
	met := map[string]bool{}
	for i, value := range values {
		answer, _ := answers[i].(map[string]any)
		if value.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(value.Type()) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || !f.IsExported() || name == "-" || name == "etag" {
				continue
			}
			want, there := answer[name]
			met[name] = met[name] || there
			if held := value.FieldByIndex(f.Index); !there && !held.IsZero() {
				t.Errorf("%s is %v, and the answer has none", f.Name, held)
			} else if diff := cmp.Diff(asJSON(t, want), asJSON(t, held.Interface())); there && diff != "" {
				t.Errorf("%s, -want +got\n%s", f.Name, diff)
			}
		}
	}
	for name, there := range met {
		if !there {
			t.Errorf("docs/openapi.yaml has no %s in these answers", name)
		}
	}
}

// asJSON is the value as JSON has it, without the version that the client adds.
func asJSON(t *testing.T, value any) (plain any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &plain)
	}
	if err != nil {
		t.Fatal(err)
	}
	if object, ok := plain.(map[string]any); ok {
		delete(object, "etag")
	}
	return plain
}

// As many go with a request, and are in a page, as the document allows.
func TestTheClientAsksForAsMuchAsItMay(t *testing.T) {
	t.Parallel()
	doc := document(t)
	schemas := doc.Components.Schemas
	most := map[string]uint64{}
	for name, list := range map[string]*openapi3.SchemaRef{
		"members": schemas["MembersWrite"].Value.Properties["members"], "removals": schemas["MembersRemoval"].Value.Properties["accids"],
		"messages": schemas["RevokeWrite"].Value.Properties["messages"],
	} {
		if items := list.Value.MaxItems; items != nil {
			most[name] = *items
		}
	}
	if size := doc.Components.Parameters["Limit"].Value.Schema.Value.Max; size != nil {
		most["page"] = uint64(*size)
	}
	want := map[string]uint64{"members": maxBatch, "removals": maxBatch, "messages": maxBatch, "page": maxPage}
	if diff := cmp.Diff(want, most); diff != "" {
		t.Errorf("the client (-) and docs/openapi.yaml (+)\n%s", diff)
	}
}
