package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gocmp "github.com/google/go-cmp/cmp"

	unsend "unsend/clients/go"
	"unsend/shared/chat"
	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
)

// secondTable is a table of messages beside the one that is served, as restoring from a point in time makes it: with
// the index, without a stream.
type secondTable struct {
	*commandLine
	name   string
	client *dynamodb.Client
	store  *dynamo.Store
}

func (l *commandLine) secondTable() *secondTable {
	l.t.Helper()
	s := &secondTable{commandLine: l, name: l.MessagesTable + "-" + random(), client: dynamodb.NewFromConfig(l.AWS())}
	s.store = l.Restored(s.name)
	l.must(nil, dynamotest.CreateRestored(l.ctx(), s.client, s.name))
	l.t.Cleanup(func() {
		if _, err := s.client.DeleteTable(l.finally(), &dynamodb.DeleteTableInput{TableName: &s.name}); err != nil {
			l.t.Error(err)
		}
	})
	return s
}

// rows are the server's own in a table, as they are stored, by channel and sort key.
func (s *secondTable) rows(table string, channels ...string) map[string]map[string]types.AttributeValue {
	s.t.Helper()
	found := map[string]map[string]types.AttributeValue{}
	for _, channel := range channels {
		pages := dynamodb.NewQueryPaginator(s.client, &dynamodb.QueryInput{
			TableName: &table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("pk = :pk"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: s.id + "#" + channel}},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(s.ctx())
			s.must(nil, err)
			for _, row := range page.Items {
				found[channel+" "+row["sk"].(*types.AttributeValueMemberS).Value] = row
			}
		}
	}
	return found
}

// copied has the rows of this moment.
func (s *secondTable) copied(channels ...string) {
	s.t.Helper()
	for _, row := range s.rows(s.MessagesTable, channels...) {
		_, err := s.client.PutItem(s.ctx(), &dynamodb.PutItemInput{TableName: &s.name, Item: row})
		s.must(nil, err)
	}
}

// restored runs the command line on the table, and gives its summary.
func (s *secondTable) restored(flags string) (sum map[string]any) {
	s.t.Helper()
	out := s.ok("restore harbour --json --table " + s.name + " " + flags)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	s.must(nil, json.Unmarshal([]byte(lines[len(lines)-1]), &sum))
	return sum
}

// sums compares what a summary counts.
func (s *secondTable) sums(sum map[string]any, want map[string]any) {
	s.t.Helper()
	for name, value := range want {
		if fmt.Sprint(sum[name]) != fmt.Sprint(value) {
			s.t.Errorf("%s is %v, want %v, in %v", name, sum[name], value, sum)
		}
	}
}

// What was revoked, swept, or deleted with its channel after a point in time is in a table that was restored from there, as texts that can be
// read, until restore was run on it. Then the rows are as the served table has them.
func TestRestore(t *testing.T) {
	t.Parallel()
	l := newCommandLine(t)
	l.ok("server create harbour --owner olga")
	for _, channel := range []string{"lobby", "offtopic", "doomed"} {
		l.ok("channel create harbour " + channel)
	}
	l.ok("role create harbour mod --priority 1 --allow RevokeMemberMessage")
	l.ok("member add harbour alice bob mallory")
	l.ok("member edit harbour bob --add-role mod")
	alice, bob := l.connect("alice", "phone"), l.connect("bob", "desk")
	said := func(channel, text string) unsend.Message { return alice.sayIn(channel, "a secret: "+text) }
	before := said("lobby", "revoked before")
	l.must(alice.takeBack(before, "at once"))
	own, moderated, kept := said("lobby", "revoked by its author"), said("offtopic", "revoked by a moderator"), said("lobby", "kept")
	l.flood(40, "mallory", "lobby", "offtopic")
	l.flood(130, "alice", "doomed")

	channels := []string{"lobby", "offtopic", "doomed"}
	table := l.secondTable()
	table.copied(channels...)
	since := time.Now()
	l.must(alice.takeBack(own, "typo"))
	l.must(bob.takeBack(moderated, "wrong room"))
	l.ok("sweep harbour mallory --operator olga --reason spam --wait")
	l.ok("channel delete harbour doomed --yes --wait")
	after := said("lobby", "sent after")
	l.must(alice.takeBack(after, ""))
	eventually(t, "the audit has all", func() bool {
		revoked := 0
		for _, e := range l.listAudit(100) {
			if e.Kind == "revoke" {
				revoked++
			}
		}
		return revoked == 44
	})

	copied := table.rows(table.name, channels...)
	flags := "--since " + fmt.Sprint(since.UnixMilli())
	due := map[string]any{"rows": 174, "channels": 3, "due": 42, "deleted_channels": 1, "deleted_rows": 130, "revoked": 0, "removed": 0, "apply": false, "complete": false}
	table.sums(table.restored(flags), due)
	if diff := gocmp.Diff(asText(t, table.rows(table.name, channels...)), asText(t, copied)); diff != "" {
		t.Fatal("a dry run has changed something")
	}
	table.sums(table.restored(flags+" --keep "+l.id+"/doomed"), map[string]any{"due": 42, "deleted_rows": 0, "kept_channels": 1, "kept_rows": 130})
	for name, value := range map[string]any{"revoked": 42, "removed": 130, "apply": true} {
		due[name] = value
	}
	table.sums(table.restored(flags+" --apply --yes"), due)
	table.isAs(l.MessagesTable, []unsend.Message{before, own, moderated, kept}, after, channels...)
	text := asText(t, table.rows(table.name, channels...))
	for _, secret := range []string{"a secret: revoked", "a wave of spam"} {
		l.search("the restored table", text, secret)
	}
	if !strings.Contains(text, "a secret: kept") {
		t.Error("what was not taken back is gone")
	}
	for _, again := range []string{flags, "", flags + " --apply", "--apply"} {
		table.sums(table.restored(again), map[string]any{"rows": 44, "due": 0, "deleted_rows": 0, "revoked": 0, "removed": 0})
	}
	if asText(t, table.rows(table.name, channels...)) != text {
		t.Error("a second restore has changed something")
	}
	table.updatesAreAs(since)
	l.refused("restore --apply --table "+l.MessagesTable, "say --live")
	l.refused("restore --table "+l.CommunityTable, "holds no messages")
	l.refused("restore --table nowhere-"+random(), "is it restored")
	l.refused("restore --apply --table "+table.withoutIndex(), "with its index")
}

