package dynamo

import (
	"context"
	"errors"
	"reflect"
	"time"

	"unsend/shared/chat"
)

// entity is how a kind of row is changed.
type entity[T any] struct {
	op      string
	key     itemKey
	encode  func(T) (item, error)
	decode  func(item) (T, error) // of nil: a zero value with its ids
	version func(*T) *int64
	// exists: storing a row that is not there is a change in itself.
	exists bool
	// companions add the writes that go with the row's.
	companions func(w *transaction, before, after T)
}

// errOvertaken: somebody else wrote between the reading and the writing.
var errOvertaken = errors.New("the row changed meanwhile")

// alter reads the row strongly, has it changed, and writes it with its
// companions in one transaction, on the condition that it is still the one that
// was read; else it begins anew.
func alter[T any](ctx context.Context, s *Store, e entity[T], change func(*T) error) (T, error) {
	var result T
	err := s.written(ctx, e.op, func(ctx context.Context) error {
		row, err := s.get(ctx, e.op, s.tables.Community, e.key)
		if err != nil {
			return err
		}
		var refused refusedChange
		result, err = e.once(ctx, s, row, func(v *T) error {
			refused.error = change(v)
			return refused.error
		})
		if err != nil && refused.error == nil {
			return failed(e.op, err)
		}
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return result, nil
}

// refusedChange keeps what the caller's own function returned, which is passed
// on as it is.
type refusedChange struct{ error }

func (e entity[T]) once(ctx context.Context, s *Store, row item, change func(*T) error) (T, error) {
	before, err := e.decode(row)
	if err != nil {
		return before, err
	}
	// Decoded a second time: change may reach into lists that before must keep.
	after, err := e.decode(row)
	if err != nil {
		return before, err
	}
	if err := change(&after); err != nil {
		return before, err
	}
	version := *e.version(&before)
	*e.version(&after) = version
	same, err := e.same(before, after)
	if err != nil || same && (version > 0 || !e.exists) {
		return before, err
	}
	*e.version(&after) = version + 1
	return e.write(ctx, s, before, after)
}

func (e entity[T]) same(before, after T) (bool, error) {
	a, err := e.encode(before)
	if err != nil {
		return false, err
	}
	b, err := e.encode(after)
	return reflect.DeepEqual(a, b), err
}

func (e entity[T]) write(ctx context.Context, s *Store, before, after T) (T, error) {
	row, err := e.encode(after)
	if err != nil {
		return before, err
	}
	w := transaction{table: s.tables.Community}
	w.put(row, nil)
	w.guard(*e.version(&before))
	e.companions(&w, before, after)
	if w.err != nil {
		return before, w.err
	}
	if err := w.run(ctx, s, e.op); err != nil {
		return before, err
	}
	return e.decode(row) // ids and empty lists as a reader finds them
}

// ChangeServer changes a server's policy.
func (s *Store) ChangeServer(ctx context.Context, serverID string, at time.Time, change func(*chat.Server) error) (chat.Server, error) {
	const op = "ChangeServer"
	key, err := serverKey(serverID)
	if err != nil {
		return chat.Server{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Server]{
		op: op, key: key, exists: true,
		encode:  func(v chat.Server) (item, error) { return encodeServer(key, v) },
		decode:  func(row item) (chat.Server, error) { return decodeServer(serverID, row) },
		version: func(v *chat.Server) *int64 { return &v.Version },
		companions: func(w *transaction, before, after chat.Server) {
			if sightOfServer(before, after) {
				w.changed(serverID, at, changedServer)
			}
		},
	}, change)
}

// ChangeChannel changes a channel's policy.
func (s *Store) ChangeChannel(ctx context.Context, serverID, channelID string, at time.Time, change func(*chat.Channel) error) (chat.Channel, error) {
	const op = "ChangeChannel"
	key, err := channelKey(serverID, channelID)
	if err != nil {
		return chat.Channel{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Channel]{
		op: op, key: key, exists: true,
		encode:  func(v chat.Channel) (item, error) { return encodeChannel(key, v) },
		decode:  func(row item) (chat.Channel, error) { return decodeChannel(serverID, channelID, row) },
		version: func(v *chat.Channel) *int64 { return &v.Version },
		companions: func(w *transaction, before, after chat.Channel) {
			if sightOfChannel(before, after) {
				w.changed(serverID, at, changedChannel, channelID)
			}
		},
	}, change)
}

// ChangeMember changes a member row, and with it the account's list of servers
// and the count of the server's members.
func (s *Store) ChangeMember(ctx context.Context, serverID, accountID string, at time.Time, change func(*chat.Member) error) (chat.Member, error) {
	const op = "ChangeMember"
	key, err := memberKey(serverID, accountID)
	if err != nil {
		return chat.Member{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Member]{
		op: op, key: key,
		encode:  func(v chat.Member) (item, error) { return encodeMember(key, v) },
		decode:  func(row item) (chat.Member, error) { return decodeMember(serverID, accountID, row) },
		version: func(v *chat.Member) *int64 { return &v.Version },
		companions: func(w *transaction, before, after chat.Member) {
			after.ServerID, after.AccountID = serverID, accountID
			if !sightOfMember(before, after) {
				return
			}
			w.changed(serverID, at, changedAccount, accountID)
			w.membership(before, after)
		},
	}, change)
}

// ChangePersonal changes what a channel holds for one account, and with it the
// channel's lists.
func (s *Store) ChangePersonal(ctx context.Context, serverID, channelID, accountID string, at time.Time, change func(*chat.Personal) error) (chat.Personal, error) {
	const op = "ChangePersonal"
	key, err := personalKey(serverID, channelID, accountID)
	if err != nil {
		return chat.Personal{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Personal]{
		op: op, key: key,
		encode:  func(v chat.Personal) (item, error) { return encodePersonal(key, v) },
		decode:  func(row item) (chat.Personal, error) { return decodePersonal(serverID, channelID, accountID, row) },
		version: func(v *chat.Personal) *int64 { return &v.Version },
		companions: func(w *transaction, before, after chat.Personal) {
			after.ServerID, after.ChannelID, after.AccountID = serverID, channelID, accountID
			if !sightOfPersonal(before, after) {
				return
			}
			w.changed(serverID, at, changedAccount, accountID)
			if listed(after) {
				w.put(encodeListEntry(after))
			} else {
				w.delete(listKey(serverID, channelID, accountID))
			}
		},
	}, change)
}
