package chattest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"unsend/shared/chat"
)

// testMembersAtOnce: twenty callers put ten members each, every account being of two of them, and go on until nothing is busy. Nobody is
// lost, and nobody is counted twice.
func testMembersAtOnce(t *testing.T, store chat.Store) {
	const callers, each = 20, 10
	w := newTown(t, store)
	admin := &chat.Administration{Store: store, Clock: w.clock, LargeServer: callers * each / 4}
	w.check(admin.PutServer(t.Context(), chat.Write{}, "crowd", chat.ServerPolicy{OwnerID: "owner"}))
	accounts := make([]string, callers*each/2)
	for i := range accounts {
		accounts[i] = fmt.Sprintf("m%03d", i)
	}
	mine := func(caller int) (list []string) {
		for i := range each {
			list = append(list, accounts[(caller*each+i)%len(accounts)])
		}
		return list
	}
	is := func(members int, want []string) {
		t.Helper()
		deliveries, err := store.Deliveries(t.Context(), []string{"crowd"})
		w.check(nil, err)
		if d := deliveries["crowd"]; d.Members != members || d.Large != (members > callers*each/4) {
			t.Errorf("%+v, want %d members", d, members)
		}
		if got := w.everyMember(admin, "crowd"); !slices.Equal(got, want) {
			t.Errorf("%d members, want %d", len(got), len(want))
		}
	}
	w.atOnce(callers, mine, func(accounts []string) ([]chat.MemberOutcome, error) {
		var members []chat.NewMember
		for _, account := range accounts {
			members = append(members, chat.NewMember{AccountID: account, Profile: chat.Profile{Nick: account}})
		}
		return admin.PutMembers(t.Context(), chat.Write{}, "crowd", members)
	})
	is(len(accounts)+1, append(slices.Clone(accounts), "owner"))
	w.atOnce(callers, mine, func(accounts []string) ([]chat.MemberOutcome, error) {
		return admin.DeleteMembers(t.Context(), chat.Write{}, "crowd", accounts)
	})
	is(1, []string{"owner"})
}

// atOnce lets callers write their accounts at the same moment, and what was busy again.
func (w *town) atOnce(callers int, mine func(int) []string, write func([]string) ([]chat.MemberOutcome, error)) {
	w.t.Helper()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for left := mine(caller); len(left) > 0; {
				outcomes, err := write(left)
				left = nil
				if err != nil && chat.CodeOf(err) != chat.Busy {
					w.t.Error(err)
					return
				}
				if err != nil {
					left = mine(caller)
				}
				for _, o := range outcomes {
					switch code := chat.CodeOf(o.Err); code {
					case chat.OK:
					case chat.Busy:
						left = append(left, o.AccountID)
					default:
						w.t.Errorf("%s: %v", o.AccountID, o.Err)
					}
				}
			}
		})
	}
	all.Wait()
}

// everyMember reads all members of the server, some at a time.
func (w *town) everyMember(admin *chat.Administration, server string) (accounts []string) {
	w.t.Helper()
	for after := ""; ; {
		page, err := admin.Members(w.t.Context(), server, after, 30)
		w.check(nil, err)
		for _, m := range page.Rows {
			accounts = append(accounts, m.AccountID)
		}
		if after = page.Next; after == "" {
			return accounts
		}
	}
}
