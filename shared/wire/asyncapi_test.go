package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"unsend/shared/chat"
)

const documentFile = "../../docs/asyncapi.yaml"

type object = map[string]any

// document is docs/asyncapi.yaml as JSON has it.
var document = sync.OnceValue(func() object {
	text, err := os.ReadFile(documentFile)
	if err != nil {
		panic(err)
	}
	var parsed any
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		panic(err)
	}
	encoded, err := json.Marshal(parsed)
	if err != nil {
		panic(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
	if err != nil {
		panic(err)
	}
	return value.(object)
})

// schemas are the document's. What they do not name is forbidden here, where clients are to pass over it.
var schemas = sync.OnceValue(func() map[string]*jsonschema.Schema {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	if err := compiler.AddResource("asyncapi.json", strict(document())); err != nil {
		panic(err)
	}
	compiled := map[string]*jsonschema.Schema{}
	for name := range described() {
		compiled[name] = compiler.MustCompile("asyncapi.json#/components/schemas/" + name)
	}
	return compiled
})

// strict is the value with every object closed.
func strict(value any) any {
	switch value := value.(type) {
	case object:
		closed := object{}
		for name, each := range value {
			closed[name] = strict(each)
		}
		if _, ok := closed["properties"].(object); ok && closed["additionalProperties"] == nil {
			closed["additionalProperties"] = false
		}
		return closed
	case []any:
		closed := make([]any, len(value))
		for i, each := range value {
			closed[i] = strict(each)
		}
		return closed
	}
	return value
}

// described are the schemas as they stand there.
func described() object { return document()["components"].(object)["schemas"].(object) }

// resolved follows a $ref, and gives the name of the schema that it leads to.
func resolved(name string, schema object) (string, object) {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return name, schema
	}
	name = strings.TrimPrefix(ref, "#/components/schemas/")
	return name, described()[name].(object)
}

func upper(action string) string { return strings.ToUpper(action[:1]) + action[1:] }

// conforms tells whether a frame is what the schema says.
func conforms(t *testing.T, name, frame string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(frame))
	if err != nil {
		t.Fatalf("%v: %s", err, frame)
	}
	return schemas()[name].Validate(value)
}

// met notes which fields of the schema a frame has, as "Schema.field".
type met map[string]bool

func (m met) frame(t *testing.T, name, frame string) {
	t.Helper()
	if err := conforms(t, name, frame); err != nil {
		t.Errorf("%s is not as documented: %v\n%s", name, err, frame)
		return
	}
	value, _ := jsonschema.UnmarshalJSON(strings.NewReader(frame))
	m.value(name, described()[name].(object), value)
}

