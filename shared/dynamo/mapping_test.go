package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/dynamo/meter"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// ids are any that chat lets through.
func ids() *rapid.Generator[string] {
	return rapid.StringN(1, 16, chat.MaxIDBytes).Filter(func(id string) bool { return chat.CheckID("", id) == nil })
}

// filled draws a value with every exported field set at random: a field that a
// mapping forgets comes back empty.
func filled[T any](t *rapid.T) T {
	var v T
	fill(t, reflect.ValueOf(&v).Elem(), "v")
	return v
}

func fill(t *rapid.T, v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.String:
		if strings.HasSuffix(name, "ID") || name == "ID" {
			v.SetString(ids().Draw(t, name))
		} else {
			v.SetString(rapid.String().Draw(t, name))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(0, chat.MaxTimestamp).Draw(t, name))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, name)))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, name) {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), name)
		}
	case reflect.Slice:
		for range rapid.IntRange(0, 3).Draw(t, name) {
			element := reflect.New(v.Type().Elem()).Elem()
			fill(t, element, name)
			v.Set(reflect.Append(v, element))
		}
	case reflect.Map:
		for range rapid.IntRange(0, 3).Draw(t, name) {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			element := reflect.New(v.Type().Elem()).Elem()
			fill(t, element, name)
			v.SetMapIndex(reflect.ValueOf(ids().Draw(t, name)), element)
		}
	default:
		t.Fatalf("a %s in the domain: teach fill", v.Kind())
	}
}

// comesBack checks that a mapping loses nothing.
func comesBack[T any](t *testing.T, encode func(T) (item, error), decode func(T, item) (T, error)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		want := filled[T](t)
		row, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(want, row)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("-want +got\n%s", d)
		}
	})
}

func TestMappingsLoseNothing(t *testing.T) {
	t.Run("message", func(t *testing.T) {
		comesBack(t, encodeMessage, func(_ chat.Message, row item) (chat.Message, error) { return decodeMessage(row) })
	})
	t.Run("server", func(t *testing.T) {
		comesBack(t, func(v chat.Server) (item, error) { return encodeServer(itemKey{"p", "s"}, v) },
			func(v chat.Server, row item) (chat.Server, error) { return decodeServer(v.ID, row) })
	})
	t.Run("channel", func(t *testing.T) {
		comesBack(t, func(v chat.Channel) (item, error) { return encodeChannel(itemKey{"p", "s"}, v) },
			func(v chat.Channel, row item) (chat.Channel, error) { return decodeChannel(v.ServerID, v.ID, row) })
	})
	t.Run("member", func(t *testing.T) {
		comesBack(t, func(v chat.Member) (item, error) { return encodeMember(itemKey{"p", "s"}, v) },
			func(v chat.Member, row item) (chat.Member, error) { return decodeMember(v.ServerID, v.AccountID, row) })
	})
	t.Run("personal", func(t *testing.T) {
		comesBack(t, func(v chat.Personal) (item, error) { return encodePersonal(itemKey{"p", "s"}, v) },
			func(v chat.Personal, row item) (chat.Personal, error) {
				return decodePersonal(v.ServerID, v.ChannelID, v.AccountID, row)
			})
	})
	t.Run("connection", func(t *testing.T) {
		comesBack(t, encodeConnection, func(v chat.Connection, row item) (chat.Connection, error) { return decodeConnection(v.AccountID, row) })
	})
	t.Run("audit", func(t *testing.T) {
		comesBack(t, encodeRevokeEntry, func(e chat.RevokeEntry, row item) (chat.RevokeEntry, error) {
			read, err := decodeAudit(e.ServerID, row)
			return *read.Revoke, err
		})
	})
	t.Run("audit of policies", func(t *testing.T) {
		comesBack(t, encodePolicyEntry, func(e chat.PolicyEntry, row item) (chat.PolicyEntry, error) {
			read, err := decodeAudit(e.ServerID, row)
			return *read.Policy, err
		})
	})
	t.Run("presence", func(t *testing.T) {
		comesBack(t, encodePresence, func(v chat.Presence, row item) (chat.Presence, error) { return decodePresence(v.Crowd(), row) })
	})
}

