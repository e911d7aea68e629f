package dynamo

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"unsend/shared/chat"
)

// Updates reads the shards of the server's updates at the same time and merges
// them. Each page costs one query for each shard. Updates are spread evenly, so
// each shard is read for a quarter more than its share of the page.
func (s *Store) Updates(ctx context.Context, serverID string, from chat.UpdateRef, limit int) (chat.UpdatePage, error) {
	const op = "Updates"
	comparison, bound, err := updatesBound(serverID, from)
	if err != nil {
		return chat.UpdatePage{}, failed(op, err)
	}
	var (
		mu      sync.Mutex
		rows    []item
		horizon string // no shard was read further than here; empty: all were read to their end
		reads   []func(context.Context) error
	)
	for shard := range updateShards {
		pk, err := partition(serverID, strconv.Itoa(shard))
		if err != nil {
			return chat.UpdatePage{}, failed(op, err)
		}
		p := span{table: s.tables.Messages, pk: pk, updates: true, comparison: comparison, bound: bound, limit: limit*5/(4*updateShards) + 1}
		reads = append(reads, func(ctx context.Context) error {
			found, last, err := s.page(ctx, op, p)
			mu.Lock()
			defer mu.Unlock()
			rows = append(rows, found...)
			if last != "" && (horizon == "" || last < horizon) {
				horizon = last
			}
			return err
		})
	}
	if err := s.parallel(ctx, reads...); err != nil {
		return chat.UpdatePage{}, failed(op, err)
	}
	return mergeUpdates(rows, horizon, limit)
}

func updatesBound(server string, from chat.UpdateRef) (comparison, bound string, err error) {
	if from.MsgServerID == "" {
		if bound = stamp(from.UpdatedAt); bound == "" {
			return "", "", errBadKey
		}
		return ">=", bound, nil
	}
	key, err := updateKey(chat.MessageKey{ServerID: server, ChannelID: from.ChannelID, Timestamp: from.Timestamp, MsgServerID: from.MsgServerID}, from.UpdatedAt)
	return ">", key.sk, err
}

// mergeUpdates gives the first rows of all shards, as far as every shard was
// read: beyond the horizon one may hold rows that were not.
func mergeUpdates(rows []item, horizon string, limit int) (chat.UpdatePage, error) {
	slices.SortFunc(rows, func(a, b item) int { return cmp.Compare(textOf(a[attrUSK]), textOf(b[attrUSK])) })
	known := rows
	if horizon != "" {
		known = slices.DeleteFunc(slices.Clone(rows), func(row item) bool { return textOf(row[attrUSK]) > horizon })
	}
	more := horizon != "" || len(known) > limit
	known = known[:min(limit, len(known))]
	var page chat.UpdatePage
	for _, row := range known {
		update, err := decodeUpdate(row)
		if err != nil {
			return chat.UpdatePage{}, failed("Updates", err)
		}
		page.Updates = append(page.Updates, update)
	}
	if last := len(page.Updates) - 1; more && last >= 0 {
		next := page.Updates[last].Ref()
		page.Next = &next
	}
	return page, nil
}

// updateRow is what the index projects.
type updateRow struct {
	Version  int64    `dynamodbav:"version"`
	Operator actorRow `dynamodbav:"operator"`
	Info     infoRow  `dynamodbav:"info"`
}

func decodeUpdate(row item) (chat.Update, error) {
	key, err := ParseMessageKey(textOf(row[attrPK]), textOf(row[attrSK]))
	if err != nil {
		return chat.Update{}, err
	}
	at, _, _ := strings.Cut(textOf(row[attrUSK]), separator)
	ms, err := parseStamp(at)
	if err != nil {
		return chat.Update{}, err
	}
	stored, err := decode[updateRow](row)
	return chat.Update{
		MessageKey: key, Version: stored.Version, UpdatedAt: ms,
		Revocation: chat.Revocation{Operator: stored.Operator.actor(), Info: chat.UpdateInfo(stored.Info)},
	}, err
}

