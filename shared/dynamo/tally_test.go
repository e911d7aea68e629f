package dynamo_test

import (
	"fmt"
	"testing"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// forget deletes a row of the community.
func (s inspected) forget(pk, sk string) {
	s.t.Helper()
	text := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	out, err := s.client.DeleteItem(s.t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(s.tables.Community), Key: map[string]types.AttributeValue{"pk": text(pk), "sk": text(sk)},
		ReturnValues: types.ReturnValueAllOld,
	})
	if err != nil || len(out.Attributes) == 0 {
		s.t.Fatalf("no row %s, %s: %v", pk, sk, err)
	}
}

// What was written before there were tallies counts: the first write that needs one makes it.
func TestRowsFromBeforeTalliesCount(t *testing.T) {
	t.Parallel()
	s := newInspected(t)
	now := time.UnixMilli(1_767_225_600_000)
	channel := func(i int) error {
		_, err := s.ChangeChannel(t.Context(), "s", fmt.Sprint("c", i), chat.Act{At: now}, func(*chat.Channel) error { return nil })
		return err
	}
	member := func(i int, change func(*chat.Member)) error {
		_, err := s.ChangeMember(t.Context(), fmt.Sprint("s", i), "a", chat.Act{At: now}, func(m *chat.Member) error { change(m); return nil })
		return err
	}
	join := func(m *chat.Member) { m.Join(now) }
	for i := range 100 {
		must(t)(nil, channel(i))
		must(t)(nil, member(i, join))
	}
	s.forget("counts#s", "channels")
	s.forget("memberships#a", "count")
	for name, err := range map[string]error{"channel": channel(100), "member": member(100, join)} {
		if chat.CodeOf(err) != chat.Conflict {
			t.Errorf("one more %s: %v", name, err)
		}
	}
	s.forget("memberships#a", "count")
	must(t)(nil, member(7, (*chat.Member).Leave)) // which may be the first to need one, too
	must(t)(nil, member(100, join))
	if err := member(7, join); chat.CodeOf(err) != chat.Conflict {
		t.Errorf("one more, after one has left and another joined: %v", err)
	}
}