// TestARevokeRemovesEveryFieldOfContent proves that a field which is added to
// chat.Content is stored under an attribute that a revoke removes.
func TestARevokeRemovesEveryFieldOfContent(t *testing.T) {
	_, removed := contentNames()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[chat.Content]()) {
		var m chat.Message
		m.MessageKey = chat.MessageKey{ServerID: "s", ChannelID: "c", MsgServerID: "m"}
		without, err := encodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		set := reflect.ValueOf(&m.Content).Elem().FieldByIndex(field.Index)
		switch set.Kind() {
		case reflect.String:
			set.SetString("x")
		case reflect.Bool:
			set.SetBool(true)
		case reflect.Slice:
			set.Set(reflect.MakeSlice(set.Type(), 1, 1))
		default:
			t.Fatalf("%s is a %s: teach this test", field.Name, set.Kind())
		}
		with, err := encodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		added := 0
		for name := range with {
			if _, ok := without[name]; ok {
				continue
			}
			added++
			if !strings.Contains(removed+",", "#"+name+",") {
				t.Errorf("%s is stored as %s, which a revoke leaves", field.Name, name)
			}
		}
		if added == 0 {
			t.Errorf("%s is not stored", field.Name)
		}
	}
}

func TestTheIndexProjectsNoContent(t *testing.T) {
	for _, attribute := range contentAttributes {
		for _, projected := range UpdatesProjection {
			if attribute.name == projected {
				t.Errorf("%s is content", projected)
			}
		}
	}
}

func role(i int) string { return fmt.Sprintf("%020d", i) }

func longest() chat.Windows {
	own, moderator := chat.Window(chat.MaxTimestamp), chat.Window(chat.MaxTimestamp)
	return chat.Windows{Own: &own, Moderator: &moderator}
}

// Policies at chat's limits stay under 4 KB: reading one strongly is one unit.
func TestPoliciesStayUnderFourKB(t *testing.T) {
	const limit = 4096
	id := strings.Repeat("i", chat.MaxIDBytes)
	all := chat.Grant{Allow: math.MaxUint32, Deny: math.MaxUint32}
	server := chat.Server{ID: id, OwnerID: id, Windows: longest(), Version: math.MaxInt64, Sight: math.MaxInt64}
	channel := chat.Channel{ServerID: id, ID: id, ViewMode: chat.Private, Windows: longest(), Overrides: map[string]chat.Grant{}, Version: math.MaxInt64, Sight: math.MaxInt64}
	for i := range chat.MaxRolesPerServer + 1 { // everyone among them
		server.Roles = append(server.Roles, chat.Role{ID: role(i), Priority: math.MinInt32, Grant: all, Windows: longest()})
		channel.Overrides[role(i)] = all
	}
	for i := range chat.MaxRolesPerList {
		channel.WhiteRoles = append(channel.WhiteRoles, role(i))
		channel.BlackRoles = append(channel.BlackRoles, role(i))
	}
	member := chat.Member{ServerID: id, AccountID: id, Nick: strings.Repeat("n", chat.MaxNickBytes), Joined: true, Banned: true,
		Roles: channel.WhiteRoles, JoinedAt: chat.MaxTimestamp, Generation: math.MaxInt64, Version: math.MaxInt64, Sight: math.MaxInt64}
	personal := chat.Personal{ServerID: id, ChannelID: id, AccountID: id, Override: all, OverrideGeneration: math.MaxInt64,
		WhiteGeneration: math.MaxInt64, Black: true, Version: math.MaxInt64, Sight: math.MaxInt64}
	for name, build := range map[string]func() (item, error){
		"server":     func() (item, error) { key, _ := serverKey(id); return encodeServer(key, server) },
		"channel":    func() (item, error) { key, _ := channelKey(id, id); return encodeChannel(key, channel) },
		"member":     func() (item, error) { key, _ := memberKey(id, id); return encodeMember(key, member) },
		"membership": func() (item, error) { return encodeMembership(member) },
		"personal":   func() (item, error) { key, _ := personalKey(id, id, id); return encodePersonal(key, personal) },
		"list entry": func() (item, error) { return encodeListEntry(personal) },
	} {
		row, err := build()
		if err != nil {
			t.Fatal(err)
		}
		size := meter.ItemSize(row)
		t.Logf("%s: %d bytes", name, size)
		if size >= limit {
			t.Errorf("%s: %d bytes, want less than %d", name, size, limit)
		}
	}
}