// Sights reads the server's policies with one query, the member row beside it,
// and then what each channel holds for the account.
func (s *Store) Sights(ctx context.Context, serverID, accountID string) (chat.Sights, error) {
	const op = "Sights"
	var sights chat.Sights
	err := s.parallel(ctx,
		func(ctx context.Context) error { return s.policies(ctx, op, serverID, &sights) },
		func(ctx context.Context) error {
			members, err := s.members(ctx, op, serverID, []string{accountID})
			sights.Member = members[accountID]
			return err
		},
	)
	if err != nil {
		return chat.Sights{}, failed(op, err)
	}
	if sights.Server.ID == "" || !sights.Member.Joined || len(sights.Channels) == 0 {
		return sights, nil // nothing to see, so nothing more to read
	}
	sights.Personals, err = s.personals(ctx, op, serverID, accountID, sights.Channels)
	if err != nil {
		return chat.Sights{}, failed(op, err)
	}
	return sights, nil
}

// SightsOf reads the rows of some channels with one strong BatchGetItem.
func (s *Store) SightsOf(ctx context.Context, serverID, accountID string, channelIDs []string) (chat.Sights, error) {
	const op = "SightsOf"
	sights := chat.Sights{Personals: map[string]chat.Personal{}}
	w := wantedRows{}
	w.add(func() (itemKey, error) { return serverKey(serverID) },
		func(row item) (err error) { sights.Server, err = decodeServer(serverID, row); return err })
	w.add(func() (itemKey, error) { return memberKey(serverID, accountID) },
		func(row item) (err error) { sights.Member, err = decodeMember(serverID, accountID, row); return err })
	for _, id := range channelIDs {
		w.add(func() (itemKey, error) { return channelKey(serverID, id) },
			func(row item) error {
				channel, err := decodeChannel(serverID, id, row)
				sights.Channels = append(sights.Channels, channel)
				return err
			})
		w.add(func() (itemKey, error) { return personalKey(serverID, id, accountID) },
			func(row item) (err error) {
				sights.Personals[id], err = decodePersonal(serverID, id, accountID, row)
				return err
			})
	}
	if err := w.read(ctx, s, op); err != nil {
		return chat.Sights{}, failed(op, err)
	}
	return sights, nil
}

func (s *Store) policies(ctx context.Context, op, serverID string, into *chat.Sights) error {
	policy, err := serverKey(serverID)
	if err != nil {
		return err
	}
	rows, err := s.all(ctx, op, span{table: s.tables.Community, pk: policy.pk}, 0)
	if err != nil {
		return err
	}
	for _, row := range rows {
		kind, id, _ := strings.Cut(textOf(row[attrSK]), separator)
		switch kind {
		case policy.sk:
			into.Server, err = decodeServer(serverID, row)
		case memberCountKind:
			into.Delivery, err = decodeDelivery(row)
		case channelKind:
			var channel chat.Channel
			channel, err = decodeChannel(serverID, id, row)
			into.Channels = append(into.Channels, channel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) personals(ctx context.Context, op, serverID, accountID string, channels []chat.Channel) (map[string]chat.Personal, error) {
	ids := make(map[itemKey]string, len(channels))
	keys := make([]itemKey, len(channels))
	for i, channel := range channels {
		key, err := personalKey(serverID, channel.ID, accountID)
		if err != nil {
			return nil, err
		}
		keys[i], ids[key] = key, channel.ID
	}
	rows, err := s.batchGet(ctx, op, s.tables.Community, keys)
	if err != nil {
		return nil, err
	}
	personals := make(map[string]chat.Personal, len(rows))
	for key, row := range rows {
		id := ids[key]
		if personals[id], err = decodePersonal(serverID, id, accountID, row); err != nil {
			return nil, err
		}
	}
	return personals, nil
}
