package chattest

import (
	"cmp"
	"context"
	"slices"

	"unsend/shared/chat"
)

// Updates reads the revocations of the server, by time.
func (s *Store) Updates(ctx context.Context, serverID string, from chat.UpdateRef, limit int) (chat.UpdatePage, error) {
	return do(ctx, s, "Updates", func() (chat.UpdatePage, error) {
		var page chat.UpdatePage
		for _, m := range s.allMessages() {
			if m.ServerID == serverID && m.Revocation != nil && compareUpdates(m.RefAt(m.UpdatedAt), from) > 0 {
				page.Updates = append(page.Updates, chat.Update{MessageKey: m.MessageKey, Version: m.Version, UpdatedAt: m.UpdatedAt, Revocation: *m.Revocation})
			}
		}
		slices.SortFunc(page.Updates, func(a, b chat.Update) int { return compareUpdates(a.Ref(), b.Ref()) })
		if len(page.Updates) > limit {
			page.Updates = page.Updates[:limit]
			next := page.Updates[limit-1].Ref()
			page.Next = &next
		}
		return page, nil
	})
}

func compareUpdates(a, b chat.UpdateRef) int {
	return cmp.Or(cmp.Compare(a.UpdatedAt, b.UpdatedAt), cmp.Compare(a.ChannelID, b.ChannelID),
		cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.MsgServerID, b.MsgServerID))
}

// Sights reads what decides on an account's sight of a server's channels.
func (s *Store) Sights(ctx context.Context, serverID, accountID string) (chat.Sights, error) {
	return do(ctx, s, "Sights", func() (chat.Sights, error) {
		sights := chat.Sights{
			Server:    cloneServer(s.servers[serverID]),
			Member:    cloneMember(s.members[memberID{serverID, accountID}]),
			Personals: map[string]chat.Personal{},
			Delivery:  s.delivery(serverID),
		}
		for id, c := range s.channels {
			if id.server != serverID {
				continue
			}
			sights.Channels = append(sights.Channels, cloneChannel(c))
			if p, ok := s.personals[personalID{serverID, id.channel, accountID}]; ok {
				sights.Personals[id.channel] = p
			}
		}
		slices.SortFunc(sights.Channels, func(a, b chat.Channel) int { return cmp.Compare(a.ID, b.ID) })
		return sights, nil
	})
}

// SightsOf reads it for some of the channels.
func (s *Store) SightsOf(ctx context.Context, serverID, accountID string, channelIDs []string) (chat.Sights, error) {
	return do(ctx, s, "SightsOf", func() (chat.Sights, error) {
		sights := chat.Sights{
			Server:    cloneServer(s.servers[serverID]),
			Member:    cloneMember(s.members[memberID{serverID, accountID}]),
			Personals: map[string]chat.Personal{},
		}
		for _, id := range channelIDs {
			if c, ok := s.channels[channelID{serverID, id}]; ok {
				sights.Channels = append(sights.Channels, cloneChannel(c))
			}
			if p, ok := s.personals[personalID{serverID, id, accountID}]; ok {
				sights.Personals[id] = p
			}
		}
		return sights, nil
	})
}
