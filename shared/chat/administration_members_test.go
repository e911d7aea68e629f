package chat_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"unsend/shared/chat"
)

// manyMembers are n accounts that nobody knows.
func manyMembers(n int) (members []chat.NewMember) {
	for i := range n {
		members = append(members, chat.NewMember{AccountID: fmt.Sprintf("m%03d", i)})
	}
	return members
}

func memberCodes(outcomes []chat.MemberOutcome) map[chat.Code]int {
	n := map[chat.Code]int{}
	for _, o := range outcomes {
		n[chat.CodeOf(o.Err)]++
	}
	return n
}

// Who loses the permission while a hundred are written may not write the rest of them.
func TestRightsAreReadAnewAmongAHundredMembers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var written atomic.Int64
	o.store.After = func(op string) error {
		if op == "ChangeMember" && written.Add(1) == 25 {
			_, err := o.store.ChangeMember(t.Context(), "s1", "admin", chat.Act{At: o.Clock()}, func(m *chat.Member) error { m.Roles = nil; return nil })
			return err
		}
		return nil
	}
	outcomes, err := o.PutMembers(t.Context(), chat.Write{ActingAs: "admin"}, "s1", manyMembers(100))
	if err != nil {
		t.Fatal(err)
	}
	if n := memberCodes(outcomes); n[chat.OK] != 40 || n[chat.Forbidden] != 60 {
		t.Errorf("%v, want what was begun by the reading before: 40", n)
	}
}

// What fails later than the first reading is the matter of those who were not written yet.
func TestAReadingThatFailsAmongAHundredMembers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var readings atomic.Int64
	o.store.Before = func(op string) error {
		if op == "Standing" && readings.Add(1) == 2 {
			return &chat.Error{Code: chat.Busy}
		}
		return nil
	}
	outcomes, err := o.PutMembers(t.Context(), chat.Write{}, "s1", manyMembers(50))
	if err != nil {
		t.Fatal(err)
	}
	if n := memberCodes(outcomes); n[chat.OK] != 30 || n[chat.Busy] != 20 || outcomes[20].Err == nil || outcomes[40].Err != nil {
		t.Errorf("%v, want the second twenty busy", n)
	}
}

// However many join, the server is weighed once, after all of them.
func TestAHundredMembersAreWeighedOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.LargeServer = 50
	weighed := o.store.Calls("Deliveries")
	if _, err := o.PutMembers(t.Context(), chat.Write{}, "s1", manyMembers(60)); err != nil {
		t.Fatal(err)
	}
	deliveries, err := o.store.Deliveries(t.Context(), []string{"s1"})
	if err != nil || !deliveries["s1"].Large || o.store.Calls("Deliveries")-weighed != 2 {
		t.Errorf("%+v, %v, read %d times", deliveries["s1"], err, o.store.Calls("Deliveries")-weighed)
	}
}

// Where the table is slow a scene is read again within those that share it.
func TestASlowTableDoesNotKeepRightsAlive(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var written, now atomic.Int64
	now.Store(1_767_225_600_000)
	o.Clock = func() time.Time { return time.UnixMilli(now.Load()) }
	o.store.After = func(op string) error {
		if op != "ChangeMember" {
			return nil
		}
		now.Add(chat.RightsMaxAge.Milliseconds())
		if written.Add(1) == 1 {
			_, err := o.store.ChangeMember(t.Context(), "s1", "admin", chat.Act{At: o.Clock()}, func(m *chat.Member) error { m.Roles = nil; return nil })
			return err
		}
		return nil
	}
	outcomes, err := o.PutMembers(t.Context(), chat.Write{ActingAs: "admin"}, "s1", manyMembers(20))
	if err != nil {
		t.Fatal(err)
	}
	if n := memberCodes(outcomes); n[chat.OK] > 4 || n[chat.Forbidden] < 16 {
		t.Errorf("%v, want no more than what was under way: 4", n)
	}
}
