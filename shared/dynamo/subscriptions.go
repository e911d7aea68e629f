package dynamo

import (
	"context"
	"errors"
	"slices"
	"strings"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// subscriptionsRow lists what a connection is subscribed to. Its rows in the
// audiences are presenceRows.
type subscriptionsRow struct {
	Channels []string `dynamodbav:"l,stringset,omitempty"` // server#channel
	TTL      int64    `dynamodbav:"ttl"`
}

const attrChannels = "l"

func subscriptionsKey(account, connection string) (itemKey, error) {
	return newKey([]string{"subscriptions", account}, []string{connection})
}

func channelText(channel chat.ChannelRef) (string, error) {
	return partition(channel.ServerID, channel.ChannelID)
}

func decodeSubscriptions(row item) ([]chat.ChannelRef, error) {
	stored, err := decode[subscriptionsRow](row)
	if err != nil {
		return nil, err
	}
	slices.Sort(stored.Channels)
	var channels []chat.ChannelRef
	for _, text := range stored.Channels {
		server, channel, _ := strings.Cut(text, separator)
		channels = append(channels, chat.ChannelRef{ServerID: server, ChannelID: channel})
	}
	return channels, nil
}

// Subscriptions reads the channels that the connection is subscribed to.
func (s *Store) Subscriptions(ctx context.Context, accountID, connectionID string) ([]chat.ChannelRef, error) {
	const op = "Subscriptions"
	key, err := subscriptionsKey(accountID, connectionID)
	if err != nil {
		return nil, failed(op, err)
	}
	rows, err := s.batchGet(ctx, op, s.tables.Sessions, []itemKey{key})
	if err != nil {
		return nil, err
	}
	channels, err := decodeSubscriptions(rows[key])
	return channels, failed(op, err)
}

// Subscribe adds the channels to the connection's list with one conditional
// update, and then puts the rows.
func (s *Store) Subscribe(ctx context.Context, rows []chat.Presence, most int) error {
	const op = "Subscribe"
	if len(rows) == 0 {
		return nil
	}
	connection := rows[0].Connection
	var channels []string
	for _, row := range rows {
		channel, err := channelText(chat.ChannelRef{ServerID: row.ServerID, ChannelID: row.ChannelID})
		if err != nil {
			return failed(op, err)
		}
		channels = append(channels, channel)
	}
	if err := s.list(ctx, op, connection, channels, most); err != nil {
		return err
	}
	return s.PutPresences(ctx, rows)
}

// errFull is answered where a connection is subscribed to as much as it may be.
var errFull = &chat.Error{Code: chat.RateLimited, Reason: "subscribed to as many channels as a connection may be"}

func (s *Store) list(ctx context.Context, op string, c chat.Connection, channels []string, most int) error {
	key, err := subscriptionsKey(c.AccountID, c.ID)
	if err != nil {
		return failed(op, err)
	}
	if len(channels) > most {
		return errFull
	}
	room := most - len(channels) // what may be there when all of them are new
	return s.written(ctx, op, func(ctx context.Context) error {
		_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(s.tables.Sessions), Key: key.item(),
			UpdateExpression:         aws.String("SET #ttl = :ends ADD #channels :channels"),
			ConditionExpression:      aws.String("attribute_not_exists(#channels) OR size(#channels) <= :room"),
			ExpressionAttributeNames: map[string]string{"#channels": attrChannels, "#ttl": attrTTL},
			ExpressionAttributeValues: item{
				":channels": &types.AttributeValueMemberSS{Value: channels}, ":room": number(room), ":ends": number(secondsUp(c.EndsAt())),
			},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
		if !ok {
			return failed(op, err)
		}
		former, err := decode[subscriptionsRow](refused.Item)
		if err != nil {
			return failed(op, err)
		}
		added := slices.DeleteFunc(slices.Clone(channels), func(channel string) bool { return slices.Contains(former.Channels, channel) })
		if len(former.Channels)+len(added) > most {
			return errFull
		}
		room = len(former.Channels) // not all of them are new, so this many leave room
		return again{busy(op, errOvertaken)}
	})
}

// Unsubscribe removes rows and then the channels from the list, so that what is left when it fails is
// still found.
func (s *Store) Unsubscribe(ctx context.Context, c chat.Connection, channels []chat.ChannelRef) error {
	const op = "Unsubscribe"
	key, err := subscriptionsKey(c.AccountID, c.ID)
	if err != nil {
		return failed(op, err)
	}
	var (
		batch batchWrite
		texts []string
	)
	for _, channel := range channels {
		row := chat.Presence{ServerID: channel.ServerID, ChannelID: channel.ChannelID, Connection: c}
		rowKey, err := presenceKey(row.Crowd(), c.ID)
		if err != nil {
			return failed(op, err)
		}
		batch.delete(rowKey)
		text, _ := channelText(channel) // presenceKey refused what it would
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil
	}
	if err := batch.run(ctx, s, op, s.tables.Sessions); err != nil {
		return err
	}
	slices.Sort(texts)
	return s.written(ctx, op, func(ctx context.Context) error {
		_, err := s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(s.tables.Sessions), Key: key.item(),
			UpdateExpression:         aws.String("SET #ttl = :ends DELETE #channels :channels"),
			ExpressionAttributeNames: map[string]string{"#channels": attrChannels, "#ttl": attrTTL},
			ExpressionAttributeValues: item{
				":channels": &types.AttributeValueMemberSS{Value: slices.Compact(texts)}, ":ends": number(secondsUp(c.EndsAt())),
			},
		})
		return failed(op, err)
	})
}
