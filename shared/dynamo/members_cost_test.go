package dynamo_test

import (
	"fmt"
	"slices"
	"testing"

	"unsend/shared/chat"
	"unsend/shared/dynamo/meter"
)

// A hundred members share the reading of the scene and the weighing of the server; four are under way at a time.
func TestCostOfMembersByTheHundred(t *testing.T) {
	m := newMetered(t)
	admin := chat.Administration{Store: m.store, Clock: m.clock, LargeServer: 2000}
	put := func(write func(members []chat.NewMember) ([]chat.MemberOutcome, error), members []chat.NewMember) {
		m.metering(func() {
			outcomes, err := write(members)
			must(m.T)(outcomes, err)
			for _, o := range outcomes {
				must(m.T)(o, o.Err)
			}
		})
	}
	join := func(members []chat.NewMember) ([]chat.MemberOutcome, error) {
		return admin.PutMembers(m.Context(), chat.Write{}, "s1", members)
	}
	leave := func(members []chat.NewMember) ([]chat.MemberOutcome, error) {
		var accounts []string
		for _, each := range members {
			accounts = append(accounts, each.AccountID)
		}
		return admin.DeleteMembers(m.Context(), chat.Write{}, "s1", accounts)
	}
	for _, n := range []int{1, 4, 40} {
		var members []chat.NewMember
		for i := range n {
			account := fmt.Sprintf("of%d-%d", n, i)
			members = append(members, chat.NewMember{AccountID: account, Profile: chat.Profile{Nick: account}})
			m.joins(account, "elsewhere") // an account's first server makes the row that counts them
		}
		rounds := (n + 3) / 4
		// Each: the row, its transaction (member, change, the account's list, two counts), the account's connections.
		each := slices.Concat(slices.Repeat([]string{"GetItem"}, n), slices.Repeat([]string{transact}, n), slices.Repeat([]string{query}, n))
		put(join, members)
		m.cost(1+3*rounds+1, meter.Units{Read: 2 + 2*float64(n), Write: 10 * float64(n)}, append([]string{batchGet, batchGet}, each...)...)
		put(join, members) // again: nothing to write
		m.cost(1+2*rounds+1, meter.Units{Read: 2 + 2*float64(n)}, append([]string{batchGet, batchGet}, slices.Concat(slices.Repeat([]string{"GetItem"}, n), slices.Repeat([]string{query}, n))...)...)
		put(leave, members)
		m.cost(1+3*rounds+1, meter.Units{Read: 2 + 2*float64(n), Write: 10 * float64(n)}, append([]string{batchGet, batchGet}, each...)...)
	}
}