// withoutIndex is the name of a table that was restored without what sync reads.
func (s *secondTable) withoutIndex() string {
	s.t.Helper()
	name := s.name + "-x"
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	for attribute, kind := range map[string]types.KeyType{"pk": types.KeyTypeHash, "sk": types.KeyTypeRange} {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String(attribute), AttributeType: types.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(attribute), KeyType: kind})
	}
	slices.SortFunc(in.KeySchema, func(a, b types.KeySchemaElement) int { return strings.Compare(string(a.KeyType), string(b.KeyType)) })
	_, err := s.client.CreateTable(s.ctx(), in)
	s.must(nil, err)
	s.t.Cleanup(func() {
		if _, err := s.client.DeleteTable(s.finally(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			s.t.Error(err)
		}
	})
	return name
}

// isAs compares the rows with those of the served table, which has one more. What the audit does not have is an
// operator's nick, and the stand-in of a device that has no name.
func (s *secondTable) isAs(served string, messages []unsend.Message, more unsend.Message, channels ...string) {
	s.t.Helper()
	got, want := s.rows(s.name, channels...), s.rows(served, channels...)
	delete(want, "lobby "+fmt.Sprintf("%015d#%s", more.Timestamp, more.MsgServerID))
	if len(got) != 44 || len(got) != len(want) {
		s.t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	var keys []chat.MessageKey
	for _, m := range messages {
		keys = append(keys, chat.MessageKey(m.MessageKey))
	}
	for i, key := range keys {
		rows, err := s.store.Messages(s.ctx(), keys[i:i+1])
		s.must(nil, err)
		live, err := s.commandLine.store.Messages(s.ctx(), keys[i:i+1])
		s.must(nil, err)
		if i > 0 && live[0].Revocation != nil { // the first one was in the copy
			live[0].Revocation.Operator.Nick = ""
		}
		if diff := gocmp.Diff(rows, live); diff != "" {
			s.t.Errorf("%s (-restored +served)\n%s", key.MsgServerID, diff)
		}
	}
	for place, row := range want {
		for _, name := range []string{"version", "updated_at", "status", "upk", "usk", "info", "sender"} {
			if diff := gocmp.Diff(asText(s.t, got[place][name]), asText(s.t, row[name])); diff != "" {
				s.t.Errorf("%s of %s (-restored +served)\n%s", name, place, diff)
			}
		}
	}
}

// updatesAreAs: a device that catches up from the restored table learns of the same revocations.
func (s *secondTable) updatesAreAs(since time.Time) {
	s.t.Helper()
	read := func(store *dynamo.Store) (refs []chat.UpdateRef) {
		page, err := store.Updates(s.ctx(), s.id, chat.UpdateRef{UpdatedAt: since.UnixMilli()}, 100)
		s.must(nil, err)
		for _, u := range page.Updates {
			refs = append(refs, u.Ref())
		}
		return refs
	}
	got, want := read(s.store), read(s.commandLine.store)
	if len(want) == 0 || !slices.Equal(got, want[:len(want)-1]) { // the last one was sent after the point in time
		s.t.Errorf("the restored table has %d updates, the served one %d", len(got), len(want))
	}
}
