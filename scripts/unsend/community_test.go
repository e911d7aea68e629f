package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	harbour = `"v3" {"server_id":"harbour","owner":"olga","revoke_window_ms":300000,"moderator_window_ms":null,"roles":[` +
		`{"role_id":"mod","priority":10,"allow":["RevokeMemberMessage"],"deny":[],"revoke_window_ms":null,"moderator_window_ms":-1},` +
		`{"role_id":"everyone","priority":0,"allow":["SendMessage"],"deny":[],"revoke_window_ms":null,"moderator_window_ms":null}]}`
	crew = `"v2" {"server_id":"harbour","channel_id":"crew","view_mode":"private","revoke_window_ms":0,"moderator_window_ms":null,` +
		`"white_roles":["mod"],"black_roles":[],"role_overrides":{"everyone":{"allow":[],"deny":["SendMessage"]}}}`
	bob = `"v5" {"server_id":"harbour","accid":"bob","nick":"Bob","roles":["mod"],"joined":true,"joined_at":1767225600123,"banned":false}`
)

func TestServerShow(t *testing.T) {
	t.Parallel()
	newBackend(t, "GET /servers/harbour", "200 "+harbour).play("server show harbour", 0, `
server                 harbour
owner                  olga
window of authors      5m
window of moderators   unset
version                v3

role       priority   allows                denies   authors   moderators
mod        10         RevokeMemberMessage   -        unset     unlimited
everyone   0          SendMessage           -        unset     unset
`, "")
	newBackend(t, "GET /servers/harbour", `200 "v3" {"server_id":"harbour","owner":"olga","revoke_window_ms":1,"moderator_window_ms":null,"roles":[]}`).
		play("server show harbour --json", 0, `{"etag":"\"v3\"","server_id":"harbour","owner":"olga","revoke_window_ms":1,"moderator_window_ms":null,"roles":[]}`+"\n", "")
	newBackend(t, "GET /servers/harbour", "404 no such server").play("server show harbour", 1, "", "unsend: no such server (HTTP 404)\n")
	newBackend(t, "GET /servers/harbour/jobs?limit=100", "404 no such resource").play("job list harbour", 1, "", "deploy this release")
	newBackend(t, "GET /servers/harbour/jobs?limit=100", "400 the query holds an unknown parameter; known are: ").play("job list harbour", 1, "", "deploy this release")
	newBackend(t, "GET /servers/harbour/jobs?limit=100", "405 the resource has the methods PUT").play("job list harbour", 1, "", "deploy this release")
	// It is not of an earlier release because an id is read as more of the path.
	for _, id := range []string{"a/b", ".."} {
		asked := "GET /servers/" + strings.ReplaceAll(id, "/", "%2F")
		newBackend(t, asked, "404 no such resource").play("server show "+id, 1, "", "unsend: no such resource (HTTP 404): an id that is . or .., or holds /, does not get through to this deployment\n")
		newBackend(t, asked, "404 no such server").play("server show "+id, 1, "", "unsend: no such server (HTTP 404)\n")
	}
}

