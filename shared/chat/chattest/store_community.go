package chattest

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"

	"unsend/shared/chat"
)

// attempts is how often a change is begun anew because somebody else wrote.
const attempts = 10

// Standing reads the four rows of a decision at one moment.
func (s *Store) Standing(ctx context.Context, serverID, channel, account string) (chat.Standing, error) {
	return do(ctx, s, "Standing", func() (chat.Standing, error) {
		return chat.Standing{
			Server:   cloneServer(s.servers[serverID]),
			Channel:  cloneChannel(s.channels[channelID{serverID, channel}]),
			Member:   cloneMember(s.members[memberID{serverID, account}]),
			Personal: s.personals[personalID{serverID, channel, account}],
		}, nil
	})
}

// Memberships reads the servers that the account is a member of and not banned from.
func (s *Store) Memberships(ctx context.Context, account string) ([]chat.Membership, error) {
	return do(ctx, s, "Memberships", func() ([]chat.Membership, error) {
		var found []chat.Membership
		for id, m := range s.members {
			if id.account == account && m.Active() {
				found = append(found, chat.Membership{ServerID: id.server, Roles: cloneList(m.Roles), Generation: m.Generation})
			}
		}
		slices.SortFunc(found, func(a, b chat.Membership) int { return cmp.Compare(a.ServerID, b.ServerID) })
		return found, nil
	})
}

// Rights reads policies, lists and changes at one moment.
func (s *Store) Rights(ctx context.Context, serverID string, channelIDs []string, since int64) (chat.Rights, error) {
	return do(ctx, s, "Rights", func() (chat.Rights, error) {
		r := chat.Rights{
			Server:   cloneServer(s.servers[serverID]),
			Channels: map[string]chat.Channel{}, Lists: map[string][]chat.ListEntry{},
		}
		for _, id := range channelIDs {
			if c, ok := s.channels[channelID{serverID, id}]; ok {
				r.Channels[id] = cloneChannel(c)
			}
			if entries := s.lists(serverID, id); len(entries) > 0 {
				r.Lists[id] = entries
			}
		}
		r.Changed, r.TooMany = s.changed(serverID, since)
		return r, nil
	})
}

func (s *Store) lists(server, channel string) []chat.ListEntry {
	var entries []chat.ListEntry
	for id, p := range s.personals {
		if id.server == server && id.channel == channel && (p.WhiteGeneration != 0 || p.Black) {
			entries = append(entries, chat.ListEntry{AccountID: id.account, WhiteGeneration: p.WhiteGeneration, Black: p.Black})
		}
	}
	slices.SortFunc(entries, func(a, b chat.ListEntry) int { return cmp.Compare(a.AccountID, b.AccountID) })
	return entries
}

func (s *Store) changed(server string, since int64) (changed map[string]int64, tooMany bool) {
	changed = map[string]int64{}
	rows := 0
	for id := range s.changes {
		if id.server != server || id.at < since {
			continue
		}
		if rows++; id.account != "" {
			changed[id.account] = max(changed[id.account], id.at)
		}
	}
	if rows > chat.MaxChanges { // what is not read is not known
		return nil, true
	}
	return changed, false
}

// Members reads the member rows of those accounts that ever joined.
func (s *Store) Members(ctx context.Context, serverID string, accountIDs []string) (map[string]chat.Member, error) {
	return do(ctx, s, "Members", func() (map[string]chat.Member, error) {
		found := map[string]chat.Member{}
		for _, account := range accountIDs {
			if m, ok := s.members[memberID{serverID, account}]; ok && m.Generation > 0 {
				found[account] = cloneMember(m)
			}
		}
		return found, nil
	})
}

// Deliveries counts the members of the servers.
func (s *Store) Deliveries(ctx context.Context, serverIDs []string) (map[string]chat.Delivery, error) {
	return do(ctx, s, "Deliveries", func() (map[string]chat.Delivery, error) {
		found := map[string]chat.Delivery{}
		for _, server := range serverIDs {
			found[server] = s.delivery(server)
		}
		return found, nil
	})
}

func (s *Store) delivery(server string) chat.Delivery {
	d := s.deliveries[server]
	for id, m := range s.members {
		if id.server == server && m.Joined {
			d.Members++
		}
	}
	return d
}

// ChangeDelivery stores it where it is what it was.
func (s *Store) ChangeDelivery(ctx context.Context, serverID string, was, is chat.Delivery) error {
	return s.write(ctx, "ChangeDelivery", func() {
		if now := s.deliveries[serverID]; now.Large == was.Large && now.Since == was.Since {
			s.deliveries[serverID] = chat.Delivery{Large: is.Large, Since: is.Since}
		}
	})
}

// entity is how a kind of row is changed.
type entity[T any] struct {
	op    string
	load  func() T // a copy, with its ids set; called with the lock held
	store func(T)  // called with the lock held
	// fix sets what a change may not alter: ids, version and sight.
	fix       func(row *T, before T, version, sight int64)
	stamps    func(T) (version, sight int64)
	sameSight func(before, after T) bool
	// exists: storing the row is a change in itself.
	exists  bool
	changed changeID                               // the change row of a difference in sight
	entry   func(before, after T) chat.PolicyEntry // of the audit
	// limits refuses what goes over one; nil where there is none. Called with the lock held, and followed by store.
	limits func(before, after T) error
}

