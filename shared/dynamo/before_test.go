package dynamo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
	"unsend/shared/releasetest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// rowsByTable are rows in DynamoDB's JSON, by their table and their key as pk | sk.
type rowsByTable map[string]map[string]any

func TestTheReleaseBeforeFindsWhatItWrites(t *testing.T) {
	t.Parallel()
	s := newFixed(t)
	lived(t, s.Store)
	now := s.rows(t)
	for table, rows := range before(t, now) {
		for key, was := range rows {
			for _, place := range releasetest.Lost(was, now[table][key]) {
				t.Errorf("%s: %s: the release before does not find %s", table, key, place)
			}
		}
	}
}

// The rows of the release before say to this one what its own do.
func TestRowsOfTheReleaseBeforeAreRead(t *testing.T) {
	t.Parallel()
	own, earlier := newFixed(t), newFixed(t)
	lived(t, own.Store)
	earlier.put(t, before(t, nil))
	if d := cmp.Diff(seen(t, own.Store), seen(t, earlier.Store)); d != "" {
		t.Errorf("-its own +of the release before\n%s", d)
	}
}

// Each kind of row that the package comment lists is among them.
func TestTheRowsOfTheReleaseBeforeAreOfEachKind(t *testing.T) {
	t.Parallel()
	var kinds []string
	for table, rows := range before(t, nil) {
		for key := range rows {
			pk, _, _ := strings.Cut(key, "#")
			if table == "messages" {
				pk = "message"
			}
			kinds = append(kinds, table+" "+pk)
		}
	}
	slices.Sort(kinds)
	want := []string{"audit server", "community account", "community changes", "community counts", "community gone", "community jobs",
		"community lists", "community members", "community memberships", "community personal", "community server", "messages message",
		"sessions account", "sessions channel", "sessions frames", "sessions sent", "sessions server", "sessions subscriptions"}
	if d := cmp.Diff(want, slices.Compact(kinds)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// fixed is a store in which nothing is left to chance.
type fixed struct {
	*dynamo.Store
	client *dynamodb.Client
	tables dynamo.Tables
}

func newFixed(t *testing.T) fixed {
	client := dynamotest.Client(t)
	tables := dynamotest.Tables(t, client)
	return fixed{dynamo.New(client, tables, dynamo.Options{Rand: func() float64 { return 0.5 }}), client, tables}
}

func (s fixed) byName() map[string]string {
	return map[string]string{"messages": s.tables.Messages, "community": s.tables.Community, "sessions": s.tables.Sessions, "audit": s.tables.Audit}
}

func (s fixed) rows(t *testing.T) rowsByTable {
	t.Helper()
	all := rowsByTable{}
	for name, table := range s.byName() {
		all[name] = map[string]any{}
		pages := dynamodb.NewScanPaginator(s.client, &dynamodb.ScanInput{TableName: aws.String(table)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Items {
				plain := toJSON(t, row)
				all[name][rowKey(plain)] = plain
			}
		}
	}
	return all
}

func (s fixed) put(t *testing.T, all rowsByTable) {
	t.Helper()
	for name, table := range s.byName() {
		for _, row := range all[name] {
			if _, err := s.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: fromJSON(t, row.(map[string]any))}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func rowKey(row map[string]any) string {
	text := func(name string) string { s, _ := row[name].(map[string]any)["S"].(string); return s }
	return text("pk") + " | " + text("sk")
}

// before are the rows that the release before made of [lived].
func before(t *testing.T, now rowsByTable) rowsByTable {
	t.Helper()
	var written any
	if now != nil {
		written = now
	}
	all := rowsByTable{}
	for table, rows := range releasetest.Before(t, written) {
		all[table] = rows.(map[string]any)
	}
	return all
}

// toJSON is an item in DynamoDB's JSON; it knows the types that rows have.
func toJSON(t *testing.T, item map[string]types.AttributeValue) map[string]any {
	t.Helper()
	plain := map[string]any{}
	for name, value := range item {
		plain[name] = valueToJSON(t, value)
	}
	return plain
}

func valueToJSON(t *testing.T, value types.AttributeValue) map[string]any {
	t.Helper()
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return map[string]any{"S": v.Value}
	case *types.AttributeValueMemberN:
		return map[string]any{"N": v.Value}
	case *types.AttributeValueMemberBOOL:
		return map[string]any{"BOOL": v.Value}
	case *types.AttributeValueMemberSS:
		set := []any{}
		for _, text := range slices.Sorted(slices.Values(v.Value)) {
			set = append(set, text)
		}
		return map[string]any{"SS": set}
	case *types.AttributeValueMemberM:
		return map[string]any{"M": toJSON(t, v.Value)}
	case *types.AttributeValueMemberL:
		list := []any{}
		for _, each := range v.Value {
			list = append(list, valueToJSON(t, each))
		}
		return map[string]any{"L": list}
	}
	t.Fatalf("a %T in a row: teach valueToJSON and valueFromJSON", value)
	return nil
}

func fromJSON(t *testing.T, plain map[string]any) map[string]types.AttributeValue {
	t.Helper()
	item := map[string]types.AttributeValue{}
	for name, value := range plain {
		item[name] = valueFromJSON(t, value.(map[string]any))
	}
	return item
}

func valueFromJSON(t *testing.T, value map[string]any) types.AttributeValue {
	t.Helper()
	for kind, v := range value {
		switch kind {
		case "S":
			return &types.AttributeValueMemberS{Value: v.(string)}
		case "N":
			return &types.AttributeValueMemberN{Value: v.(string)}
		case "BOOL":
			return &types.AttributeValueMemberBOOL{Value: v.(bool)}
		case "SS":
			set := &types.AttributeValueMemberSS{}
			for _, text := range v.([]any) {
				set.Value = append(set.Value, text.(string))
			}
			return set
		case "M":
			return &types.AttributeValueMemberM{Value: fromJSON(t, v.(map[string]any))}
		case "L":
			list := &types.AttributeValueMemberL{}
			for _, each := range v.([]any) {
				list.Value = append(list.Value, valueFromJSON(t, each.(map[string]any)))
			}
			return list
		}
	}
	t.Fatalf("a row holds %v", value)
	return nil
}

// beganAt is when the life of the rows begins, long before their ends.
const beganAt = 1_767_225_600_000

func moment(seconds int) time.Time { return time.UnixMilli(beganAt + int64(seconds)*1000) }

func act(seconds int, action chat.Action) chat.Act {
	return chat.Act{At: moment(seconds), Action: action, AccountID: "olga", Principal: "arn:aws:iam::000000000000:role/back-end", Door: chat.APIDoor, Retention: 30 * 24 * time.Hour}
}

var (
	olga  = chat.Actor{AccountID: "olga", Nick: "Olga", ClientType: chat.Web, Device: "desk"}
	alice = chat.Connection{ID: "A1c=", AccountID: "alice", DeviceID: "phone", ClientType: chat.Web, ConnectedAt: beganAt, TokenExpiresAt: beganAt + 3_600_000}
	bob   = chat.Connection{ID: "B2c=", AccountID: "bob", ClientType: chat.Web, ConnectedAt: beganAt + 1, TokenExpiresAt: beganAt + 3_600_000}
)

func keyAt(channel string, seconds int, id string) chat.MessageKey {
	return chat.MessageKey{ServerID: "harbour", ChannelID: channel, Timestamp: moment(seconds).UnixMilli(), MsgServerID: id}
}

// lived writes rows of each kind, with every field set where a row has many.
func lived(t *testing.T, s *dynamo.Store) {
	t.Helper()
	for _, part := range []func(context.Context, *dynamo.Store) error{community, members, messages, sessions, jobs} {
		if err := part(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func community(ctx context.Context, s *dynamo.Store) error {
	own, moderator, never := chat.Window(60_000), chat.NoLimit, chat.Never
	_, err := s.ChangeServer(ctx, "harbour", act(0, chat.ActionPutServer), func(v *chat.Server) error {
		v.OwnerID = "olga"
		v.Windows = chat.Windows{Own: &own, Moderator: &moderator}
		v.Roles = []chat.Role{
			{ID: chat.Everyone, Priority: 9, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}},
			{ID: "mod", Priority: 1, Grant: chat.Grant{Allow: chat.MaskOf(chat.RevokeMemberMessage), Deny: chat.MaskOf(chat.SendMessage)}, Windows: chat.Windows{Own: &never, Moderator: &own}},
			{ID: "old", Priority: 2},
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = s.ChangeServer(ctx, "harbour", act(1, chat.ActionDeleteRole), func(v *chat.Server) error { v.Roles = v.Roles[:2]; return nil })
	for _, channel := range []string{"general", "staff", "gone"} {
		if err != nil {
			return err
		}
		_, err = s.ChangeChannel(ctx, "harbour", channel, act(2, chat.ActionPutChannel), func(v *chat.Channel) error {
			v.Windows = chat.Windows{Own: &never, Moderator: &own}
			v.Overrides = map[string]chat.Grant{"mod": {Allow: chat.MaskOf(chat.SendMessage), Deny: chat.MaskOf(chat.RevokeMemberMessage)}}
			if channel == "staff" {
				v.ViewMode, v.WhiteRoles, v.BlackRoles = chat.Private, []string{"mod"}, []string{chat.Everyone}
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	_, err = s.DeleteChannel(ctx, "harbour", "gone", act(3, chat.ActionDeleteChannel), func(chat.Channel) error { return nil })
	return err
}

func members(ctx context.Context, s *dynamo.Store) error {
	for i, account := range []string{"olga", "alice", "bob", "mallory", "left"} {
		_, err := s.ChangeMember(ctx, "harbour", account, act(10+i, chat.ActionPutMember), func(m *chat.Member) error {
			m.Join(moment(10 + i))
			m.Nick, m.Roles = strings.ToUpper(account), []string{"mod"}
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err := s.ChangeMember(ctx, "harbour", "mallory", act(20, chat.ActionPutBan), func(m *chat.Member) error { m.Banned = true; return nil })
	if err == nil {
		_, err = s.ChangeMember(ctx, "harbour", "left", act(21, chat.ActionDeleteMember), func(m *chat.Member) error { m.Leave(); return nil })
	}
	for i, account := range []string{"alice", "bob"} {
		if err != nil {
			return err
		}
		_, err = s.ChangePersonal(ctx, "harbour", "staff", account, act(22+i, chat.ActionPutPersonal), func(p *chat.Personal) error {
			p.Override, p.OverrideGeneration = chat.Grant{Allow: chat.MaskOf(chat.SendMessage), Deny: chat.MaskOf(chat.RevokeMemberMessage)}, 1
			p.WhiteGeneration, p.Black = int64(1-i), i == 1
			return nil
		})
	}
	if err != nil {
		return err
	}
	return s.ChangeDelivery(ctx, "harbour", chat.Delivery{Members: 4}, chat.Delivery{Members: 4, Large: true, Since: beganAt + 30_000})
}

func messages(ctx context.Context, s *dynamo.Store) error {
	for i, id := range []string{"m1", "m2", "m3"} {
		m := chat.Message{
			MessageKey: keyAt("general", 40+i, id), Type: 0, MsgID: "c" + id, Status: chat.Normal, Version: 1, UpdatedAt: moment(40 + i).UnixMilli(),
			From: chat.Actor{AccountID: "alice", Nick: "ALICE", ClientType: chat.Web, Device: "phone"}, ExpiresAt: 4_000_000_000,
			ReplyTo: &chat.MessageRef{Timestamp: beganAt, MsgServerID: "m0"},
			Content: chat.Content{Body: "body", Attach: "attach", Ext: "ext", MentionAll: true, MentionAccounts: []string{"bob"}, MentionRoles: []string{"mod"},
				PushContent: "push", PushPayload: "payload"},
		}
		if _, err := s.PutMessage(ctx, m, moment(40+i)); err != nil {
			return err
		}
	}
	info := chat.UpdateInfo{Postscript: "wrong room", Extension: "ext", PushContent: "push", PushPayload: "payload"}
	_, err := s.RevokeMessage(ctx, chat.RevokeWrite{Key: keyAt("general", 41, "m2"), Revocation: chat.Revocation{Operator: olga, Info: info}, Now: moment(50), Permitted: true})
	if err != nil {
		return err
	}
	for _, failure := range s.PutAudit(ctx, []chat.RevokeEntry{{MessageKey: keyAt("general", 41, "m2"), Version: 2, RevokedAt: moment(50).UnixMilli(), AuthorID: "alice",
		Operator: chat.Who{AccountID: "olga", DeviceID: "desk", ClientType: chat.Web}, Door: chat.WebSocketDoor, Reason: "wrong room", ExpiresAt: 4_000_000_000}}) {
		return failure.Err
	}
	return nil
}

func sessions(ctx context.Context, s *dynamo.Store) error {
	for _, c := range []chat.Connection{alice, bob} {
		if err := s.PutConnection(ctx, c); err != nil {
			return err
		}
		p := chat.Presence{ServerID: "harbour", Connection: c, Roles: []string{"mod"}, Generation: 1, ProvedAt: beganAt + 5}
		if err := s.PutPresences(ctx, []chat.Presence{p}); err != nil {
			return err
		}
		p.ChannelID = "general"
		if err := s.Subscribe(ctx, []chat.Presence{p}, chat.DefaultMaxSubscriptions); err != nil {
			return err
		}
	}
	_, err := s.CountFrame(ctx, "alice", moment(60))
	return err
}

func jobs(ctx context.Context, s *dynamo.Store) error {
	job := chat.Job{JobRef: chat.JobRef{ServerID: "harbour", Kind: chat.SweepJob, ID: "j1"}, CreatedAt: beganAt, UpdatedAt: beganAt,
		Sweep: &chat.Sweep{AccountID: "mallory", ChannelID: "general", Since: beganAt, Operator: olga, DryRun: true, Bound: true,
			Info: chat.UpdateInfo{Postscript: "spam", Extension: "ext", PushContent: "push", PushPayload: "payload"}}}
	stored, _, err := s.PutJob(ctx, job, act(70, chat.ActionPutSweep))
	if err != nil {
		return err
	}
	stored.Place = chat.Place{Stage: 1, ChannelID: "general", Message: &chat.MessageRef{Timestamp: beganAt, MsgServerID: "m1"}, Until: beganAt + 9, Row: "row"}
	stored.Counts = chat.JobCounts{Channels: 1, Found: 2, Revoked: 3, Refused: 4, Removed: 5}
	stored.FinishedAt = moment(71).UnixMilli()
	_, err = s.SaveJob(ctx, stored)
	return err
}

// seen is what each reader says, one line or more each.
func seen(t *testing.T, s *dynamo.Store) string {
	t.Helper()
	var text strings.Builder
	say := func(what string) func(v any, err error) {
		return func(v any, err error) {
			line, jsonErr := json.Marshal(v)
			if err != nil || jsonErr != nil {
				t.Fatalf("%s: %v, %v", what, err, jsonErr)
			}
			fmt.Fprintf(&text, "%s: %s\n", what, line)
		}
	}
	ctx, now := t.Context(), moment(61)
	for _, account := range []string{"olga", "alice", "bob", "mallory", "left"} {
		say("standing")(one(s.Standing(ctx, "harbour", "staff", account)))
		say("sights")(one(s.Sights(ctx, "harbour", account)))
		say("memberships")(one(s.Memberships(ctx, account)))
	}
	say("rights")(one(s.Rights(ctx, "harbour", []string{"general", "staff", "gone"}, 0)))
	say("deliveries")(one(s.Deliveries(ctx, []string{"harbour"})))
	say("channels")(one(s.ChannelPage(ctx, "harbour", "", 10)))
	say("members")(one(s.MemberPage(ctx, "harbour", "", 10)))
	say("bans")(one(s.BanPage(ctx, "harbour", "", 10)))
	say("personals")(one(s.PersonalPage(ctx, "harbour", "staff", "", 10)))
	for _, list := range []chat.List{chat.WhiteList, chat.BlackList} {
		say("list")(one(s.ListPage(ctx, "harbour", "staff", list, "", 10)))
	}
	say("gone")(one(s.Gone(ctx, "harbour")))
	say("history")(one(s.History(ctx, chat.HistoryQuery{ServerID: "harbour", ChannelID: "general", Limit: 10, Now: now})))
	say("updates")(one(s.Updates(ctx, "harbour", chat.UpdateRef{}, 10)))
	say("audit")(one(s.Audit(ctx, chat.AuditQuery{ServerID: "harbour", Until: chat.MaxTimestamp, Limit: 50, Now: now})))
	for _, c := range []chat.Connection{alice, bob} {
		say("connections")(one(s.Connections(ctx, c.AccountID, now.UnixMilli())))
		say("subscriptions")(one(s.Subscriptions(ctx, c.AccountID, c.ID)))
		for _, crowd := range []chat.Crowd{{ServerID: "harbour"}, chat.Presence{ServerID: "harbour", ChannelID: "general", Connection: c}.Crowd()} {
			say("audience")(one(s.Audience(ctx, crowd, "", 10, now.UnixMilli())))
		}
	}
	page, more, err := s.Jobs(ctx, "harbour", nil, 10)
	say("jobs")([]any{page, more}, err)
	say("a repeated send")(one(s.PutMessage(ctx, chat.Message{MessageKey: keyAt("general", 60, "m9"), MsgID: "cm1",
		From: chat.Actor{AccountID: "alice", ClientType: chat.Web}, Status: chat.Normal, Version: 1}, now)))
	say("the next frame")(one(s.CountFrame(ctx, "alice", moment(60))))
	return text.String()
}

func one[T any](v T, err error) (any, error) { return v, err }