func TestServerWrites(t *testing.T) {
	t.Parallel()
	create := `PUT /servers/harbour If-None-Match:* {"owner":"olga","revoke_window_ms":300000,"moderator_window_ms":null}`
	newBackend(t, create, "201 "+harbour).play("server create harbour --owner olga --own 5m", 0, "made the server harbour, which olga owns\n", "")
	newBackend(t, create, "412 it is there already").play("server create harbour --owner olga --own 5m", 1, "", "the server harbour is there already, and was left as it is: change it with unsend server hand-over")
	handOver := `PUT /servers/harbour If-Match:"v3" {"owner":"bob","revoke_window_ms":300000,"moderator_window_ms":null}`
	newBackend(t, "GET /servers/harbour", "200 "+harbour, handOver, "200 "+strings.Replace(harbour, "olga", "bob", 1)).
		play("server hand-over harbour bob", 0, "bob now owns harbour, which was olga's\n", "")
	newBackend(t, "GET /servers/harbour", "200 "+harbour, handOver, `412 "v4" it has another version`).
		play("server hand-over harbour bob", 1, "", "it has another version (HTTP 412): nothing was overwritten. Somebody else has changed it meanwhile")
	newBackend(t, "GET /servers/harbour", "200 "+harbour, strings.Replace(handOver, "v3", "v2", 1), `412 "v3" it has another version`).
		play("server hand-over harbour bob --if-match v2", 1, "", "nothing was overwritten")
	newBackend(t, "GET /servers/harbour", "200 "+harbour, strings.Replace(handOver, "/harbour", "/harbour?acting_as=mia", 1), "403 acting_as lacks ManageServer").
		play("server hand-over harbour bob --acting-as mia", 1, "", "unsend: acting_as lacks ManageServer (HTTP 403)\n")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	role := `"v3" {"role_id":"mod","priority":10,"allow":["AtAll","RevokeMemberMessage"],"deny":[],"revoke_window_ms":null,"moderator_window_ms":60000}`
	newBackend(t, `PUT /servers/harbour/roles/mod If-None-Match:* {"priority":10,"allow":["RevokeMemberMessage","AtAll"],"deny":["KickMember"],"revoke_window_ms":null,"moderator_window_ms":null}`, "201 "+role).
		play("role create harbour mod --priority 10 --allow revokemembermessage,AtAll --deny KickMember", 0, `
role                   mod
priority               10
allows                 AtAll, RevokeMemberMessage
denies                 none
window of authors      unset
window of moderators   1m
version                v3
`, "")
	// What no flag names stays: the priority, the windows, the other permission.
	newBackend(t, "GET /servers/harbour/roles/mod", "200 "+role,
		`PUT /servers/harbour/roles/mod If-Match:"v3" {"priority":10,"allow":["RevokeMemberMessage"],"deny":["KickMember"],"revoke_window_ms":null,"moderator_window_ms":60000}`, "200 "+role).
		play("role edit harbour mod --deny KickMember --unset AtAll --json", 0,
			`{"etag":"\"v3\"","role_id":"mod","priority":10,"allow":["AtAll","RevokeMemberMessage"],"deny":[],"revoke_window_ms":null,"moderator_window_ms":60000}`+"\n", "")
	newBackend(t, "GET /servers/harbour", "200 "+harbour).play("role list harbour", 0, `
role       priority   allows                denies   authors   moderators
mod        10         RevokeMemberMessage   -        unset     unlimited
everyone   0          SendMessage           -        unset     unset
`, "")
	newBackend(t, "GET /servers/harbour", "200 "+harbour).play("role list harbour --json", 0,
		`{"etag":"\"v3\"","role_id":"mod","priority":10,"allow":["RevokeMemberMessage"],"deny":[],"revoke_window_ms":null,"moderator_window_ms":-1}`+"\n"+
			`{"etag":"\"v3\"","role_id":"everyone","priority":0,"allow":["SendMessage"],"deny":[],"revoke_window_ms":null,"moderator_window_ms":null}`+"\n", "")
	newBackend(t, "DELETE /servers/harbour/roles/mod", "204").play("role delete harbour mod --yes", 0, "deleted the role mod of harbour\n", "")
}

func TestChannels(t *testing.T) {
	t.Parallel()
	newBackend(t, "GET /servers/harbour/channels/crew", "200 "+crew).play("channel show harbour crew", 0, `
channel                crew
server                 harbour
view                   private
white roles            mod
black roles            none
override of everyone   denies SendMessage
window of authors      never
window of moderators   unset
version                v2
`, "")
	// The role gone was deleted: the row still names it, and a write that did would be refused.
	newBackend(t, "GET /servers/harbour/channels/crew", "200 "+strings.Replace(crew, `["mod"]`, `["gone","mod"]`, 1), "GET /servers/harbour", "200 "+harbour,
		`PUT /servers/harbour/channels/crew If-Match:"v2" {"view_mode":"public","revoke_window_ms":0,"moderator_window_ms":null,"white_roles":["mod"],"black_roles":[]}`, "200 "+crew).
		play("channel edit harbour crew --public --json", 0, `{"etag":"\"v2\"",`+strings.TrimPrefix(crew, `"v2" {`)+"\n", "")
	newBackend(t, `PUT /servers/harbour/channels/crew If-None-Match:* {"view_mode":"private","revoke_window_ms":null,"moderator_window_ms":null,"white_roles":[],"black_roles":[]}`, "412 it is there already").
		play("channel create harbour crew --private", 1, "", "the channel crew is there already, and was left as it is: change it with unsend channel edit")
}