// What the largest changes that the model permits leave in the audit: a server that a file makes with all its roles, a channel
// that it makes with all its overrides and lists, and the other way round.
func TestAPolicyEntryStaysUnder32KB(t *testing.T) {
	id := strings.Repeat("i", chat.MaxIDBytes)
	by := chat.Act{At: time.UnixMilli(chat.MaxTimestamp), Action: chat.ActionDeleteMemberOverride, RoleID: role(0), AccountID: id, Principal: strings.Repeat("p", 2048), Door: chat.SeedDoor, Retention: 1}
	var all chat.Mask
	for _, p := range chat.Permissions() {
		all |= chat.MaskOf(p)
	}
	server, from := chat.Server{ID: id, OwnerID: id, Windows: longest(), Version: 1}, chat.Server{ID: id, OwnerID: id}
	channel := chat.Channel{ServerID: id, ID: id, Version: 1, ViewMode: chat.Private, Windows: longest(), Overrides: map[string]chat.Grant{}}
	was := chat.Channel{ServerID: id, ID: id, Overrides: map[string]chat.Grant{}}
	for i := range chat.MaxRolesPerServer + 1 {
		granted, denied := chat.Grant{Allow: all}, chat.Grant{Deny: all} // each permission moves from one to the other
		server.Roles = append(server.Roles, chat.Role{ID: role(i), Priority: chat.MaxPriority, Grant: granted, Windows: longest()})
		from.Roles = append(from.Roles, chat.Role{ID: role(i), Grant: denied})
		channel.Overrides[role(i)], was.Overrides[role(i)] = granted, denied
	}
	for i := range chat.MaxRolesPerList {
		channel.WhiteRoles, was.WhiteRoles = append(channel.WhiteRoles, role(i)), append(was.WhiteRoles, role(100+i))
		channel.BlackRoles, was.BlackRoles = append(channel.BlackRoles, role(i)), append(was.BlackRoles, role(100+i))
	}
	for name, e := range map[string]chat.PolicyEntry{
		"a server made": by.OfServer(chat.Server{ID: id}, server), "a server changed": by.OfServer(from, server),
		"a channel made": by.OfChannel(chat.Channel{ServerID: id, ID: id}, channel), "a channel changed": by.OfChannel(was, channel),
	} {
		row, err := encodePolicyEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		size := meter.ItemSize(row)
		t.Logf("%s: %d bytes", name, size)
		if size >= 32<<10 {
			t.Errorf("%s: %d bytes, want less than 32 KB", name, size)
		}
	}
}

// A connection with ids as deployments have them (ULIDs, a role) takes some 150
// bytes, so that about 27 fit the 4 KB of a unit.
func TestAPresenceIsSmall(t *testing.T) {
	row, err := encodePresence(chat.Presence{
		ServerID: "01JHW8ZSBF5EXAMPLEAAAAAAAA", Roles: []string{"moderator"}, Generation: 1, ProvedAt: 1_767_225_600_123,
		Connection: chat.Connection{
			ID: "L0SM9cOFvHcCIhw=", AccountID: "01JHW8ZSBF5EXAMPLEBBBBBBBB", DeviceID: "iphone-7f31a2c9",
			ClientType: chat.IOS, ConnectedAt: 1_767_225_600_123, TokenExpiresAt: 1_767_229_200_123,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if size := meter.ItemSize(row); size > 4096/26 {
		t.Errorf("%d bytes, want at most %d", size, 4096/26)
	}
}

func TestKeysAreNeverBuiltOfWhatTheySeparate(t *testing.T) {
	for _, bad := range []string{"", "a#b", "#"} {
		for name, build := range map[string]func() (itemKey, error){
			"server":        func() (itemKey, error) { return serverKey(bad) },
			"channel":       func() (itemKey, error) { return channelKey("s", bad) },
			"member":        func() (itemKey, error) { return memberKey("s", bad) },
			"list":          func() (itemKey, error) { return listKey("s", "c", bad) },
			"change":        func() (itemKey, error) { return changeKey("s", 1, changedAccount, bad) },
			"sweeping":      func() (itemKey, error) { return sweepingKey("s", bad) },
			"presence":      func() (itemKey, error) { return presenceKey(chat.Crowd{ServerID: bad}, "c") },
			"subscriptions": func() (itemKey, error) { return subscriptionsKey("a", bad) },
			"message": func() (itemKey, error) {
				return messageKey(chat.MessageKey{ServerID: "s", ChannelID: bad, MsgServerID: "m"})
			},
			"audit": func() (itemKey, error) {
				return revokeEntryKey("s", chat.UpdateRef{ChannelID: "c", MsgServerID: bad})
			},
			"audit of policies": func() (itemKey, error) {
				return policyEntryKey(chat.PolicyEntry{ServerID: "s", ChannelID: "c" + separator + bad, Version: 1})
			},
			"update": func() (itemKey, error) {
				return updateKey(chat.MessageKey{ServerID: "s", ChannelID: "c", MsgServerID: bad}, 1)
			},
		} {
			if _, err := build(); !errors.Is(err, errBadKey) {
				t.Errorf("%s of %q: %v", name, bad, err)
			}
		}
	}
	for _, ms := range []int64{-1, chat.MaxTimestamp + 1} {
		if _, err := changeKey("s", ms, changedServer); err == nil {
			t.Errorf("a key of the time %d", ms)
		}
	}
}

func TestMessageKeysAreOrderedByTimeAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := filled[chat.MessageKey](t), filled[chat.MessageKey](t)
		a, errA := messageKey(one)
		b, errB := messageKey(two)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if one.Timestamp < two.Timestamp && a.sk >= b.sk {
			t.Errorf("%q is not before %q", a.sk, b.sk)
		}
		if back, err := ParseMessageKey(a.pk, a.sk); err != nil || back != one {
			t.Errorf("%+v became %+v, %v", one, back, err)
		}
	})
	for _, bad := range [][2]string{{"s", "000000000000001#m"}, {"s#c", "1#m"}, {"s#c", "000000000000001"}, {"s#c#d", "000000000000001#m"},
		{"s#c", "000000000000001#m#n"}, {"#c", "000000000000001#m"}, {"s#c", "-00000000000001#m"}, {"", ""}} {
		if key, err := ParseMessageKey(bad[0], bad[1]); err == nil {
			t.Errorf("%q was read as %+v", bad, key)
		}
	}
}

