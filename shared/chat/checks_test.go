package chat_test

import (
	"slices"
	"strings"
	"testing"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

func TestHostileIDsAreNone(t *testing.T) {
	t.Parallel()
	for name, id := range chattest.HostileIDs() {
		err := chat.CheckID("server_id", id)
		if e := chat.AsError(err); err == nil || e.Code != chat.Invalid || e.Field != "server_id" || len(id) > 4 && strings.Contains(err.Error(), id) {
			t.Errorf("%s: %v", name, err)
		}
		if chat.CheckRoleID("role_id", id) == nil {
			t.Errorf("%s is a role", name)
		}
	}
}

// What only looks odd is an id, and another id than what it looks like.
func TestOddIDsAreIDs(t *testing.T) {
	t.Parallel()
	ids := chattest.OddIDs()
	for _, id := range ids {
		if err := chat.CheckID("server_id", id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	slices.Sort(ids)
	if different := slices.Compact(slices.Clone(ids)); len(different) != len(ids) {
		t.Errorf("%d ids are %d", len(ids), len(different))
	}
}