func (m met) value(name string, schema object, value any) {
	name, schema = resolved(name, schema)
	for _, keyword := range []string{"anyOf", "allOf"} {
		for _, each := range list(schema[keyword]) {
			if one, _ := resolved("", each.(object)); one == "" || schemas()[one].Validate(value) == nil {
				m.value(name, each.(object), value)
			}
		}
	}
	switch value := value.(type) {
	case []any:
		for _, each := range value {
			if items, ok := schema["items"].(object); ok {
				m.value(name, items, each)
			}
		}
	case object:
		properties, _ := schema["properties"].(object)
		for field, each := range value {
			if property, ok := properties[field].(object); ok {
				m[name+"."+field] = true
				m.value(name+"."+field, property, each)
			}
		}
	}
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

// answers are real frames of every kind that the server sends, by the name of their schema.
func answers(t *testing.T) map[string][]string {
	t.Helper()
	full := sample()
	gone := revoked(full)
	gone.Revocation.Info = chat.UpdateInfo{Postscript: "p", Extension: "e", PushContent: "c", PushPayload: "y"}
	ref := chat.MessageRef{Timestamp: 5, MsgServerID: "i"}
	update := chat.Update{MessageKey: gone.MessageKey, Version: 2, UpdatedAt: 9, Revocation: *gone.Revocation}
	results := map[string][]Result{
		Send:        {{Message: &full}, {Message: &gone}},
		Revoke:      {{Message: &gone}},
		RevokeBatch: {{Revoked: []chat.RevokeOutcome{{MessageRef: ref, Message: gone}, {MessageRef: ref, Err: &chat.Error{Code: chat.Busy}}}}},
		History:     {{Page: &chat.HistoryPage{}}, {Page: &chat.HistoryPage{Messages: []chat.Message{full, gone}, Next: &ref}}},
		Sync: {
			{Sync: &chat.SyncPage{Access: map[string]string{}, Mode: chat.ToAll}},
			{Sync: &chat.SyncPage{Updates: []chat.Update{update}, Next: update.Ref(), More: true}},
			{Sync: &chat.SyncPage{Access: map[string]string{"c1": "stamp"}, Mode: chat.ToBoth, Reset: true}},
		},
		Subscribe:   {{Subscribed: []chat.Subscribed{{ChannelID: "c1"}, {ChannelID: "c2", Err: &chat.Error{Code: chat.Forbidden}}}}},
		Unsubscribe: {{Subscribed: []chat.Subscribed{{ChannelID: "c1"}, {ChannelID: "c2", Err: errors.New("x")}}}},
		Ping:        {{ServerTime: 5}},
	}
	frames := map[string][]string{}
	for action, all := range results {
		for _, result := range all {
			text, err := Answer(action, "7", result)
			if err != nil {
				t.Fatal(err)
			}
			frames[upper(action)+"Answer"] = append(frames[upper(action)+"Answer"], text)
		}
	}
	for _, action := range append(slices.Clone(Actions), Default) {
		for _, code := range refusals() {
			frames["Refusal"] = append(frames["Refusal"], Refusal(action, "", &chat.Error{Code: code}), Refusal(action, "7", &chat.Error{Code: code, Field: "msg_body"}))
		}
	}
	notices, err := EncodeNotices([]chat.Notice{{Event: chat.MessageReceived, Message: full}, {Event: chat.MessageUpdated, Message: gone, Subscribed: true}})
	if err != nil {
		t.Fatal(err)
	}
	frames["Notices"] = []string{string(notices[0])}
	return frames
}

// refusals are the codes that a frame is refused with: 417 is for a device that connects twice at once.
func refusals() []chat.Code {
	return slices.DeleteFunc(slices.Clone(chat.Codes), func(c chat.Code) bool { return c == chat.OK || c == chat.Repeated })
}

// What the server sends is as documented, and all that is documented occurs.
func TestTheDocumentHasWhatTheServerSends(t *testing.T) {
	t.Parallel()
	seen := met{}
	for name, frames := range answers(t) {
		for _, frame := range frames {
			seen.frame(t, name, frame)
		}
	}
	requests := map[string]bool{"GatewayFailure": true} // API Gateway's own, and not ours to make
	for action := range requestTypes {
		requests[upper(action)] = true
	}
	for name, schema := range described() {
		properties, _ := schema.(object)["properties"].(object)
		for field := range properties {
			if !requests[name] && !seen[name+"."+field] {
				t.Errorf("%s.%s is documented, and no frame has it", name, field)
			}
		}
	}
}

// requestTypes are what requests are read into.
var requestTypes = map[string]any{
	Send: sendMembers{}, Revoke: revokeMembers{}, RevokeBatch: revokeBatchMembers{}, History: historyMembers{}, Sync: syncMembers{},
	Subscribe: subscribeMembers{}, Unsubscribe: subscribeMembers{}, Ping: pingMembers{},
}

// The fields that are read are those that are documented, with the types that they are read as.
func TestTheDocumentHasWhatTheServerReads(t *testing.T) {
	t.Parallel()
	if documented, read := slices.Sorted(maps.Keys(document()["operations"].(object))), append(slices.Clone(Actions), "notify"); !slices.Equal(documented, sorted(read)) {
		t.Errorf("documented operations %v, want %v", documented, read)
	}
	for action, members := range requestTypes {
		sameFields(t, upper(action), described()[upper(action)].(object), reflect.TypeOf(members))
	}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

func sameFields(t *testing.T, name string, schema object, read reflect.Type) {
	t.Helper()
	for read.Kind() == reflect.Pointer {
		read = read.Elem()
	}
	name, schema = resolved(name, schema)
	for _, each := range list(schema["allOf"]) {
		_, schema = resolved(name, each.(object))
	}
	kinds := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Int64: "integer", reflect.Bool: "boolean", reflect.Slice: "array", reflect.Struct: "object"}
	if documented, named := schema["type"].(string); named && documented != kinds[read.Kind()] {
		t.Errorf("%s is documented as %s, and read as %s", name, documented, read)
	}
	switch read.Kind() {
	case reflect.Slice:
		sameFields(t, name, schema["items"].(object), read.Elem())
	case reflect.Struct:
		properties := schema["properties"].(object)
		fields := map[string]reflect.Type{}
		for _, field := range reflect.VisibleFields(read) {
			if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
				fields[tag] = field.Type
			}
		}
		if documented, known := slices.Sorted(maps.Keys(properties)), slices.Sorted(maps.Keys(fields)); !slices.Equal(documented, known) {
			t.Errorf("%s: documented %v, read %v", name, documented, known)
			return
		}
		for tag, field := range fields {
			sameFields(t, name+"."+tag, properties[tag].(object), field)
		}
	}
}