// A list is read page by page, also where one is empty or short, as far as the limit goes.
func TestPages(t *testing.T) {
	t.Parallel()
	exchanges := []string{
		"GET /servers/harbour/channels?limit=3", `200 {"channels":[],"next":"a"}`,
		"GET /servers/harbour/channels?cursor=a&limit=3", `200 {"channels":[` + strings.TrimPrefix(crew, `"v2" `) + `],"next":"b"}`,
		"GET /servers/harbour/channels?cursor=b&limit=2", `200 {"channels":[` + strings.TrimPrefix(crew, `"v2" `) + `,{"channel_id":"\u001b[2J","view_mode":"public"}],"next":"c"}`,
	}
	newBackend(t, exchanges...).play("channel list harbour --limit 3", 0, `
channel   view      authors   moderators   white roles   black roles
crew      private   never     unset        mod           -
crew      private   never     unset        mod           -
�[2J      public    unset     unset        -             -
`, "There may be more than these 3: raise --limit")
	newBackend(t, "GET /servers/harbour/bans?limit=100", `200 {"members":[]}`).play("ban list harbour", 0, "", "nobody is banned from harbour\n")
	newBackend(t, "GET /servers/harbour/bans?limit=100", `200 {"members":[]}`).play("ban list harbour --json", 0, "", "")
	newBackend(t, "GET /servers/harbour/members?limit=100", `200 {"members":[`+strings.TrimPrefix(bob, `"v5" `)+`],"next":"a"}`,
		"GET /servers/harbour/members?cursor=a&limit=100", `200 {"members":[],"next":"a"}`).
		play("member list harbour --limit 0", 1, `
account   nick   roles   joined                 banned
bob       Bob    mod     2026-01-01T00:00:00Z   no
`, "gave the same page twice")
	newBackend(t, "GET /accounts/bob/servers?limit=100", `200 {"servers":[{"server_id":"harbour","roles":["mod"]}]}`).
		play("server list bob --json", 0, `{"server_id":"harbour","roles":["mod"]}`+"\n", "")
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	channel, personal := "GET /servers/harbour/channels/crew", "GET /servers/harbour/channels/crew/members/bob"
	newBackend(t, channel, "200 "+crew, `PUT /servers/harbour/channels/crew/roles/everyone If-Match:"v2" {"allow":["AtAll"],"deny":["SendMessage"]}`, "200 {}").
		play("channel override harbour crew --role everyone --allow AtAll", 0, "role everyone: allows AtAll; denies SendMessage\n", "")
	newBackend(t, channel, "200 "+crew, `DELETE /servers/harbour/channels/crew/roles/everyone If-Match:"v2"`, "204").
		play("channel override harbour crew --role everyone --inherit SendMessage", 0, "role everyone: inherits everything\n", "")
	// Nothing is stored for bob yet: whoever stores something meanwhile is not overwritten.
	newBackend(t, personal, `200 {"accid":"bob","override":{"allow":[],"deny":[]},"whitelisted":false,"blacklisted":false}`,
		`PUT /servers/harbour/channels/crew/members/bob/override If-None-Match:* {"allow":["SendMessage"],"deny":[]}`, "201 {}").
		play("channel override harbour crew --member bob --allow SendMessage --json", 0, `{"accid":"bob","allow":["SendMessage"],"deny":[]}`+"\n", "")
	newBackend(t, channel, "200 "+crew, "GET /servers/harbour/channels/crew/members?limit=100",
		`200 {"members":[{"accid":"bob","override":{"allow":["AtAll"],"deny":[]}},{"accid":"carol","override":{"allow":[],"deny":[]},"whitelisted":true}]}`).
		play("channel override harbour crew", 0, `
kind     of         allows   denies
role     everyone   -        SendMessage
member   bob        AtAll    -
`, "")
	// The limit is of what is listed: who is on a list alone does not count.
	page := func(ids ...string) string {
		var rows []string
		for _, id := range ids {
			allow := `"AtAll"`
			if strings.HasPrefix(id, "listed") {
				allow = ""
			}
			rows = append(rows, `{"accid":"`+id+`","override":{"allow":[`+allow+`],"deny":[]}}`)
		}
		return `{"members":[` + strings.Join(rows, ",") + `]`
	}
	first, second := "GET /servers/harbour/channels/crew/members?limit=100", "GET /servers/harbour/channels/crew/members?cursor=a&limit=100"
	two := `{"role_id":"everyone","allow":[],"deny":["SendMessage"]}` + "\n" + `{"accid":"bob","allow":["AtAll"],"deny":[]}` + "\n"
	for _, test := range []struct{ limit, last, out, says string }{
		{"2", page("listed-2", "bob") + "}", two, ""},
		{"2", page("listed-2", "bob", "listed-3") + "}", two, "There may be more than these 2"},
		{"2", page("bob") + `,"next":"b"}`, two, "There may be more than these 2"},
		{"0", page("bob") + "}", two, ""},
	} {
		newBackend(t, channel, "200 "+crew, first, "200 "+page("listed-0", "listed-1")+`,"next":"a"}`, second, "200 "+test.last).
			play("channel override harbour crew --json --limit "+test.limit, 0, test.out, test.says)
	}
	newBackend(t, channel, "200 "+crew).play("channel override harbour crew --json --limit 1", 0, strings.SplitAfter(two, "\n")[0], "There may be more than these 1")
	newBackend(t, channel, "200 "+strings.Replace(crew, `"everyone":`, `"\u001b[2J":`, 1), "GET /servers/harbour/channels/crew/members?limit=100", `200 {"members":[]}`).
		play("channel override harbour crew", 0, "kind   of     allows   denies\nrole   �[2J   -        SendMessage\n", "")
	newBackend(t, channel, `200 {}`, first, `200 {"members":[]}`).play("channel override harbour crew", 0, "", "crew overrides nothing")
}

