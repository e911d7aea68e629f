package releasetest_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"unsend/shared/releasetest"
)

func TestOnlyWhatIsNewMayDiffer(t *testing.T) {
	t.Parallel()
	const before = `{"a":1,"in":{"b":"x","list":[{"c":true},{"c":false}]}}`
	for now, want := range map[string][]string{
		before: nil,
		`{"a":1,"new":2,"in":{"b":"x","new":2,"list":[{"c":true,"new":2},{"c":false}]}}`: nil,
		`{"a":"1","in":{"b":"x","list":[{"c":true},{"c":false}]}}`:                       {"/a: 1 became 1"},
		`{"a":1,"in":{"list":[{"c":true},{}]}}`:                                          {"/in/b: x became <nil>", "/in/list/1/c: false became <nil>"},
		`{"a":1,"in":{"b":"x","list":[{"c":true}]}}`:                                     {"/in/list: [map[c:true] map[c:false]] became [map[c:true]]"},
		`{"a":1}`: {"/in/b: x became <nil>", "/in/list: [map[c:true] map[c:false]] became <nil>"},
	} {
		if d := cmp.Diff(want, releasetest.Lost(parsed(t, before), parsed(t, now))); d != "" {
			t.Errorf("%s\n-want +got\n%s", now, d)
		}
	}
}

func parsed(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
