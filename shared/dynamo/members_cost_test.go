package dynamo_test

import (
	"fmt"
	"slices"
	"testing"

	"unsend/shared/chat"
	"unsend/shared/dynamo/meter"
)

// A hundred members share the weighing of the server, and twenty the reading of the scene; four are under way at a time.
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
		rounds, scenes := (n+3)/4, (n+19)/20
		shared := slices.Repeat([]string{batchGet}, scenes+1)
		reads := float64(scenes + 1 + 2*n)
		// Each: the row, its transaction (member, change, the account's list, two counts, the audit's entry, and a look at the server: that it was
		// not deleted, or is another's), the account's connections.
		each := slices.Concat(slices.Repeat([]string{"GetItem"}, n), slices.Repeat([]string{transact}, n), slices.Repeat([]string{query}, n))
		put(join, members)
		m.cost(scenes+3*rounds+1, meter.Units{Read: reads, Write: 14 * float64(n)}, slices.Concat(shared, each)...)
		put(join, members) // again: nothing to write
		m.cost(scenes+2*rounds+1, meter.Units{Read: reads}, slices.Concat(shared, slices.Repeat([]string{"GetItem"}, n), slices.Repeat([]string{query}, n))...)
		put(leave, members)
		m.cost(scenes+3*rounds+1, meter.Units{Read: reads, Write: 14 * float64(n)}, slices.Concat(shared, each)...)
	}
}

// A list is read beside the scene; where memberships count, their rows are read after it.
func TestCostOfLists(t *testing.T) {
	m := newMetered(t)
	admin := chat.Administration{Store: m.store, Clock: m.clock}
	for i := range 50 {
		account := fmt.Sprintf("m%02d", i)
		m.joins(account, "s1")
		must(t)(m.store.ChangePersonal(t.Context(), "s1", "c1", account, chat.Act{At: m.now}, func(p *chat.Personal) error {
			p.WhiteGeneration, p.Black = 1, true
			return nil
		}))
	}
	list := func(read func() error) { m.metering(func() { must(m.T)(nil, read()) }) }
	list(func() error { _, err := admin.Channels(m.Context(), "s1", "", 100); return err })
	m.cost(1, meter.Units{Read: 1 + 1}, batchGet, query)
	list(func() error { _, err := admin.Members(m.Context(), "s1", "", 100); return err })
	m.cost(1, meter.Units{Read: 1 + 1}, batchGet, query)
	list(func() error { _, err := admin.Bans(m.Context(), "s1", "", 100); return err })
	m.cost(1, meter.Units{Read: 1 + 1}, batchGet, query)
	list(func() error { _, err := admin.Listed(m.Context(), "s1", "c1", chat.BlackList, "", 100); return err })
	m.cost(1, meter.Units{Read: 2 + 1}, batchGet, query)
	list(func() error { _, err := admin.Listed(m.Context(), "s1", "c1", chat.WhiteList, "", 100); return err })
	m.cost(2, meter.Units{Read: 2 + 1 + 50}, batchGet, query, batchGet)
	list(func() error { _, err := admin.Personals(m.Context(), "s1", "c1", "", 40); return err })
	m.cost(2, meter.Units{Read: 2 + 1 + 40}, batchGet, query, batchGet)
}