func TestMembers(t *testing.T) {
	t.Parallel()
	member := func(name string) string { return "PUT /servers/harbour/members/" + name + " If-None-Match:* " }
	newBackend(t, member("bob")+`{"nick":"Bob","roles":["mod","dj"]}`, "201 "+bob).play("member add harbour bob --nick Bob --role mod,dj", 0, "bob   added\n", "")
	newBackend(t, member("bob")+`{"nick":"","roles":["mod"]}`, "412 it is there already").
		play("member add harbour bob --role mod", 1, "", "unsend: bob: is a member already, and was left as it is: use unsend member edit, or --replace\n")
	newBackend(t, member("bob")+`{"nick":"","roles":[]}`, "201 "+bob, member("alice")+`{"nick":"","roles":[]}`, "412 it is there already", member("carol")+`{"nick":"","roles":[]}`, "409 an account is in at most 100 servers").
		play("member add harbour bob alice carol bob", 1, `
bob     added
alice   was a member already, left as it is
carol   an account is in at most 100 servers (HTTP 409)
`, "1 of 3 were not done")
	newBackend(t, "GET /servers/harbour/members/bob", "200 "+bob, "GET /servers/harbour", "200 "+harbour,
		`PUT /servers/harbour/members/bob If-Match:"v5" {"nick":"Bob","roles":["dj"]}`, "200 "+bob).
		play("member edit harbour bob --add-role dj --remove-role mod", 0, `
account   bob
server    harbour
nick      Bob
roles     mod
member    yes
joined    2026-01-01T00:00:00Z
banned    no
version   v5
`, "")
	newBackend(t, "GET /servers/harbour/members/bob", "200 "+strings.Replace(bob, `"joined":true`, `"joined":false`, 1)).
		play("member edit harbour bob --nick x", 1, "", "bob has left harbour: make it a member with unsend member add")
	newBackend(t, "DELETE /servers/harbour/members/olga", "409 the owner cannot leave").play("member remove harbour olga", 1, "", "unsend: olga: the owner cannot leave (HTTP 409)\n")
	newBackend(t, `POST /servers/harbour/members/remove?acting_as=mia {"accids":["bob","olga"]}`, `200 {"results":[{"accid":"bob","status":204},{"accid":"olga","status":409,"detail":"the owner cannot leave"}]}`).
		play("member remove harbour bob olga --acting-as mia --json", 1, `{"accid":"bob","status":204}`+"\n"+`{"accid":"olga","status":409,"detail":"the owner cannot leave"}`+"\n", "1 of 2 were not done")
}

