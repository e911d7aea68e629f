package wire

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"unsend/shared/chat"
)

// Frame is a request as it came in.
type Frame[R any] struct {
	// RequestID is repeated in the answer; empty where none was given. It is set
	// when the rest was refused, too, if it could be read.
	RequestID string
	Request   R
}

// wholeFrame is the field of what is wrong with the frame as a whole.
const wholeFrame = "frame"

// members is a frame of one action, as JSON has it.
type members[R any] interface {
	envelope() head
	request() (R, error)
}

// head is what every frame holds.
type head struct {
	Action    *string `json:"action"`
	RequestID *string `json:"request_id"`
}

func (h head) requestID() string {
	if h.RequestID == nil {
		return ""
	}
	return *h.RequestID
}

func decode[R any](body, action string, into members[R]) (Frame[R], error) {
	request, err := parse(body, action, into)
	if err != nil {
		return Frame[R]{RequestID: findRequestID(body)}, err
	}
	return Frame[R]{RequestID: into.envelope().requestID(), Request: request}, nil
}

func parse[R any](body, action string, into members[R]) (request R, err error) {
	if err := checkSize(body); err != nil {
		return request, err
	}
	if err := json.Unmarshal([]byte(body), into, json.RejectUnknownMembers(true)); err != nil {
		return request, refuse(err)
	}
	if err := into.envelope().check(action); err != nil {
		return request, err
	}
	return into.request()
}

// Strict reads a JSON object that is no frame as strictly as frames are read: into is a pointer to a struct. Of what is wrong
// with the object as a whole the field is empty.
//
// Errors: Invalid.
func Strict(body []byte, into any) error {
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	refusal := chat.AsError(refuse(err))
	if refusal.Field == wholeFrame {
		refusal.Field = ""
	}
	return refusal
}

func checkSize(body string) error {
	if len(body) > MaxRequest {
		return chat.LongerThan(wholeFrame, MaxRequest, "bytes")
	}
	return nil
}

func (h head) check(action string) error {
	named, err := required("action", h.Action)
	if err != nil {
		return err
	}
	if named != action {
		return chat.InvalidField("action", "is not the one of this route")
	}
	if id := h.requestID(); id != "" {
		return chat.CheckID("request_id", id)
	}
	return nil
}

// findRequestID looks for the request id of a frame that was refused, reading
// as far as it is JSON; empty when there is none that may be repeated.
func findRequestID(body string) string {
	d := jsontext.NewDecoder(strings.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return ""
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return ""
		}
		if name.String() == "request_id" {
			return usableRequestID(d)
		}
		if d.SkipValue() != nil {
			return ""
		}
	}
	return ""
}

func usableRequestID(d *jsontext.Decoder) string {
	t, err := d.ReadToken()
	if err != nil || t.Kind() != '"' || chat.CheckID("request_id", t.String()) != nil {
		return ""
	}
	return t.String()
}

// refuse turns an error of the JSON package, which may hold parts of the frame,
// into one that holds none.
func refuse(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return refuseSyntax(e)
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return refuseMeaning(e)
	}
	return chat.InvalidField(wholeFrame, "is not valid JSON") // an end in mid-air
}

func refuseSyntax(e *jsontext.SyntacticError) error {
	field, whole := fieldOf(e.JSONPointer)
	switch {
	case !errors.Is(e.Err, jsontext.ErrDuplicateName):
		return chat.InvalidField(field, "is not valid JSON")
	case whole:
		return chat.InvalidField(field, "is given twice")
	default:
		return chat.InvalidField(field, "holds a field twice")
	}
}

func refuseMeaning(e *json.SemanticError) error {
	field, whole := fieldOf(e.JSONPointer)
	switch {
	case errors.Is(e.Err, json.ErrUnknownName) && whole:
		return chat.InvalidField(field, "is unknown")
	case errors.Is(e.Err, json.ErrUnknownName):
		return chat.InvalidField(field, "holds an unknown field")
	case field == wholeFrame:
		return chat.InvalidField(field, "is no JSON object")
	case e.JSONKind == '0' && isInteger(e.GoType):
		return chat.InvalidField(field, "is no whole number that fits")
	default:
		return chat.InvalidField(field, "has the wrong type")
	}
}

func isInteger(t reflect.Type) bool {
	return t != nil && slices.Contains([]reflect.Kind{reflect.Int, reflect.Int64}, t.Kind())
}

// fieldName is the form of the protocol's names. What does not have it may be
// anything and is not repeated.
var fieldName = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// arrayIndex: an element is blamed on its list.
var arrayIndex = regexp.MustCompile(`^[0-9]+$`)

// fieldOf is the dotted name that a JSON pointer leads to, as far as it may be
// repeated; whole tells whether that is all of it.
func fieldOf(pointer jsontext.Pointer) (field string, whole bool) {
	var names []string
	for token := range pointer.Tokens() {
		if arrayIndex.MatchString(token) {
			continue
		}
		if !fieldName.MatchString(token) || len(names) == 2 { // no request nests deeper
			return joined(names), false
		}
		names = append(names, token)
	}
	return joined(names), true
}

func joined(names []string) string {
	if len(names) == 0 {
		return wholeFrame
	}
	return strings.Join(names, ".")
}

// required gives the value of a member that must be there.
func required[T any](field string, value *T) (T, error) {
	if value == nil {
		var none T
		return none, chat.InvalidField(field, "is missing")
	}
	return *value, nil
}

// optional gives the value of a member, or its type's zero value.
func optional[T any](value *T) T {
	if value == nil {
		var none T
		return none
	}
	return *value
}
