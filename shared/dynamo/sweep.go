package dynamo

import (
	"context"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// traceRow is what a sweep reads of a message.
type traceRow struct {
	Status    int       `dynamodbav:"status"`
	UpdatedAt int64     `dynamodbav:"updated_at"`
	ExpiresAt int64     `dynamodbav:"ttl"`
	Operator  *actorRow `dynamodbav:"operator"`
}

// Traces reads one page with one query. It pays for the rows of the range, and is sent no content.
func (s *Store) Traces(ctx context.Context, q chat.TraceQuery) (chat.TracePage, error) {
	const op = "Traces"
	p, err := s.traceSpan(q)
	if err != nil {
		return chat.TracePage{}, failed(op, err)
	}
	if p.bound > p.end || p.after != "" && p.after < p.bound {
		return chat.TracePage{}, nil // the service refuses to look there
	}
	out, err := s.weighed(ctx, op, p)
	if err != nil {
		return chat.TracePage{}, err
	}
	page := chat.TracePage{Read: int(out.ScannedCount), KB: kbOf(out)}
	for _, row := range out.Items {
		key, err := ParseMessageKey(textOf(row[attrPK]), textOf(row[attrSK]))
		if err != nil {
			return chat.TracePage{}, failed(op, err)
		}
		stored, err := decode[traceRow](row)
		if err != nil {
			return chat.TracePage{}, failed(op, err)
		}
		trace := chat.Trace{
			MessageRef: chat.MessageRef{Timestamp: key.Timestamp, MsgServerID: key.MsgServerID},
			Status:     chat.Status(stored.Status), UpdatedAt: stored.UpdatedAt, ExpiresAt: stored.ExpiresAt,
		}
		if stored.Operator != nil {
			trace.OperatorID = stored.Operator.Account
		}
		page.Traces = append(page.Traces, trace)
	}
	if last := textOf(out.LastEvaluatedKey[attrSK]); last != "" {
		key, err := ParseMessageKey(p.pk, last)
		if err != nil {
			return chat.TracePage{}, failed(op, err)
		}
		page.Next = &chat.MessageRef{Timestamp: key.Timestamp, MsgServerID: key.MsgServerID}
	}
	return page, nil
}

// weighed reads one page, and has the service say what that cost.
func (s *Store) weighed(ctx context.Context, op string, p span) (*dynamodb.QueryOutput, error) {
	in := p.input()
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := s.client.Query(ctx, in)
	return out, failed(op, err)
}

// kbOf is how much a strong query has read, returned or not: a unit is 4 KB.
func kbOf(out *dynamodb.QueryOutput) int {
	if out.ConsumedCapacity == nil {
		return 0
	}
	return int(4 * aws.ToFloat64(out.ConsumedCapacity.CapacityUnits))
}

func (s *Store) traceSpan(q chat.TraceQuery) (span, error) {
	pk, err := channelPartition(q.ServerID, q.ChannelID)
	if err != nil {
		return span{}, err
	}
	since, until := stamp(q.Since), stamp(q.Until)
	if since == "" || until == "" {
		return span{}, errBadKey
	}
	p := span{
		table: s.tables.Messages, pk: pk, bound: since, end: until + afterSeparator, backward: true, limit: q.Limit,
		filter: &filter{
			condition:  "#sender.#account = :account",
			projection: "#pk, #sk, #status, #updated_at, #operator.#account, #ttl",
			names: map[string]string{
				"#sender": attrSender, "#account": attrAccount, "#status": attrStatus, "#updated_at": attrUpdatedAt, "#operator": attrOperator, "#ttl": attrTTL,
			},
			values: item{":account": text(q.AccountID)},
		},
	}
	if q.After != nil {
		key, err := messageKey(chat.MessageKey{ServerID: q.ServerID, ChannelID: q.ChannelID, Timestamp: q.After.Timestamp, MsgServerID: q.After.MsgServerID})
		if err != nil {
			return span{}, err
		}
		p.after = key.sk
	}
	return p, nil
}