// A file of members goes by the hundred; who was busy is tried again, alone.
func TestMembersOfAFile(t *testing.T) {
	t.Parallel()
	b := newBackend(t,
		`PUT /servers/harbour/members {"members":[{"accid":"bob","nick":"Bob","roles":["mod","dj"]},{"accid":"alice","nick":"new","roles":[]},{"accid":"carol","nick":"Carol C","roles":[]}]}`,
		`200 {"results":[{"accid":"bob","status":201},{"accid":"alice","status":503,"detail":"busy"},{"accid":"carol","status":200}]}`,
		`PUT /servers/harbour/members {"members":[{"accid":"alice","nick":"new","roles":[]}]}`, `200 {"results":[{"accid":"alice","status":201}]}`)
	code, out, errs := b.run("bob\tBob\tmod,dj\r\n\nalice\ncarol\tCarol C\n", "member add harbour --file - --replace --nick new")
	if want := "bob     added\ncarol   was a member, replaced\nalice   added\n"; code != 0 || out != want || errs != "" {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	file := filepath.Join(t.TempDir(), "members.tsv")
	if err := os.WriteFile(file, []byte("bob\n\n \t\nb#b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := newBackend(t).run("", "member add harbour --file "+file); code != 1 || !strings.Contains(errs, "line 4 of "+file+": the account holds #") {
		t.Errorf("code %d\n%s", code, errs)
	}
	if code, _, errs := newBackend(t).run("bob\n\n\tBob\n", "member add harbour --file -"); code != 1 || !strings.Contains(errs, "line 3 of the input: the account is missing; nobody was added") {
		t.Errorf("code %d\n%s", code, errs)
	}
}

// endless is an input of empty lines.
type endless struct{}

func (endless) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = '\n'
	}
	return len(into), nil
}

// What is too long is not read to its end.
func TestALongInput(t *testing.T) {
	t.Parallel()
	if _, err := linesOf(endless{}, "the input"); err == nil || err.Error() != "the input is longer than 64 MB: split it" {
		t.Error(err)
	}
}

func TestBans(t *testing.T) {
	t.Parallel()
	newBackend(t, "PUT /servers/harbour/members/mallory/ban?acting_as=bob", "201 "+bob, "PUT /servers/harbour/members/trent/ban?acting_as=bob", "200 "+bob).
		play("ban add harbour mallory trent --acting-as bob", 0, "mallory   banned\ntrent     was banned already\n", "")
	newBackend(t, "DELETE /servers/harbour/members/mallory/ban", "204").play("ban remove harbour mallory", 0, "mallory   is not banned any more\n", "")
}

func TestLists(t *testing.T) {
	t.Parallel()
	channel, accounts := "GET /servers/harbour/channels/crew", "GET /servers/harbour/channels/crew/whitelist?limit=100"
	newBackend(t, channel, "200 "+crew, accounts, `200 {"accids":["bob","carol"]}`).play("list show harbour crew white", 0, "role\nmod\n\naccount\nbob\ncarol\n", "")
	newBackend(t, channel, "200 "+crew, accounts, `200 {"accids":["bob"]}`).play("list show harbour crew white --json", 0, `{"role_id":"mod"}`+"\n"+`{"accid":"bob"}`+"\n", "")
	newBackend(t, channel, "200 "+crew,
		`PUT /servers/harbour/channels/crew If-Match:"v2" {"view_mode":"private","revoke_window_ms":0,"moderator_window_ms":null,"white_roles":[],"black_roles":[]}`, "200 "+strings.Replace(crew, `["mod"]`, `[]`, 1),
		"DELETE /servers/harbour/channels/crew/whitelist/bob", "204").
		play("list remove harbour crew white bob --role mod", 0, "roles on the white list of crew: none\nbob   is not on the list any more\n", "")
	newBackend(t, "PUT /servers/harbour/channels/crew/blacklist/mallory", "201 {}").play("list add harbour crew black mallory", 0, "mallory   put on the list\n", "")
}