// What README.md shows is what is stored.
func TestTheAuditRowsOfTheREADME(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```json\n{\"pk\"")
	block, _, _ = strings.Cut(block, "\n```")
	var want []map[string]any
	if err := json.Unmarshal([]byte(`[{"pk"`+strings.ReplaceAll(block, "\n", ",")+`]`), &want); err != nil {
		t.Fatalf("README.md has no rows of the audit: %v", err)
	}
	revoke, err1 := encodeRevokeEntry(chat.RevokeEntry{
		MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "c1", Timestamp: 1_767_225_600_123, MsgServerID: "01KDVDNQ3VC6X8J3QW2Z1N5R7T"},
		Version:    2, RevokedAt: 1_767_225_603_456, AuthorID: "alice", Reason: "wrong room", Door: chat.WebSocketDoor,
		Operator: chat.Who{AccountID: "bob", DeviceID: "desk", ClientType: chat.PC}, ExpiresAt: 1_767_225_603 + 365*24*3600 + 1,
	})
	policy, err2 := encodePolicyEntry(chat.Act{
		At: time.UnixMilli(1_767_225_604_567), Action: chat.ActionPutBan, AccountID: "olga", Principal: "arn:aws:iam::123456789012:user/backend",
		Door: chat.APIDoor, Retention: 365 * 24 * time.Hour,
	}.OfMember(chat.Member{ServerID: "s1", AccountID: "bob"}, chat.Member{Banned: true, Version: 4}))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	got := make([]map[string]any, 2)
	for i, row := range []item{revoke, policy} {
		if err := attributevalue.UnmarshalMap(row, &got[i]); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-README.md +stored\n%s", d)
	}
}

// What was written by releases that kept revocations alone is read as it was.
func TestARevocationFromBeforeThereWerePoliciesIsRead(t *testing.T) {
	key := itemKey{"server#s1", "001767225603456#policy#001767225600123#01KDVDNQ3VC6X8J3QW2Z1N5R7T"}
	row, err := key.with(map[string]any{"version": 2, "operator": "bob", "door": "api", "ttl": 1_798_761_604})
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeAudit("s1", row)
	want := chat.AuditEntry{Revoke: &chat.RevokeEntry{
		MessageKey: chat.MessageKey{ServerID: "s1", ChannelID: "policy", Timestamp: 1_767_225_600_123, MsgServerID: "01KDVDNQ3VC6X8J3QW2Z1N5R7T"},
		Version:    2, RevokedAt: 1_767_225_603_456, Operator: chat.Who{AccountID: "bob"}, Door: chat.APIDoor, ExpiresAt: 1_798_761_604,
	}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v -want +got\n%s", err, d)
	}
}

