package dynamo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A tally is a row that counts others, so that a limit of theirs holds in the condition of the write that adds one. It is made by
// the first write that needs it, from what is there: what was written before there were tallies counts, too.

// The attributes of tallies. Those of a channel's lists have two.
const (
	attrWhite = "w"
	attrBlack = "b"
)

// tally is how a transaction changes one.
type tally struct {
	key     itemKey
	changes []tallyChange
	full    *chat.Error
	// count counts what is there, by attribute.
	count func(context.Context, *Store) (map[string]int, error)
}

type tallyChange struct {
	attribute   string
	delta, most int
}

func channelTallyKey(server string) (itemKey, error) {
	return newKey([]string{"counts", server}, []string{"channels"})
}

func listTallyKey(server, channel string) (itemKey, error) {
	return newKey([]string{"counts", server}, []string{"lists", channel})
}

func membershipTallyKey(account string) (itemKey, error) {
	return newKey([]string{"memberships", account}, []string{"count"})
}

// tally changes the counts, where they differ: one that grows stays within its limit.
func (w *transaction) tally(t tally, err error) {
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	var adds []string
	conditions := []string{"attribute_exists(#pk)"}
	names, values := map[string]string{"#pk": attrPK}, item{}
	for i, c := range t.changes {
		if c.delta == 0 {
			continue
		}
		name, delta, most := fmt.Sprint("#n", i), fmt.Sprint(":n", i), fmt.Sprint(":most", i)
		adds = append(adds, name+" "+delta)
		names[name], values[delta] = c.attribute, number(c.delta)
		if c.delta > 0 {
			conditions = append(conditions, name+" < "+most)
			values[most] = number(c.most)
		}
	}
	if len(adds) == 0 {
		return
	}
	w.failing(func(ctx context.Context, s *Store, op string) error { return t.failed(ctx, s, op) })
	w.items = append(w.items, types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String(w.table), Key: t.key.item(),
		UpdateExpression:          aws.String("ADD " + strings.Join(adds, ", ")),
		ConditionExpression:       aws.String(strings.Join(conditions, " AND ")),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}})
}

// failed finds out why the tally's condition did: there is none yet, and then it is made; or it is full.
func (t tally) failed(ctx context.Context, s *Store, op string) error {
	row, err := s.get(ctx, op, s.tables.Community, t.key)
	if err != nil {
		return err
	}
	if row == nil {
		if err := t.make(ctx, s, op); err != nil {
			return err
		}
		return again{busy(op, errOvertaken)}
	}
	counts, err := decode[map[string]any](row)
	if err != nil {
		return err
	}
	for _, c := range t.changes {
		if n, _ := counts[c.attribute].(float64); c.delta > 0 && int(n) >= c.most {
			return t.full
		}
	}
	return again{busy(op, errOvertaken)} // there is room again
}

// make stores the tally of what is there, unless somebody else was faster.
func (t tally) make(ctx context.Context, s *Store, op string) error {
	counts, err := t.count(ctx, s)
	if err != nil {
		return err
	}
	row := t.key.item()
	for attribute, n := range counts {
		row[attribute] = number(n)
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String(s.tables.Community), Item: row,
		ConditionExpression: aws.String("attribute_not_exists(#pk)"), ExpressionAttributeNames: map[string]string{"#pk": attrPK},
	})
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return nil
	}
	return failed(op, err)
}

// counted is how many rows the span has.
func counted(op string, p span) func(context.Context, *Store) (map[string]int, error) {
	return func(ctx context.Context, s *Store) (map[string]int, error) {
		p.table = s.tables.Community
		rows, err := s.all(ctx, op, p, 0)
		return map[string]int{attrCount: len(rows)}, err
	}
}

// channelsChanged counts a new channel (1), or one that is deleted (-1).
func (w *transaction) channelsChanged(op, server string, delta int) {
	key, err := channelTallyKey(server)
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	all, err := channelSpan(server)
	w.tally(tally{
		key: key, changes: []tallyChange{{attrCount, delta, chat.MaxChannelsPerServer}},
		full:  chat.TooManyChannels(),
		count: counted(op, all),
	}, err)
}

// afterSeparator sorts after every key that continues with a separator.
const afterSeparator = "$"

// listsChanged counts the accounts on the channel's lists.
func (w *transaction) listsChanged(op string, before, after chat.Personal) {
	key, err := listTallyKey(after.ServerID, after.ChannelID)
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	pk, err := listPartition(after.ServerID, after.ChannelID)
	w.tally(tally{
		key: key, full: chat.TooManyListed(),
		changes: []tallyChange{
			{attrWhite, difference(before.WhiteGeneration != 0, after.WhiteGeneration != 0), chat.MaxMembersPerList},
			{attrBlack, difference(before.Black, after.Black), chat.MaxMembersPerList},
		},
		count: func(ctx context.Context, s *Store) (map[string]int, error) { return s.countLists(ctx, op, pk) },
	}, err)
}

func (s *Store) countLists(ctx context.Context, op, pk string) (map[string]int, error) {
	rows, err := s.all(ctx, op, span{table: s.tables.Community, pk: pk}, 0)
	counts := map[string]int{attrWhite: 0, attrBlack: 0}
	for _, row := range rows {
		entry, err := decodeListEntry(row)
		if err != nil {
			return nil, err
		}
		counts[attrWhite] += difference(false, entry.WhiteGeneration != 0)
		counts[attrBlack] += difference(false, entry.Black)
	}
	return counts, err
}

// membershipCounted counts the account's servers.
func (w *transaction) membershipCounted(op string, before, after chat.Member) {
	key, err := membershipTallyKey(after.AccountID)
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	pk, err := membershipPartition(after.AccountID)
	w.tally(tally{
		key: key, full: chat.TooManyServers(),
		changes: []tallyChange{{attrCount, difference(before.Active(), after.Active()), chat.MaxServersPerAccount}},
		count:   counted(op, span{pk: pk}),
	}, err)
}

func difference(before, after bool) int {
	switch {
	case after && !before:
		return 1
	case before && !after:
		return -1
	}
	return 0
}
