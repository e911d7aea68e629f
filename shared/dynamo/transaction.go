package dynamo

import (
	"cmp"
	"context"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// transaction collects writes of one table, and of the audit; the first error stays.
type transaction struct {
	table string
	items []types.TransactWriteItem
	err   error
	// refusals say what it means when the condition of an item fails, by its index; that of the first, where nothing is said of it, is being overtaken.
	refusals map[int]refuse
}

// refuse is the error of a condition that failed.
type refuse func(ctx context.Context, s *Store, op string) error

// failing is called before the item is added whose condition it is about.
func (w *transaction) failing(refusal refuse) {
	if w.refusals == nil {
		w.refusals = map[int]refuse{}
	}
	w.refusals[len(w.items)] = refusal
}

// absent demands that there is no row of the key.
func (w *transaction) absent(key itemKey, refusal *chat.Error, err error) {
	w.check(key, "attribute_not_exists(#pk)", map[string]string{"#pk": attrPK}, nil, refusal, err)
}

// check demands that the condition holds for the row of the key.
func (w *transaction) check(key itemKey, condition string, names map[string]string, values item, refusal *chat.Error, err error) {
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	w.failing(func(context.Context, *Store, string) error { return refusal })
	w.items = append(w.items, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String(w.table), Key: key.item(),
		ConditionExpression: aws.String(condition), ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}})
}

func (w *transaction) put(row item, err error) {
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	w.items = append(w.items, types.TransactWriteItem{Put: &types.Put{TableName: aws.String(w.table), Item: row}})
}

func (w *transaction) delete(key itemKey, err error) {
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	w.items = append(w.items, types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(w.table), Key: key.item()}})
}

// add counts the row's attribute up or down, from 0 where there is none.
func (w *transaction) add(key itemKey, attribute string, delta int, err error) {
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	w.items = append(w.items, types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String(w.table), Key: key.item(),
		UpdateExpression:          aws.String("ADD #n :n"),
		ExpressionAttributeNames:  map[string]string{"#n": attribute},
		ExpressionAttributeValues: item{":n": number(delta)},
	}})
}

// guard puts the condition on the last put that the row is still at version; 0:
// that there is none.
func (w *transaction) guard(version int64) {
	put := w.items[len(w.items)-1].Put
	if version == 0 {
		put.ConditionExpression = aws.String("attribute_not_exists(#pk)")
		put.ExpressionAttributeNames = map[string]string{"#pk": attrPK}
		return
	}
	put.ConditionExpression = aws.String("#version = :version")
	put.ExpressionAttributeNames = map[string]string{"#version": attrVersion}
	put.ExpressionAttributeValues = item{":version": number(version)}
}

// deleteAt deletes the row on the condition that it is still at version.
func (w *transaction) deleteAt(key itemKey, version int64) {
	w.items = append(w.items, types.TransactWriteItem{Delete: &types.Delete{
		TableName: aws.String(w.table), Key: key.item(),
		ConditionExpression:       aws.String("#version = :version"),
		ExpressionAttributeNames:  map[string]string{"#version": attrVersion},
		ExpressionAttributeValues: item{":version": number(version)},
	}})
}

func (w *transaction) run(ctx context.Context, s *Store, op string) error {
	_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: w.items})
	if reasons := reasonsOf(err); len(reasons) > 0 && reasons[0] == reasonCondition && w.refusals[0] == nil {
		return again{busy(op, errOvertaken)}
	}
	for i, reason := range reasonsOf(err) {
		if refusal, ok := w.refusals[i]; ok && reason == reasonCondition {
			return refusal(ctx, s, op)
		}
	}
	return failed(op, err)
}

// changed puts a change row.
func (w *transaction) changed(server string, at time.Time, kind ...string) {
	key, err := changeKey(server, at.UnixMilli(), kind...)
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	w.put(encodeChange(key, at.UnixMilli()))
}

// audited puts an entry into the audit, which is another table. It needs no condition: that of the row holds for it, too, and
// no other write has the row's new version.
func (w *transaction) audited(table string, e chat.PolicyEntry) {
	row, err := encodePolicyEntry(e)
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	w.items = append(w.items, types.TransactWriteItem{Put: &types.Put{TableName: aws.String(table), Item: row}})
}

// membership keeps the account's list of servers and the count of members in step with a member row.
func (w *transaction) membership(before, after chat.Member) {
	switch {
	case after.Active():
		w.put(encodeMembership(after))
	case before.Active():
		w.delete(membershipKey(after.AccountID, after.ServerID))
	}
	if before.Joined == after.Joined {
		return
	}
	delta := 1
	if before.Joined {
		delta = -1
	}
	key, err := memberCountKey(after.ServerID)
	w.add(key, attrCount, delta, err)
}
