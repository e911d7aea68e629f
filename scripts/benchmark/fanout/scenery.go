package fanout

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"unsend/shared/chat"
)

// scenery is a server with people online, as it is stored.
type scenery struct {
	ids   []string // of the connections, the author's first
	began time.Time
	large bool // everybody has subscribed to the channel, and only subscribers are told
}

const (
	server, channel, author = "01JHW8ZSBF5SERVER", "01JHW8ZSBF5CHANNEL", "01JHW8ZSBF5AUTHOR00000"
	member                  = "member" // everybody's role
)

func newScenery(seed uint64, connections int, large bool, now time.Time) scenery {
	random := rand.New(rand.NewPCG(seed, 2))
	s := scenery{began: now, large: large, ids: make([]string, connections+1)}
	seen := make(map[string]bool, len(s.ids))
	for i := range s.ids {
		for s.ids[i] == "" || seen[s.ids[i]] {
			s.ids[i] = connectionID(random)
		}
		seen[s.ids[i]] = true
	}
	return s
}

// connectionID is one as API Gateway makes them: L0SM9cOFvHcCIhw=.
func connectionID(random *rand.Rand) string {
	var bytes [12]byte
	binary.LittleEndian.PutUint64(bytes[:], random.Uint64())
	binary.LittleEndian.PutUint32(bytes[8:], random.Uint32())
	return base64.URLEncoding.EncodeToString(bytes[:11])
}

func account(i int) string {
	if i == 0 {
		return author
	}
	return fmt.Sprintf("01JHW8ZSBF5EXAMPLE%08d", i)
}

func (s scenery) presence(i int) chat.Presence {
	c := chat.Connection{ID: s.ids[i], AccountID: account(i), DeviceID: "phone", ClientType: chat.IOS,
		ConnectedAt: s.began.UnixMilli(), TokenExpiresAt: s.began.Add(2 * time.Hour).UnixMilli()}
	row := chat.Presence{ServerID: server, Connection: c, Roles: []string{member}, Generation: 1, ProvedAt: s.began.UnixMilli()}
	if s.large {
		row.ChannelID = channel
	}
	return row
}

func (s scenery) message(now time.Time) chat.Message {
	return chat.Message{
		MessageKey: chat.MessageKey{ServerID: server, ChannelID: channel, Timestamp: now.UnixMilli(), MsgServerID: "01KDVDNQ3VC6X8J3QW2Z1N5R7T"},
		MsgID:      "6f1c1d0e-5a0e-4f3e-9a44-1f6f3f7e0b5d", Version: 1, UpdatedAt: now.UnixMilli(),
		From:    chat.Actor{AccountID: author, Nick: "Alice", ClientType: chat.IOS, Device: "phone"},
		Content: chat.Content{Body: "Meet us at the north gate at eight, the code of the door is 4711."},
	}
}

// put stores the server, the first connections, and as many members.
func (s scenery) put(ctx context.Context, store chat.Store, members int) error {
	if _, err := store.ChangeServer(ctx, server, chat.Act{At: s.began}, func(v *chat.Server) error {
		v.OwnerID, v.Roles = author, []chat.Role{
			{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: member, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage)}},
		}
		return nil
	}); err != nil {
		return err
	}
	if _, err := store.ChangeChannel(ctx, server, channel, chat.Act{At: s.began}, func(*chat.Channel) error { return nil }); err != nil {
		return err
	}
	if s.large {
		if err := store.ChangeDelivery(ctx, server, chat.Delivery{}, chat.Delivery{Large: true, Since: 1}); err != nil {
			return err
		}
	}
	for i := range members {
		if err := join(ctx, store, i, s.began.Add(-time.Hour)); err != nil {
			return err
		}
	}
	return s.connect(ctx, store)
}

// connect puts everybody into the audience.
func (s scenery) connect(ctx context.Context, store chat.Store) error {
	rows := make([]chat.Presence, len(s.ids))
	for i := range rows {
		rows[i] = s.presence(i)
	}
	return store.PutPresences(ctx, rows)
}

func join(ctx context.Context, store chat.Store, i int, at time.Time) error {
	_, err := store.ChangeMember(ctx, server, account(i), chat.Act{At: at}, func(m *chat.Member) error {
		m.Join(at)
		m.Nick, m.Roles = fmt.Sprint("Nick ", i), []string{member}
		return nil
	})
	return err
}

// change has members change so that everybody's rights must be looked at.
func (s scenery) change(ctx context.Context, store chat.Store, n int) error {
	for i := range n {
		if _, err := store.ChangeMember(ctx, server, account(i+1), chat.Act{At: time.Now()}, func(m *chat.Member) error {
			if !m.Joined {
				m.Join(time.Now())
			}
			m.Roles = slices.Concat(m.Roles, []string{"more"})
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
