package dynamo

import (
	"cmp"
	"context"
	"errors"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// How many jobs of a kind have begun in a server is counted in a row, in the transaction that begins one. Nothing counts down: where the count
// is at its limit the jobs themselves are counted, and it becomes what they say, so that it is never less than are at work. (Jobs that
// began before there was a count, or by an earlier release, count from then on.)

func jobTallyKey(server string, kind chat.JobKind) (itemKey, error) {
	return newKey([]string{"counts", server}, []string{"jobs", string(kind)})
}

// jobBegins counts one more job of the kind, within its limit.
func (w *transaction) jobBegins(server string, kind chat.JobKind) {
	key, err := jobTallyKey(server, kind)
	if err != nil {
		w.err = cmp.Or(w.err, err)
		return
	}
	w.failing(func(ctx context.Context, s *Store, op string) error { return s.recountJobs(ctx, op, key, server, kind) })
	w.items = append(w.items, types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String(w.table), Key: key.item(),
		UpdateExpression:          aws.String("ADD #n :one"),
		ConditionExpression:       aws.String("attribute_not_exists(#n) OR #n < :most"),
		ExpressionAttributeNames:  map[string]string{"#n": attrCount},
		ExpressionAttributeValues: item{":one": number(1), ":most": number(kind.AtWork())},
	}})
}

// recountJobs has the count say how many are at work, unless one more begins meanwhile; the transaction is to be tried again then. Where all of them are at work
// it refuses.
func (s *Store) recountJobs(ctx context.Context, op string, key itemKey, server string, kind chat.JobKind) error {
	row, err := s.get(ctx, op, s.tables.Community, key)
	if err != nil {
		return err
	}
	atWork, err := s.jobsAtWork(ctx, op, server, kind)
	switch {
	case err != nil:
		return err
	case atWork >= kind.AtWork():
		return chat.TooManyJobs(kind)
	}
	was, known := row[attrCount]
	if !known {
		return again{busy(op, errOvertaken)}
	}
	_, err = s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.tables.Community), Key: key.item(),
		UpdateExpression: aws.String("SET #n = :n"), ConditionExpression: aws.String("#n = :was"),
		ExpressionAttributeNames:  map[string]string{"#n": attrCount},
		ExpressionAttributeValues: item{":n": number(atWork), ":was": was},
	})
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		err = nil
	}
	if err != nil {
		return failed(op, err)
	}
	return again{busy(op, errOvertaken)}
}

// jobsAtWork counts the jobs of the kind that are not finished, among all of the server's that are kept.
func (s *Store) jobsAtWork(ctx context.Context, op, server string, kind chat.JobKind) (int, error) {
	pk, err := partition("jobs", server)
	if err != nil {
		return 0, failed(op, err)
	}
	rows, err := s.all(ctx, op, span{table: s.tables.Community, pk: pk, bound: string(kind) + separator, end: string(kind) + afterSeparator}, 0)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, row := range rows {
		job, err := decodeJob(row)
		if err != nil {
			return 0, failed(op, err)
		}
		if job.FinishedAt == 0 {
			n++
		}
	}
	return n, nil
}
