package cloudtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"unsend/shared/chat"
	"unsend/shared/cloudtest"
)

// setUp makes the server: c1 is public, c2 private. It meets no faults.
func (w *world) setUp(ctx context.Context) {
	_, err1 := w.store.ChangeServer(ctx, server, chat.Act{At: time.Now()}, func(s *chat.Server) error {
		s.OwnerID = "owner"
		s.Roles = []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: "mod", Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
			{ID: "vip"},
		}
		return nil
	})
	_, err2 := w.store.ChangeChannel(ctx, server, "c1", chat.Act{At: time.Now()}, func(*chat.Channel) error { return nil })
	_, err3 := w.store.ChangeChannel(ctx, server, "c2", chat.Act{At: time.Now()}, func(c *chat.Channel) error {
		c.ViewMode, c.WhiteRoles = chat.Private, []string{"vip"}
		return nil
	})
	if err := errors.Join(err1, err2, err3); err != nil {
		w.t.Fatal(err)
	}
	for i, account := range accounts {
		if _, err := w.store.ChangeMember(ctx, server, account, chat.Act{At: time.Now()}, func(m *chat.Member) error {
			m.Join(time.Now())
			m.Roles = [][]string{{"mod"}, {"vip"}, {"vip", "mod"}, nil}[i%4]
			return nil
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.profile.largeSince > 0 || w.profile.large {
		is := chat.Delivery{Large: w.profile.large, Since: time.Now().Add(-w.profile.largeSince).UnixMilli()}
		if err := w.store.ChangeDelivery(ctx, server, chat.Delivery{}, is); err != nil {
			w.t.Fatal(err)
		}
	}
	w.changed()
	w.answered()
}

// administrate changes who may see what, one change after the other, each until it is answered.
func (w *world) administrate(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		cloudtest.Sleep(ctx, w.between("change", 500*time.Millisecond, 25*time.Second))
		if w.quiet.Load() {
			continue
		}
		change := w.change(n)
		for range 30 {
			err := w.invoke(ctx, fmt.Sprint("change ", n), func(ctx context.Context, p *process) error {
				ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
				defer cancel()
				return change(ctx, p)
			})
			if err == nil {
				w.answered()
				break
			}
			cloudtest.Sleep(ctx, time.Second)
		}
	}
}

func (w *world) change(n int) func(context.Context, *process) error {
	account, channel := accounts[w.pick("account", len(accounts))], channels[w.pick("channel", len(channels))]
	yes := w.pick("yes", 2) == 1
	member := func(change func(*chat.Member)) func(context.Context, *process) error {
		return func(ctx context.Context, p *process) error {
			_, err := p.communities.ChangeMember(ctx, server, account, chat.Act{}, func(m *chat.Member) error { change(m); return nil })
			return err
		}
	}
	policy := func(change func(*chat.Channel)) func(context.Context, *process) error {
		return func(ctx context.Context, p *process) error {
			_, err := view{w}.ChangeChannel(ctx, server, channel, chat.Act{At: p.clock()}, func(c *chat.Channel) error { change(c); return nil })
			return err
		}
	}
	personal := func(change func(*chat.Personal)) func(context.Context, *process) error {
		return func(ctx context.Context, p *process) error {
			_, err := view{w}.ChangePersonal(ctx, server, channel, account, chat.Act{At: p.clock()}, func(c *chat.Personal) error { change(c); return nil })
			return err
		}
	}
	switch w.pick("kind of change", 9) {
	case 0:
		return member(func(m *chat.Member) { m.Banned = yes })
	case 1, 2:
		joinedAt := time.Now()
		return member(func(m *chat.Member) {
			if yes {
				m.Join(joinedAt)
			} else {
				m.Leave()
			}
		})
	case 3:
		return member(func(m *chat.Member) {
			if m.Joined && yes {
				m.Roles = []string{"vip"}
			} else if m.Joined {
				m.Roles = []string{"mod"}
			}
		})
	case 4:
		return policy(func(c *chat.Channel) {
			c.BlackRoles = nil
			if yes {
				c.BlackRoles = []string{"mod"}
			}
		})
	case 5:
		return policy(func(c *chat.Channel) { c.ViewMode = chat.ViewMode(map[bool]int{false: 0, true: 1}[yes]) })
	case 6:
		return personal(func(p *chat.Personal) { p.Black = yes })
	case 7:
		return func(ctx context.Context, p *process) error {
			members, err := view{w}.Members(ctx, server, []string{account})
			if err != nil {
				return err
			}
			return personal(func(p *chat.Personal) {
				p.WhiteGeneration = 0
				if yes {
					p.WhiteGeneration = members[account].Generation
				}
			})(ctx, p)
		}
	default: // a role goes, or comes
		return func(ctx context.Context, p *process) error {
			_, err := view{w}.ChangeServer(ctx, server, chat.Act{At: p.clock()}, func(s *chat.Server) error {
				s.Roles = slices.DeleteFunc(s.Roles, func(r chat.Role) bool { return r.ID == "vip" })
				if yes {
					s.Roles = append(s.Roles, chat.Role{ID: "vip"})
				}
				return nil
			})
			return err
		}
	}
}
