package dynamo

import (
	"context"
	"slices"
	"sync"

	"unsend/shared/chat"
)

// Standing reads the rows of a decision with one strong BatchGetItem.
func (s *Store) Standing(ctx context.Context, serverID, channelID, accountID string) (chat.Standing, error) {
	const op = "Standing"
	var standing chat.Standing
	w := wantedRows{{
		func() (itemKey, error) { return serverKey(serverID) },
		func(row item) (err error) { standing.Server, err = decodeServer(serverID, row); return err },
	}}
	if channelID != "" {
		w.add(func() (itemKey, error) { return channelKey(serverID, channelID) },
			func(row item) (err error) {
				standing.Channel, err = decodeChannel(serverID, channelID, row)
				return err
			})
	}
	if accountID != "" {
		w.add(func() (itemKey, error) { return memberKey(serverID, accountID) },
			func(row item) (err error) { standing.Member, err = decodeMember(serverID, accountID, row); return err })
	}
	if channelID != "" && accountID != "" {
		w.add(func() (itemKey, error) { return personalKey(serverID, channelID, accountID) },
			func(row item) (err error) {
				standing.Personal, err = decodePersonal(serverID, channelID, accountID, row)
				return err
			})
	}
	if err := w.read(ctx, s, op); err != nil {
		return chat.Standing{}, failed(op, err)
	}
	return standing, nil
}

// wantedRows are rows of the community, and what each is read into.
type wantedRows []struct {
	key  func() (itemKey, error)
	into func(item) error
}

func (w *wantedRows) add(key func() (itemKey, error), into func(item) error) {
	*w = append(*w, struct {
		key  func() (itemKey, error)
		into func(item) error
	}{key, into})
}

// read reads them with one strong BatchGetItem; rows that are not there are left alone.
func (w wantedRows) read(ctx context.Context, s *Store, op string) error {
	keys := make([]itemKey, len(w))
	for i, wanted := range w {
		var err error
		if keys[i], err = wanted.key(); err != nil {
			return err
		}
	}
	rows, err := s.batchGet(ctx, op, s.tables.Community, keys)
	if err != nil {
		return err
	}
	for i, wanted := range w {
		if row, ok := rows[keys[i]]; ok {
			if err := wanted.into(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Memberships reads the account's servers.
func (s *Store) Memberships(ctx context.Context, accountID string) ([]chat.Membership, error) {
	const op = "Memberships"
	pk, err := membershipPartition(accountID)
	if err != nil {
		return nil, failed(op, err)
	}
	rows, err := s.all(ctx, op, span{table: s.tables.Community, pk: pk}, 0)
	if err != nil {
		return nil, err
	}
	var memberships []chat.Membership
	for _, row := range rows {
		m, err := decodeMembership(row)
		if err != nil {
			return nil, failed(op, err)
		}
		memberships = append(memberships, m)
	}
	return memberships, nil
}

// Rights reads policies, lists and changes at the same time. They are not one
// snapshot: each is as new as the call, which is what a push needs.
func (s *Store) Rights(ctx context.Context, serverID string, channelIDs []string, since int64) (chat.Rights, error) {
	r := rightsReading{store: s, server: serverID, channels: slices.Compact(slices.Sorted(slices.Values(channelIDs))), rights: chat.Rights{
		Channels: map[string]chat.Channel{}, Lists: map[string][]chat.ListEntry{}, Changed: map[string]int64{},
	}}
	reads := []func(context.Context) error{
		r.policies,
		func(ctx context.Context) error { return r.changes(ctx, max(since, 0)) },
	}
	for _, channel := range r.channels {
		reads = append(reads, func(ctx context.Context) error { return r.list(ctx, channel) })
	}
	if err := s.parallel(ctx, reads...); err != nil {
		return chat.Rights{}, failed(opRights, err)
	}
	return r.rights, nil
}

const opRights = "Rights"

// rightsReading collects what the reads of one Rights find.
type rightsReading struct {
	store    *Store
	server   string
	channels []string
	mu       sync.Mutex // of rights.Lists; each other field has one writer
	rights   chat.Rights
}

func (r *rightsReading) policies(ctx context.Context) error {
	server, err := serverKey(r.server)
	if err != nil {
		return err
	}
	keys := []itemKey{server}
	for _, id := range r.channels {
		key, err := channelKey(r.server, id)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	rows, err := r.store.batchGet(ctx, opRights, r.store.tables.Community, keys)
	if err != nil {
		return err
	}
	if row, ok := rows[server]; ok {
		if r.rights.Server, err = decodeServer(r.server, row); err != nil {
			return err
		}
	}
	for i, id := range r.channels {
		if row, ok := rows[keys[i+1]]; ok {
			if r.rights.Channels[id], err = decodeChannel(r.server, id, row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rightsReading) list(ctx context.Context, channel string) error {
	pk, err := listPartition(r.server, channel)
	if err != nil {
		return err
	}
	rows, err := r.store.all(ctx, opRights, span{table: r.store.tables.Community, pk: pk}, 0)
	if err != nil || len(rows) == 0 {
		return err
	}
	entries := make([]chat.ListEntry, len(rows))
	for i, row := range rows {
		if entries[i], err = decodeListEntry(row); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights.Lists[channel] = entries
	return nil
}

// changes reads no more rows than tell that there are too many.
func (r *rightsReading) changes(ctx context.Context, since int64) error {
	pk, err := changePartition(r.server)
	if err != nil {
		return err
	}
	from := stamp(since)
	if from == "" {
		return errBadKey
	}
	p := span{table: r.store.tables.Community, pk: pk, comparison: ">=", bound: from}
	rows, err := r.store.all(ctx, opRights, p, chat.MaxChanges)
	if err != nil {
		return err
	}
	if len(rows) > chat.MaxChanges {
		r.rights.Changed, r.rights.TooMany = nil, true
		return nil
	}
	for _, row := range rows {
		at, account, err := decodeChange(row)
		if err != nil {
			return err
		}
		if account != "" {
			r.rights.Changed[account] = max(r.rights.Changed[account], at)
		}
	}
	return nil
}

// Members reads member rows, a hundred in a request, requests at the same time.
func (s *Store) Members(ctx context.Context, serverID string, accountIDs []string) (map[string]chat.Member, error) {
	return s.members(ctx, "Members", serverID, accountIDs)
}

func (s *Store) members(ctx context.Context, op, serverID string, accountIDs []string) (map[string]chat.Member, error) {
	keys, err := keysFor(accountIDs, func(account string) (itemKey, error) { return memberKey(serverID, account) })
	if err != nil {
		return nil, failed(op, err)
	}
	rows, err := s.batchGet(ctx, op, s.tables.Community, keys)
	if err != nil {
		return nil, err
	}
	members := make(map[string]chat.Member, len(rows))
	for key, row := range rows {
		m, err := decodeMember(serverID, key.sk, row)
		if err != nil {
			return nil, failed(op, err)
		}
		if m.Generation > 0 {
			members[m.AccountID] = m
		}
	}
	return members, nil
}