// alter runs change between a reading and a writing that has no effect when
// somebody else wrote in between, and begins anew then.
func alter[T any](ctx context.Context, s *Store, e entity[T], change func(*T) error) (T, error) {
	var none T
	if err := s.begin(ctx, e.op); err != nil {
		return none, err
	}
	for range attempts {
		row, done, err := alterOnce(s, e, change)
		if err == nil && done {
			err = s.end(e.op)
		}
		if err != nil {
			return none, err
		}
		if done {
			return row, nil
		}
	}
	return none, &chat.Error{Code: chat.Busy}
}

func alterOnce[T any](s *Store, e entity[T], change func(*T) error) (row T, done bool, err error) {
	s.mu.Lock()
	before, given := e.load(), e.load()
	s.mu.Unlock()
	if err := change(&given); err != nil {
		return row, false, err
	}
	version, sight := e.stamps(before)
	e.fix(&given, before, version, sight)
	if reflect.DeepEqual(before, given) && (version > 0 || !e.exists) {
		return before, true, nil
	}
	e.fix(&given, before, version+1, sight)
	if !e.sameSight(before, given) {
		e.fix(&given, before, version+1, version+1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, _ := e.stamps(e.load()); now != version {
		return row, false, nil
	}
	if e.limits != nil {
		if err := e.limits(before, given); err != nil {
			return row, false, err
		}
	}
	e.store(given)
	entry := e.entry(before, given)
	s.keep(entry.ServerID, chat.AuditEntry{Policy: &entry})
	if !e.sameSight(before, given) {
		s.changes[e.changed] = true
	}
	return e.load(), true, nil
}

// ChangeServer changes a server's policy.
func (s *Store) ChangeServer(ctx context.Context, serverID string, by chat.Act, change func(*chat.Server) error) (chat.Server, error) {
	return alter(ctx, s, entity[chat.Server]{
		op: "ChangeServer", exists: true,
		load: func() chat.Server {
			row := cloneServer(s.servers[serverID])
			row.ID = serverID
			return row
		},
		store:     func(row chat.Server) { s.servers[serverID] = cloneServer(row) },
		stamps:    func(row chat.Server) (version, sight int64) { return row.Version, row.Sight },
		sameSight: chat.Server.SameSight,
		entry:     by.OfServer,
		fix: func(row *chat.Server, before chat.Server, version, sight int64) {
			*row = cloneServer(*row)
			row.ID, row.Version, row.Sight = before.ID, version, sight
		},
		changed: changeID{server: serverID, at: by.At.UnixMilli()},
		limits: func(before, after chat.Server) error {
			if s.gone[goneID{serverID, goneServer, ""}] {
				return chat.ServerIsGone()
			}
			if before.Version > 0 && after.OwnerID != "" && before.OwnerID != after.OwnerID && !s.members[memberID{serverID, after.OwnerID}].Active() {
				return chat.HeirIsNoMember()
			}
			return s.keepGone(serverID, before, after)
		},
	}, change)
}

// ChangeChannel changes a channel's policy.
func (s *Store) ChangeChannel(ctx context.Context, serverID, channel string, by chat.Act, change func(*chat.Channel) error) (chat.Channel, error) {
	id := channelID{serverID, channel}
	return alter(ctx, s, entity[chat.Channel]{
		op: "ChangeChannel", exists: true,
		load: func() chat.Channel {
			row := cloneChannel(s.channels[id])
			row.ServerID, row.ID = serverID, channel
			return row
		},
		store:     func(row chat.Channel) { s.channels[id] = cloneChannel(row) },
		stamps:    func(row chat.Channel) (version, sight int64) { return row.Version, row.Sight },
		sameSight: chat.Channel.SameSight,
		entry:     by.OfChannel,
		fix: func(row *chat.Channel, before chat.Channel, version, sight int64) {
			*row = cloneChannel(*row)
			row.ServerID, row.ID, row.Version, row.Sight = before.ServerID, before.ID, version, sight
		},
		changed: changeID{server: serverID, at: by.At.UnixMilli(), channel: channel},
		limits: func(before, _ chat.Channel) error {
			switch {
			case before.Version == 0 && s.gone[goneID{serverID, goneServer, ""}]:
				return chat.ServerIsGone()
			case before.Version == 0 && s.gone[goneID{serverID, goneChannel, channel}]:
				return chat.ChannelIsGone()
			}
			return within(before.Version == 0, s.channelsOf(serverID), chat.MaxChannelsPerServer, chat.TooManyChannels)
		},
	}, change)
}

// ChangeMember changes a member row; the memberships and the count follow from it.
func (s *Store) ChangeMember(ctx context.Context, serverID, account string, by chat.Act, change func(*chat.Member) error) (chat.Member, error) {
	id := memberID{serverID, account}
	return alter(ctx, s, entity[chat.Member]{
		op: "ChangeMember",
		load: func() chat.Member {
			row := cloneMember(s.members[id])
			row.ServerID, row.AccountID = serverID, account
			return row
		},
		store:     func(row chat.Member) { s.members[id] = cloneMember(row) },
		stamps:    func(row chat.Member) (version, sight int64) { return row.Version, row.Sight },
		sameSight: chat.Member.SameSight,
		entry:     by.OfMember,
		fix: func(row *chat.Member, before chat.Member, version, sight int64) {
			*row = cloneMember(*row)
			row.ServerID, row.AccountID, row.Version, row.Sight = before.ServerID, before.AccountID, version, sight
		},
		changed: changeID{server: serverID, at: by.At.UnixMilli(), account: account},
		limits: func(before, after chat.Member) error {
			joins, leaves := !before.Active() && after.Active(), before.Active() && !after.Active()
			switch {
			case (before.Version == 0 || after.Joined && !before.Joined) && s.gone[goneID{serverID, goneServer, ""}]:
				return chat.ServerIsGone()
			case leaves && s.servers[serverID].OwnerID == account:
				return chat.OwnerStays()
			}
			if err := within(joins, s.serversOf[account], chat.MaxServersPerAccount, chat.TooManyServers); err != nil {
				return err
			}
			switch {
			case joins:
				s.serversOf[account]++
			case leaves:
				s.serversOf[account]--
			}
			return nil
		},
	}, change)
}

// ChangePersonal changes what a channel holds for one account; the lists follow from it.
func (s *Store) ChangePersonal(ctx context.Context, serverID, channel, account string, by chat.Act, change func(*chat.Personal) error) (chat.Personal, error) {
	id := personalID{serverID, channel, account}
	return alter(ctx, s, entity[chat.Personal]{
		op: "ChangePersonal",
		load: func() chat.Personal {
			row := s.personals[id]
			row.ServerID, row.ChannelID, row.AccountID = serverID, channel, account
			return row
		},
		store:     func(row chat.Personal) { s.personals[id] = row },
		stamps:    func(row chat.Personal) (version, sight int64) { return row.Version, row.Sight },
		sameSight: chat.Personal.SameSight,
		entry:     by.OfPersonal,
		fix: func(row *chat.Personal, before chat.Personal, version, sight int64) {
			row.ServerID, row.ChannelID, row.AccountID, row.Version, row.Sight = before.ServerID, before.ChannelID, before.AccountID, version, sight
		},
		changed: changeID{server: serverID, at: by.At.UnixMilli(), account: account},
		limits: func(before, after chat.Personal) error {
			if before.Version == 0 && s.gone[goneID{serverID, goneChannel, channel}] {
				return chat.ChannelIsGone()
			}
			white, black := s.listed(serverID, channel)
			if err := within(before.WhiteGeneration == 0 && after.WhiteGeneration != 0, white, chat.MaxMembersPerList, chat.TooManyListed); err != nil {
				return err
			}
			return within(!before.Black && after.Black, black, chat.MaxMembersPerList, chat.TooManyListed)
		},
	}, change)
}

// within refuses one more where there are as many as may be.
func within(more bool, count, most int, full func() *chat.Error) error {
	if more && count >= most {
		return full()
	}
	return nil
}

func (s *Store) channelsOf(server string) (n int) {
	for id := range s.channels {
		if id.server == server {
			n++
		}
	}
	return n
}

func (s *Store) listed(server, channel string) (white, black int) {
	for _, entry := range s.lists(server, channel) {
		if entry.WhiteGeneration != 0 {
			white++
		}
		if entry.Black {
			black++
		}
	}
	return white, black
}

// keepGone keeps roles that are taken out from coming back.
func (s *Store) keepGone(server string, before, after chat.Server) error {
	for _, id := range after.RolesBeside(before) {
		if s.gone[goneID{server, goneRole, id}] {
			return chat.RoleIsGone()
		}
	}
	for _, id := range before.RolesBeside(after) {
		s.gone[goneID{server, goneRole, id}] = true
	}
	return nil
}

func cloneServer(s chat.Server) chat.Server {
	s.Roles = cloneList(s.Roles)
	for i := range s.Roles {
		s.Roles[i].Windows = cloneWindows(s.Roles[i].Windows)
	}
	s.Windows = cloneWindows(s.Windows)
	return s
}

func cloneChannel(c chat.Channel) chat.Channel {
	c.Windows = cloneWindows(c.Windows)
	c.WhiteRoles, c.BlackRoles = cloneList(c.WhiteRoles), cloneList(c.BlackRoles)
	if c.Overrides = maps.Clone(c.Overrides); len(c.Overrides) == 0 {
		c.Overrides = nil
	}
	return c
}

func cloneMember(m chat.Member) chat.Member {
	m.Roles = cloneList(m.Roles)
	return m
}

func cloneWindows(w chat.Windows) chat.Windows {
	return chat.Windows{Own: clonePointer(w.Own), Moderator: clonePointer(w.Moderator)}
}
