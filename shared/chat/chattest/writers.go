package chattest

import (
	"fmt"
	"maps"
	"testing"

	"unsend/shared/chat"
)

// registry is a server with an owner, under test through the service.
func registry(t *testing.T, store chat.Store) (*town, *chat.Administration) {
	t.Helper()
	w := newTown(t, store)
	admin := &chat.Administration{Store: store, Clock: w.clock}
	w.check(admin.PutServer(t.Context(), chat.Write{}, "registry", chat.ServerPolicy{OwnerID: "owner"}))
	w.check(admin.PutChannel(t.Context(), chat.Write{}, "registry", "c", chat.ChannelPolicy{}))
	return w, admin
}

// testTwoWriters: two writers lengthen a window ten times each, from what they have read. Nothing that one wrote is lost to the other.
func testTwoWriters(t *testing.T, store chat.Store) {
	w, admin := registry(t, store)
	ctx := t.Context()
	longer := func(windows chat.Windows) chat.Windows {
		if windows.Own == nil {
			return chat.Windows{Own: ms(1)}
		}
		return chat.Windows{Own: ms(*windows.Own + 1)}
	}
	rows := map[string]struct {
		read  func() (chat.Windows, int64, error)
		write func(chat.Write, chat.Windows) error
	}{
		"server": {
			func() (chat.Windows, int64, error) {
				s, err := admin.Server(ctx, "registry")
				return s.Value.Windows, s.Version, err
			},
			func(at chat.Write, windows chat.Windows) error {
				_, err := admin.PutServer(ctx, at, "registry", chat.ServerPolicy{OwnerID: "owner", Windows: windows})
				return err
			},
		},
		"channel": {
			func() (chat.Windows, int64, error) {
				c, err := admin.Channel(ctx, "registry", "c")
				return c.Value.Windows, c.Version, err
			},
			func(at chat.Write, windows chat.Windows) error {
				_, err := admin.PutChannel(ctx, at, "registry", "c", chat.ChannelPolicy{Windows: windows})
				return err
			},
		},
	}
	for name, row := range rows {
		for _, err := range atOnce(2, func(int) error {
			for done := 0; done < 10; {
				windows, version, err := row.read()
				if err != nil {
					return err
				}
				switch err := row.write(chat.Write{Versions: []int64{version}}, longer(windows)); chat.CodeOf(err) {
				case chat.OK:
					done++
				case chat.Stale, chat.Busy:
				default:
					return err
				}
			}
			return nil
		}) {
			w.check(nil, err)
		}
		windows, _, err := row.read()
		w.check(nil, err)
		if windows.Own == nil || *windows.Own != 20 {
			t.Errorf("%s: twenty additions make %v", name, windows.Own)
		}
	}
}

// testRolesAtOnce: of twenty roles made at once, where there is room for five, five are there, and fifteen were told of the limit.
func testRolesAtOnce(t *testing.T, store chat.Store) {
	const room = 5
	w, admin := registry(t, store)
	put := func(i int) error {
		return trying(func() error {
			_, err := admin.PutRole(t.Context(), chat.Write{}, "registry", chat.Role{ID: fmt.Sprint("r", i)})
			return err
		})
	}
	for i := range chat.MaxRolesPerServer - room {
		w.check(nil, put(i))
	}
	done, codes := map[string]bool{}, map[chat.Code]int{}
	for i, err := range atOnce(20, func(i int) error { return put(100 + i) }) {
		if codes[chat.CodeOf(err)]++; err == nil {
			done[fmt.Sprint("r", 100+i)] = true
		}
	}
	if !maps.Equal(codes, map[chat.Code]int{chat.OK: room, chat.Conflict: 20 - room}) {
		t.Errorf("codes %v", codes)
	}
	server, err := admin.Server(t.Context(), "registry")
	w.check(nil, err)
	for _, role := range server.Value.Roles {
		delete(done, role.ID)
	}
	if n := len(server.Value.Roles); n != chat.MaxRolesPerServer+1 || len(done) > 0 {
		t.Errorf("%d roles with everyone; lost were %v", n, done)
	}
}