func TestWindows(t *testing.T) {
	t.Parallel()
	newBackend(t, "GET /servers/harbour", "200 "+harbour, `PUT /servers/harbour If-Match:"v3" {"owner":"olga","revoke_window_ms":300000,"moderator_window_ms":0}`, `200 "v4" {}`).
		play("window set harbour --moderator never", 0, "server                 harbour\nwindow of authors      5m\nwindow of moderators   never\nversion                v4\n", "")
	newBackend(t, "GET /servers/harbour/channels/crew", "200 "+crew, "GET /servers/harbour", "200 "+harbour,
		`PUT /servers/harbour/channels/crew If-Match:"v2" {"view_mode":"private","revoke_window_ms":null,"moderator_window_ms":5400000,"white_roles":["mod"],"black_roles":[]}`, `200 "v3" {}`).
		play("window set harbour --channel crew --own unset --moderator 1h30m --json", 0,
			`{"etag":"\"v3\"","server_id":"harbour","channel_id":"crew","revoke_window_ms":null,"moderator_window_ms":5400000}`+"\n", "")
	newBackend(t, "GET /servers/harbour/roles/mod", `200 "v3" {"role_id":"mod","priority":1,"allow":[],"deny":[],"revoke_window_ms":604800000,"moderator_window_ms":-1}`).
		play("window show harbour --role mod", 0, "role                   mod\nwindow of authors      7d\nwindow of moderators   unlimited\nversion                v3\n", "")
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	newBackend(t, "GET /servers/harbour/channels/crew/members/bob/permissions",
		`200 {"server_id":"harbour","channel_id":"crew","accid":"bob","sees":{"allowed":true,"level":"white_list","role":"mod"},"permissions":{`+
			`"SendMessage":{"allowed":false,"level":"role_override","role":"everyone"},"ManageServer":{"allowed":false,"level":"none"},"Fly":{"allowed":true,"level":"wings"}}}`).
		play("permissions harbour crew bob", 0, `
permission           allowed   decided by                  role
(sees the channel)   yes       white list of the channel   mod
ManageServer         no        no role allows it           -
SendMessage          no        override for the role       everyone
Fly                  yes       wings                       -
`, "")
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	newBackend(t, "GET /accounts/bob/connections", `200 {"connections":[{"connection_id":"Xq2=","device_id":"desk","client_type":4,"connected_at":1767225600123,"token_expires_at":1767229200000}]}`).
		play("account connections bob", 0, `
connection   device   client   connected              token expires
Xq2=         desk     pc       2026-01-01T00:00:00Z   2026-01-01T01:00:00Z
`, "")
	const two = `{"connection_id":"a","client_type":4,"connected_at":1,"token_expires_at":2}` + "\n" + `{"connection_id":"b","device_id":"desk","client_type":4,"connected_at":1,"token_expires_at":2}` + "\n"
	newBackend(t, "GET /accounts/bob/connections", `200 {"connections":[`+strings.ReplaceAll(strings.TrimSpace(two), "\n", ",")+`]}`).
		play("account connections bob --json", 0, two, "")
	newBackend(t, "GET /accounts/bob/connections", `200 {"connections":[]}`).play("account connections bob", 0, "", "bob has no connections\n")
	newBackend(t, "DELETE /accounts/bob/connections/Xq2=", "204").play("account disconnect bob Xq2=", 0, "closed the connection Xq2= of bob\n", "")
	newBackend(t, "DELETE /accounts/bob/connections", "204").play("account disconnect bob --json", 0, "{}\n", "")
}

// Ctrl-C ends a question that nobody answers.
func TestAQuestionCanBeInterrupted(t *testing.T) {
	t.Parallel()
	in, typing := io.Pipe()
	defer func() { _ = typing.Close() }()
	ctx, interrupt := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, interrupt)
	a := &app{streams: streams{in: in, err: io.Discard}}
	if err := a.ask(ctx, "harbour", "deleting it"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := a.refs(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What cannot be undone is asked about on a terminal, and wants --yes elsewhere.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	for line, what := range map[string]string{
		"server delete harbour":       "deleting the server harbour with its channels, messages and members",
		"channel delete harbour crew": "deleting the channel crew of harbour with its messages",
		"role delete harbour mod":     "deleting the role mod of harbour",
	} {
		newBackend(t).play(line, 1, "", "unsend: "+what+" cannot be undone, and there is no terminal to ask on: confirm it with --yes\n")
	}
	for typed, want := range map[string]bool{"harbour\n": true, "harbour": true, "y\n": false, "\n": false, "": false} {
		var errs strings.Builder
		a := &app{streams: streams{in: strings.NewReader(typed), err: &errs}}
		err := a.ask(t.Context(), "harbour", "deleting the server harbour")
		if (err == nil) != want || !strings.HasPrefix(errs.String(), "Deleting the server harbour cannot be undone. Type harbour to confirm: ") {
			t.Errorf("typed %q: %v\n%s", typed, err, &errs)
		}
	}
}