// What a position of the audit may be is what a row's key is, and nothing else: it comes from outside.
func TestPositionsOfTheAudit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, p := filled[chat.RevokeEntry](t), filled[chat.PolicyEntry](t)
		p.ChannelID, p.AccountID = rapid.SampledFrom([]string{"", p.ChannelID}).Draw(t, "channel"), rapid.SampledFrom([]string{"", p.AccountID}).Draw(t, "account")
		a, err1 := revokeEntryKey(r.ServerID, r.Ref())
		b, err2 := policyEntryKey(p)
		if err1 != nil || err2 != nil || checkPosition(a.sk) != nil || checkPosition(b.sk) != nil {
			t.Fatal(err1, err2, a, b)
		}
		if r.RevokedAt < p.At && a.sk >= b.sk || r.RevokedAt > p.At && a.sk <= b.sk {
			t.Fatalf("%q and %q are not in the order of time", a.sk, b.sk)
		}
	})
	const at, v = "001767225603456", "000000000000001"
	for _, bad := range []string{
		"", "x", at, at + "#policy#c#a", at + "#c##m", at + "##" + at + "#m", at + "#c#x#m", "x#c#" + at + "#m", at + "#policy#c#a#1", at + "#other\x00#c#a#" + v, at + "#other#c#a#" + v,
		at + "#policy# c#a#" + v, at + "#policy#c#a#" + v + "#x", at + "#c#" + at + "#" + strings.Repeat("m", 65), at + "#c#" + at + "#\xff",
	} {
		if err := checkPosition(bad); chat.CodeOf(err) != chat.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Stored keys depend on the hash: these were computed by hand from FNV-1a's definition.
func TestShardsAreStable(t *testing.T) {
	for id, want := range map[string]uint32{"": 2166136261 % 4, "a": 0xe40c292c % 4, "foobar": 0xbf9cf968 % 4} {
		if got := shard(id, updateShards); got != fmt.Sprint(want) {
			t.Errorf("%q is in shard %s, want %d", id, got, want)
		}
	}
}

// chat.SweepUnitsPerSecond is reckoned with entries of the index of updates that are no larger.
func TestAnEntryOfTheIndexStaysUnderEightKB(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("i", chat.MaxIDBytes)
	long := func(characters int) string { return strings.Repeat("\U0001f600", characters) }
	row, err := encodeMessage(chat.Message{
		MessageKey: chat.MessageKey{ServerID: id, ChannelID: id, Timestamp: chat.MaxTimestamp, MsgServerID: id}, Version: math.MaxInt64,
		Revocation: &chat.Revocation{
			Operator: chat.Actor{AccountID: id, Nick: strings.Repeat("n", chat.MaxNickBytes), ClientType: chat.REST, Device: id},
			Info: chat.UpdateInfo{Postscript: long(chat.MaxPostscriptChars), Extension: strings.Repeat("e", chat.MaxExtensionBytes),
				PushContent: long(chat.MaxPushContentChars), PushPayload: strings.Repeat("p", chat.MaxPushPayloadBytes)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	update, err := updateKey(chat.MessageKey{ServerID: id, ChannelID: id, Timestamp: chat.MaxTimestamp, MsgServerID: id}, chat.MaxTimestamp)
	if err != nil {
		t.Fatal(err)
	}
	entry := item{attrUPK: text(update.pk), attrUSK: text(update.sk), attrPK: row[attrPK], attrSK: row[attrSK]}
	for _, attribute := range UpdatesProjection {
		entry[attribute] = row[attribute]
	}
	size := meter.ItemSize(entry)
	if size > 8<<10 || size < 6<<10 {
		t.Errorf("%d bytes", size)
	}
	const partition = 1_000 // units a second (DynamoDB developer guide, "Burst and adaptive capacity")
	if units := chat.SweepWorkers * chat.SweepUnitsPerSecond / 2 * ((size + 1023) / 1024) / updateShards; units >= partition {
		t.Errorf("%d units a second of a partition's %d", units, partition)
	}
}

func TestItemSize(t *testing.T) {
	n := func(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
	for _, c := range []struct {
		row  item
		want int
	}{
		{item{"ab": text("é")}, 4},
		{item{"a": n("0")}, 2}, {item{"a": n("1200")}, 3}, {item{"a": n("-123")}, 5}, {item{"a": n("1767225600123")}, 9},
		{item{"a": &types.AttributeValueMemberBOOL{Value: true}}, 2},
		{item{"a": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("bc")}}}, 7},
		{item{"a": &types.AttributeValueMemberM{Value: item{"b": text("cd")}}}, 8},
	} {
		if got := meter.ItemSize(c.row); got != c.want {
			t.Errorf("%v: %d bytes, want %d", c.row, got, c.want)
		}
	}
}
