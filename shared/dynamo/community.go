package dynamo

import (
	"context"
	"errors"
	"reflect"

	"unsend/shared/chat"
)

// entity is how a kind of row is changed.
type entity[T any] struct {
	op     string
	key    itemKey
	encode func(T) (item, error)
	decode func(item) (T, error) // of nil: a zero value with its ids
	stamps func(*T) stamps
	// sameSight tells whether everybody sees the same with both.
	sameSight func(before, after T) bool
	// exists: storing a row that is not there is a change in itself.
	exists bool
	// seen adds the writes that a difference in sight calls for.
	seen func(w *transaction, before, after T)
	// entry is what the audit keeps of a change.
	entry func(before, after T) chat.PolicyEntry
}

// stamps are what the store alone sets in a row.
type stamps struct{ version, sight *int64 }

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
	was, is := e.stamps(&before), e.stamps(&after)
	*is.version, *is.sight = *was.version, *was.sight
	same, err := e.same(before, after)
	if err != nil || same && (*was.version > 0 || !e.exists) {
		return before, err
	}
	*is.version++
	if !e.sameSight(before, after) {
		*is.sight = *is.version
	}
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
	w.guard(*e.stamps(&before).version)
	if !e.sameSight(before, after) {
		e.seen(&w, before, after)
	}
	w.audited(s.tables.Audit, e.entry(before, after))
	if w.err != nil {
		return before, w.err
	}
	if err := w.run(ctx, s, e.op); err != nil {
		return before, err
	}
	return e.decode(row) // ids and empty lists as a reader finds them
}

// ChangeServer changes a server's policy. A role that is taken out leaves a row, so that it does not come back.
func (s *Store) ChangeServer(ctx context.Context, serverID string, by chat.Act, change func(*chat.Server) error) (chat.Server, error) {
	const op = "ChangeServer"
	key, err := serverKey(serverID)
	if err != nil {
		return chat.Server{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Server]{
		op: op, key: key, exists: true,
		encode:    func(v chat.Server) (item, error) { return encodeServer(key, v) },
		decode:    func(row item) (chat.Server, error) { return decodeServer(serverID, row) },
		stamps:    func(v *chat.Server) stamps { return stamps{&v.Version, &v.Sight} },
		sameSight: chat.Server.SameSight,
		entry:     by.OfServer,
		seen: func(w *transaction, before, after chat.Server) {
			w.changed(serverID, by.At, changedServer)
			w.rolesChanged(serverID, before, after)
			if before.Version > 0 && after.OwnerID != "" && before.OwnerID != after.OwnerID {
				w.member(serverID, after.OwnerID)
			}
		},
	}, change)
}

// ChangeChannel changes a channel's policy.
func (s *Store) ChangeChannel(ctx context.Context, serverID, channelID string, by chat.Act, change func(*chat.Channel) error) (chat.Channel, error) {
	const op = "ChangeChannel"
	key, err := channelKey(serverID, channelID)
	if err != nil {
		return chat.Channel{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Channel]{
		op: op, key: key, exists: true,
		encode:    func(v chat.Channel) (item, error) { return encodeChannel(key, v) },
		decode:    func(row item) (chat.Channel, error) { return decodeChannel(serverID, channelID, row) },
		stamps:    func(v *chat.Channel) stamps { return stamps{&v.Version, &v.Sight} },
		sameSight: chat.Channel.SameSight,
		entry:     by.OfChannel,
		seen: func(w *transaction, before, _ chat.Channel) {
			w.changed(serverID, by.At, changedChannel, channelID)
			if before.Version == 0 {
				w.channelsChanged(op, serverID, 1)
				key, err := goneChannelKey(serverID, channelID)
				w.absent(key, chat.ChannelIsGone(), err)
				w.serverNotGone(serverID)
			}
		},
	}, change)
}

// ChangeMember changes a member row, and with it the account's list of servers
// and the count of the server's members.
func (s *Store) ChangeMember(ctx context.Context, serverID, accountID string, by chat.Act, change func(*chat.Member) error) (chat.Member, error) {
	const op = "ChangeMember"
	key, err := memberKey(serverID, accountID)
	if err != nil {
		return chat.Member{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Member]{
		op: op, key: key,
		encode:    func(v chat.Member) (item, error) { return encodeMember(key, v) },
		decode:    func(row item) (chat.Member, error) { return decodeMember(serverID, accountID, row) },
		stamps:    func(v *chat.Member) stamps { return stamps{&v.Version, &v.Sight} },
		sameSight: chat.Member.SameSight,
		entry:     by.OfMember,
		seen: func(w *transaction, before, after chat.Member) {
			after.ServerID, after.AccountID = serverID, accountID
			w.changed(serverID, by.At, changedAccount, accountID)
			if before.Version == 0 || after.Joined && !before.Joined {
				w.serverNotGone(serverID)
			}
			if before.Active() && !after.Active() {
				w.notOwner(serverID, accountID)
			}
			w.membership(before, after)
			w.membershipCounted(op, before, after)
		},
	}, change)
}

// ChangePersonal changes what a channel holds for one account, and with it the
// channel's lists.
func (s *Store) ChangePersonal(ctx context.Context, serverID, channelID, accountID string, by chat.Act, change func(*chat.Personal) error) (chat.Personal, error) {
	const op = "ChangePersonal"
	key, err := personalKey(serverID, channelID, accountID)
	if err != nil {
		return chat.Personal{}, failed(op, err)
	}
	return alter(ctx, s, entity[chat.Personal]{
		op: op, key: key,
		encode:    func(v chat.Personal) (item, error) { return encodePersonal(key, v) },
		decode:    func(row item) (chat.Personal, error) { return decodePersonal(serverID, channelID, accountID, row) },
		stamps:    func(v *chat.Personal) stamps { return stamps{&v.Version, &v.Sight} },
		sameSight: chat.Personal.SameSight,
		entry:     by.OfPersonal,
		seen: func(w *transaction, before, after chat.Personal) {
			after.ServerID, after.ChannelID, after.AccountID = serverID, channelID, accountID
			w.changed(serverID, by.At, changedAccount, accountID)
			if before.Version == 0 {
				key, err := goneChannelKey(serverID, channelID)
				w.absent(key, chat.ChannelIsGone(), err)
			}
			if listed(after) {
				w.put(encodeListEntry(after))
			} else {
				w.delete(listKey(serverID, channelID, accountID))
			}
			w.listsChanged(op, before, after)
		},
	}, change)
}