// A request of every field, and one of the required fields alone, is read; one without a required field is refused; and what was
// read is, written again, as documented.
func TestDocumentedRequestsAreRead(t *testing.T) {
	t.Parallel()
	values := object{"timestamp": 5, "cursor": map[string]string{
		History: formatCursor(&chat.MessageRef{Timestamp: 1, MsgServerID: "x"}), Sync: formatUpdateCursor(chat.UpdateRef{UpdatedAt: 7}),
	}}
	for action := range requestTypes {
		name := upper(action)
		schema := described()[name].(object)
		whole := made(name, schema, action, values).(object)
		if action == History {
			delete(whole, "timestamp") // excludes cursor
		}
		least := object{}
		for _, field := range list(schema["required"]) {
			least[field.(string)] = whole[field.(string)]
			if field := field.(string); field != "messages" && field != "channel_ids" { // for the service to miss
				without := maps.Clone(whole)
				delete(without, field)
				if _, err := decoders[action](text(t, without)); err == nil || conforms(t, name, text(t, without)) == nil {
					t.Errorf("%s without %s: %v", action, field, err)
				}
			}
		}
		for _, request := range []object{whole, least} {
			frame, err := decoders[action](text(t, request))
			if err != nil || conforms(t, name, text(t, request)) != nil {
				t.Errorf("%s: %v, %v", text(t, request), err, conforms(t, name, text(t, request)))
				continue
			}
			frame.RequestID = "7"
			if again := withoutNulls(t, reencode(t, action, frame)); conforms(t, name, again) != nil {
				t.Errorf("%v: %s", conforms(t, name, again), again)
			}
		}
		whole["another"] = 1
		if _, err := decoders[action](text(t, whole)); err == nil || conforms(t, name, text(t, whole)) == nil {
			t.Errorf("%s with an unknown field: %v", action, err)
		}
	}
}

// withoutNulls is the frame without members that are null, which are not given.
func withoutNulls(t *testing.T, frame string) string {
	t.Helper()
	var members object
	if err := json.Unmarshal([]byte(frame), &members); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	return text(t, members)
}

// made is a value of the schema, with every field.
func made(name string, schema object, action string, values object) any {
	name, schema = resolved(name, schema)
	if all := list(schema["allOf"]); len(all) > 0 {
		return made(name, all[0].(object), action, values)
	}
	if known, ok := values["cursor"].(map[string]string)[action]; ok && strings.HasSuffix(name, ".cursor") {
		return known
	}
	if constant, ok := schema["const"]; ok {
		return constant
	}
	if enum := list(schema["enum"]); len(enum) > 0 {
		return enum[len(enum)-1]
	}
	switch schema["type"] {
	case "object":
		value := object{}
		for field, property := range schema["properties"].(object) {
			value[field] = made(name+"."+field, property.(object), action, values)
		}
		return value
	case "array":
		return []any{made(name, schema["items"].(object), action, values)}
	case "integer":
		return values["timestamp"]
	case "boolean":
		return true
	default:
		return "x"
	}
}

