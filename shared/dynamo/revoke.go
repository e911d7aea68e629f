package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// revocable is the condition of a revoke: all that decides about state and time.
const revocable = "attribute_exists(#pk)" +
	" AND #status = :normal" +
	" AND (attribute_not_exists(#ttl) OR #ttl > :seconds)" +
	" AND ((#sender.#account = :me AND #sent_at >= :own_cutoff) OR #sent_at >= :moderator_cutoff)"

// revoking is the update, with its version; the names of what is removed follow it.
const revoking = "SET #status = :revoked, #version = %s, #updated_at = :now," +
	" #operator = :operator, #info = :info, #upk = :upk, #usk = :usk REMOVE "

// RevokeMessage is one conditional UpdateItem. When its condition fails, the row
// that comes with the refusal says why: nothing is read before or after.
func (s *Store) RevokeMessage(ctx context.Context, w chat.RevokeWrite) (chat.Message, error) {
	const op = "RevokeMessage"
	in, err := s.revocation(w)
	if err != nil {
		return chat.Message{}, failed(op, err)
	}
	var row, old item
	err = s.written(ctx, op, func(ctx context.Context) error {
		out, err := s.client.UpdateItem(ctx, in)
		// The exception holds the old row, text and all: it goes no further.
		if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
			row, old = nil, refused.Item
			return nil
		}
		if err != nil {
			return failed(op, err)
		}
		row = out.Attributes
		return nil
	})
	if err != nil {
		return chat.Message{}, err
	}
	if row != nil {
		return wrapped(op)(decodeMessage(row))
	}
	return wrapped(op)(whyNot(w, old))
}

func (s *Store) revocation(w chat.RevokeWrite) (*dynamodb.UpdateItemInput, error) {
	key, err := messageKey(w.Key)
	if err != nil {
		return nil, err
	}
	values, err := revocationValues(w)
	if err != nil {
		return nil, err
	}
	in := s.erasure(key, revocable, "#version + :one", values, attrTTL, attrSentAt, attrSender, attrAccount)
	in.ReturnValues = types.ReturnValueAllNew
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	return in, nil
}

// erasure is the update of a row that is taken back. The condition names the attributes besides those that each has.
func (s *Store) erasure(key itemKey, condition, version string, values item, besides ...string) *dynamodb.UpdateItemInput {
	names, removed := contentNames()
	for _, name := range append(besides, attrPK, attrVersion, attrStatus, attrUpdatedAt, attrOperator, attrInfo, attrUPK, attrUSK) {
		names["#"+name] = name
	}
	return &dynamodb.UpdateItemInput{
		TableName:                 aws.String(s.tables.Messages),
		Key:                       key.item(),
		ConditionExpression:       aws.String(condition),
		UpdateExpression:          aws.String(fmt.Sprintf(revoking, version) + removed),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
}

func revocationValues(w chat.RevokeWrite) (item, error) {
	values, err := erasureValues(w.Key, w.Revocation, w.Now.UnixMilli())
	if err != nil {
		return nil, err
	}
	values[":one"], values[":seconds"] = number(1), number(w.Now.Unix())
	values[":me"] = text(w.Revocation.Operator.AccountID)
	values[":own_cutoff"], values[":moderator_cutoff"] = number(w.OwnCutoff), number(w.ModeratorCutoff)
	return values, nil
}

// erasureValues are the values of what is taken back at a time (ms).
func erasureValues(k chat.MessageKey, r chat.Revocation, at int64) (item, error) {
	update, err := updateKey(k, at)
	if err != nil {
		return nil, err
	}
	operator, err := encode(actorRowOf(r.Operator))
	if err != nil {
		return nil, err
	}
	info, err := encode(infoRow(r.Info))
	if err != nil {
		return nil, err
	}
	return item{
		":normal": number(chat.Normal), ":revoked": number(chat.Revoked), ":now": number(at),
		":operator": &types.AttributeValueMemberM{Value: operator}, ":info": &types.AttributeValueMemberM{Value: info},
		":upk": text(update.pk), ":usk": text(update.sk),
	}, nil
}

// contentNames are the attributes that a revoke removes, with their placeholders.
func contentNames() (names map[string]string, placeholders string) {
	names = make(map[string]string, len(contentAttributes))
	list := make([]string, len(contentAttributes))
	for i, attribute := range contentAttributes {
		list[i] = "#" + attribute.name
		names[list[i]] = attribute.name
	}
	return names, strings.Join(list, ", ")
}

// whyNot decides by the row that the condition met: the first that holds.
func whyNot(w chat.RevokeWrite, old item) (chat.Message, error) {
	if len(old) == 0 {
		return chat.Message{}, &chat.Error{Code: chat.NotFound}
	}
	m, err := decodeMessage(old)
	switch {
	case err != nil:
		return chat.Message{}, err
	case m.ExpiredAt(w.Now.UnixMilli()):
		return chat.Message{}, &chat.Error{Code: chat.NotFound}
	case m.From.AccountID != w.Revocation.Operator.AccountID && !w.Permitted:
		return chat.Message{}, &chat.Error{Code: chat.Forbidden}
	case m.Status == chat.Revoked:
		return m, nil
	case m.Status == chat.Deleted:
		return chat.Message{}, &chat.Error{Code: chat.NotFound}
	}
	return chat.Message{}, &chat.Error{Code: chat.TooLate}
}

// wrapped names the operation in an error that is no refusal.
func wrapped(op string) func(chat.Message, error) (chat.Message, error) {
	return func(m chat.Message, err error) (chat.Message, error) {
		if err == nil {
			return m, nil
		}
		return chat.Message{}, failed(op, err)
	}
}
