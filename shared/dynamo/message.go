package dynamo

import (
	"errors"
	"reflect"
	"strings"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The attributes of a message that expressions name. What is content is in
// contentAttributes alone.
const (
	attrSentAt    = "sent_at" // ms; the key's time as a number, for the cut-offs
	attrSender    = "sender"
	attrAccount   = "account" // of sender and of operator
	attrStatus    = "status"
	attrUpdatedAt = "updated_at" // ms
	attrOperator  = "operator"
	attrInfo      = "info"
)

// The sparse index of a channel's updates, by time. A row enters it when it is
// revoked. It projects attrVersion, attrOperator and attrInfo besides the keys.
const (
	UpdatesIndex = "updates"
	attrUPK      = "upk"
	attrUSK      = "usk"
	updateShards = 4 // a server's updates are spread over as many partitions
)

// UpdatesProjection are the attributes that the index [UpdatesIndex] projects
// besides its own keys and the table's: never content.
var UpdatesProjection = []string{attrVersion, attrOperator, attrInfo}

// contentAttributes are what a revoke removes: the name of each attribute and
// the field it holds. The mapping and the revoke both use this list.
var contentAttributes = []struct {
	name  string
	field func(*chat.Content) any // a pointer to it
}{
	{"body", func(c *chat.Content) any { return &c.Body }},
	{"attach", func(c *chat.Content) any { return &c.Attach }},
	{"ext", func(c *chat.Content) any { return &c.Ext }},
	{"mention_all", func(c *chat.Content) any { return &c.MentionAll }},
	{"mention_accounts", func(c *chat.Content) any { return &c.MentionAccounts }},
	{"mention_roles", func(c *chat.Content) any { return &c.MentionRoles }},
	{"push_content", func(c *chat.Content) any { return &c.PushContent }},
	{"push_payload", func(c *chat.Content) any { return &c.PushPayload }},
}

// messageRow is a message without its content.
type messageRow struct {
	SentAt    int64     `dynamodbav:"sent_at"`
	Type      int       `dynamodbav:"type"`
	MsgID     string    `dynamodbav:"msg_id"`
	Sender    actorRow  `dynamodbav:"sender"`
	ReplyTo   *refRow   `dynamodbav:"reply_to,omitempty"`
	Status    int       `dynamodbav:"status"`
	Version   int64     `dynamodbav:"version"`
	UpdatedAt int64     `dynamodbav:"updated_at"`
	ExpiresAt int64     `dynamodbav:"ttl,omitempty"`
	Operator  *actorRow `dynamodbav:"operator,omitempty"`
	Info      *infoRow  `dynamodbav:"info,omitempty"`
}

type actorRow struct {
	Account    string `dynamodbav:"account"`
	Nick       string `dynamodbav:"nick,omitempty"`
	ClientType int    `dynamodbav:"client,omitempty"`
	Device     string `dynamodbav:"device,omitempty"`
}

type refRow struct {
	Timestamp int64  `dynamodbav:"at"`
	ID        string `dynamodbav:"id"`
}

type infoRow struct {
	Postscript  string `dynamodbav:"postscript,omitempty"`
	Extension   string `dynamodbav:"extension,omitempty"`
	PushContent string `dynamodbav:"push_content,omitempty"`
	PushPayload string `dynamodbav:"push_payload,omitempty"`
}

func messageKey(k chat.MessageKey) (itemKey, error) {
	return newKey([]string{k.ServerID, k.ChannelID}, []string{stamp(k.Timestamp), k.MsgServerID})
}

func channelPartition(server, channel string) (string, error) { return partition(server, channel) }

// MessageRowKey is the key of a message's row in the table Messages, for
// administrators' tools that look at rows as they are stored.
func MessageRowKey(k chat.MessageKey) (map[string]types.AttributeValue, error) {
	key, err := messageKey(k)
	if err != nil {
		return nil, err
	}
	return key.item(), nil
}

var errNoMessageKey = errors.New("not the key of a message")

// ParseMessageKey reads the key of a message's row, as the table's stream has it.
func ParseMessageKey(pk, sk string) (chat.MessageKey, error) {
	server, channel, ok := strings.Cut(pk, separator)
	at, id, ok2 := strings.Cut(sk, separator)
	ms, err := parseStamp(at)
	if !ok || !ok2 || err != nil {
		return chat.MessageKey{}, errNoMessageKey
	}
	key := chat.MessageKey{ServerID: server, ChannelID: channel, Timestamp: ms, MsgServerID: id}
	if built, err := messageKey(key); err != nil || built != (itemKey{pk, sk}) {
		return chat.MessageKey{}, errNoMessageKey
	}
	return key, nil
}

// updateKey is where the index has the message from an update at ms on. The hash
// is of the message's id, so that an update never moves a row to another shard.
func updateKey(k chat.MessageKey, ms int64) (itemKey, error) {
	return newKey([]string{k.ServerID, shard(k.MsgServerID, updateShards)},
		[]string{stamp(ms), k.ChannelID, stamp(k.Timestamp), k.MsgServerID})
}

func encodeMessage(m chat.Message) (item, error) {
	key, err := messageKey(m.MessageKey)
	if err != nil {
		return nil, err
	}
	row := messageRow{
		SentAt: m.Timestamp, Type: m.Type, MsgID: m.MsgID, Sender: actorRowOf(m.From),
		Status: int(m.Status), Version: m.Version, UpdatedAt: m.UpdatedAt, ExpiresAt: m.ExpiresAt,
	}
	if m.ReplyTo != nil {
		row.ReplyTo = &refRow{m.ReplyTo.Timestamp, m.ReplyTo.MsgServerID}
	}
	if m.Revocation != nil {
		operator, info := actorRowOf(m.Revocation.Operator), infoRow(m.Revocation.Info)
		row.Operator, row.Info = &operator, &info
	}
	encoded, err := key.with(row)
	if err != nil {
		return nil, err
	}
	return encoded, encodeContent(m.Content, encoded)
}

func encodeContent(c chat.Content, row item) error {
	for _, attribute := range contentAttributes {
		field := reflect.ValueOf(attribute.field(&c)).Elem()
		if field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0 {
			continue
		}
		value, err := attributevalue.Marshal(field.Interface())
		if err != nil {
			return errBadValue
		}
		row[attribute.name] = value
	}
	return nil
}

func decodeMessage(row item) (chat.Message, error) {
	stored, err := decode[messageRow](row)
	if err != nil {
		return chat.Message{}, err
	}
	key, err := ParseMessageKey(textOf(row[attrPK]), textOf(row[attrSK]))
	if err != nil {
		return chat.Message{}, err
	}
	m := chat.Message{
		MessageKey: key, Type: stored.Type, MsgID: stored.MsgID, From: stored.Sender.actor(),
		Status: chat.Status(stored.Status), Version: stored.Version, UpdatedAt: stored.UpdatedAt, ExpiresAt: stored.ExpiresAt,
	}
	if stored.ReplyTo != nil {
		m.ReplyTo = &chat.MessageRef{Timestamp: stored.ReplyTo.Timestamp, MsgServerID: stored.ReplyTo.ID}
	}
	if stored.Operator != nil && stored.Info != nil {
		m.Revocation = &chat.Revocation{Operator: stored.Operator.actor(), Info: chat.UpdateInfo(*stored.Info)}
	}
	m.Content, err = decodeContent(row)
	return m, err
}

func decodeContent(row item) (chat.Content, error) {
	var c chat.Content
	for _, attribute := range contentAttributes {
		value, ok := row[attribute.name]
		if !ok {
			continue
		}
		if err := attributevalue.Unmarshal(value, attribute.field(&c)); err != nil {
			return chat.Content{}, errBadRow
		}
	}
	return c, nil
}

func decodeMessages(rows []item) ([]chat.Message, error) {
	var messages []chat.Message
	for _, row := range rows {
		m, err := decodeMessage(row)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

func actorRowOf(a chat.Actor) actorRow {
	return actorRow{Account: a.AccountID, Nick: a.Nick, ClientType: int(a.ClientType), Device: a.Device}
}

func (r actorRow) actor() chat.Actor {
	return chat.Actor{AccountID: r.Account, Nick: r.Nick, ClientType: chat.ClientType(r.ClientType), Device: r.Device}
}