func text(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// limits are the numbers of the document, by the field or schema that has them.
var limits = map[string]map[string]int{
	"Id":               {"x-max-bytes": chat.MaxIDBytes, "minLength": 1},
	"RoleId":           {"x-max-bytes": chat.MaxRoleIDBytes, "minLength": 1},
	"Time":             {"maximum": chat.MaxTimestamp, "minimum": 0},
	"Version":          {"minimum": 1},
	"status":           {"minimum": 0},
	"from_nick":        {"x-max-bytes": chat.MaxNickBytes},
	"operator_nick":    {"x-max-bytes": chat.MaxNickBytes},
	"msg_body":         {"maxLength": chat.MaxBodyChars, "x-max-bytes": chat.MaxBodyBytes},
	"msg_attach":       {"x-max-bytes": chat.MaxAttachBytes},
	"msg_ext":          {"x-max-bytes": chat.MaxExtBytes},
	"mention_accids":   {"maxItems": chat.MaxMentions},
	"mention_role_ids": {"maxItems": chat.MaxMentions},
	"postscript":       {"maxLength": chat.MaxPostscriptChars},
	"extension":        {"x-max-bytes": chat.MaxExtensionBytes},
	"push_content":     {"maxLength": chat.MaxPushContentChars},
	"push_payload":     {"x-max-bytes": chat.MaxPushPayloadBytes},
	"limit":            {"minimum": 1, "maximum": chat.MaxHistoryPage, "default": chat.DefaultHistoryPage},
	"cursor":           {"minLength": 1},
	"next":             {"minLength": 1},
	"access":           {"maxProperties": chat.MaxChannelsPerServer},
	"channel_ids":      {"minItems": 1, "maxItems": chat.MaxChannelsPerFrame},
	"channels":         {"minItems": 1, "maxItems": chat.MaxChannelsPerFrame},
	"results":          {"minItems": 1, "maxItems": chat.MaxMessagesPerFrame},
	"notices":          {"minItems": 1},

	"RevokeBatch.messages":   {"minItems": 1, "maxItems": chat.MaxMessagesPerFrame},
	"HistoryAnswer.messages": {"maxItems": chat.MaxHistoryPage},
}

func TestTheDocumentsLimitsAreTheServices(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for name, schema := range described() {
		checkLimits(t, name, schema.(object), used)
	}
	for name := range limits {
		if !used[name] {
			t.Errorf("%s has no limits in the document", name)
		}
	}
	about := document()["info"].(object)["description"].(string)
	for _, want := range []string{
		fmt.Sprintf("A request is at most %d bytes, an answer or a frame of notices at most %d.", MaxRequest, MaxFrame),
		fmt.Sprintf("Ids are strings of at most %d bytes", chat.MaxIDBytes), fmt.Sprintf("20 frames in %.0f s", chat.FrameWindow.Seconds()),
	} {
		if !strings.Contains(about, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
}

func checkLimits(t *testing.T, path string, schema object, used map[string]bool) {
	t.Helper()
	name := path
	if _, ok := limits[path]; !ok {
		name = path[strings.LastIndex(path, ".")+1:]
	}
	got := map[string]int{}
	for _, keyword := range []string{"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "maxProperties", "x-max-bytes", "default"} {
		if n, err := strconv.Atoi(fmt.Sprint(schema[keyword])); err == nil {
			got[keyword] = n
		}
	}
	if len(got) > 0 {
		used[name] = true
		if !maps.Equal(got, limits[name]) {
			t.Errorf("%s documents %v, want %v", path, got, limits[name])
		}
	}
	properties, _ := schema["properties"].(object)
	for field, property := range properties {
		checkLimits(t, path+"."+field, property.(object), used)
	}
}

func TestTheDocumentsCodesAndNamesAreTheServices(t *testing.T) {
	t.Parallel()
	code := described()["Code"].(object)
	var retryable []chat.Code
	for _, c := range refusals() {
		if c.Retryable() {
			retryable = append(retryable, c)
		}
		if !strings.Contains(code["description"].(string), fmt.Sprintf("%d ", c)) {
			t.Errorf("%d is not explained", c)
		}
	}
	var clientTypes []int
	for c := range 100 {
		if c == 0 || chat.ClientType(c).Known() {
			clientTypes = append(clientTypes, c)
		}
	}
	property := func(schema, field string) any {
		return described()[schema].(object)["properties"].(object)[field].(object)["enum"]
	}
	for what, names := range map[string][2]any{
		"codes":        {code["enum"], refusals()},
		"retryable":    {code["x-retryable"], retryable},
		"client types": {described()["ClientType"].(object)["enum"], clientTypes},
		"delivery":     {property("SyncAnswer", "delivery"), []chat.Mode{chat.ToAll, chat.ToBoth, chat.ToSubscribers}},
		"actions":      {property("Refusal", "action"), append(slices.Clone(Actions), Default)},
		"direction":    {property("History", "direction"), []string{"older", "newer"}},
		"reasons":      {property("Message", "notify_reason"), []int{notifiedAll, notifiedSubscribers}},
	} {
		if fmt.Sprint(names[0]) != fmt.Sprint(names[1]) {
			t.Errorf("%s: documented %v, want %v", what, names[0], names[1])
		}
	}
}

// The README's frames are as documented, but for the request that is refused there.
func TestTheFramesOfTheREADMEAreAsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```frames\n")
	block, _, _ = strings.Cut(block, "```")
	checked := 0
	var asked error // what is wrong with the last request
	for line := range strings.Lines(block) {
		direction, frame, _ := strings.Cut(strings.TrimSpace(line), " ")
		if direction == "" {
			continue
		}
		checked++
		var h struct {
			Action string `json:"action"`
			Code   int    `json:"res_code"`
		}
		if err := json.Unmarshal([]byte(frame), &h); err != nil {
			t.Fatal(err)
		}
		switch {
		case direction == "->":
			asked = conforms(t, upper(h.Action), frame)
		case direction == "<=":
			asked = errors.Join(asked, conforms(t, "Notices", frame))
		case h.Code == int(chat.OK):
			asked = errors.Join(asked, conforms(t, upper(h.Action)+"Answer", frame))
		case asked == nil:
			t.Errorf("refused, though as documented: %s", frame)
		default:
			asked = conforms(t, "Refusal", frame)
		}
		if direction != "->" && asked != nil {
			t.Errorf("%v\n%s", asked, frame)
		}
	}
	if checked < 10 {
		t.Errorf("only %d frames were found", checked)
	}
}
