package chat

import "time"

// Who is an account with the client that it acted with: an [Actor] as it is kept and told
// elsewhere, without what belongs to the moment.
type Who struct {
	AccountID  string
	DeviceID   string // as the client named it; empty for none
	ClientType ClientType
}

// who leaves the nickname out, and the stand-in for a device that has no name.
func (a Actor) who() Who { return Who{a.AccountID, a.DeviceID(), a.ClientType} }

// Door is how an operator came in.
type Door string

// The doors.
const (
	WebSocketDoor Door = "websocket"
	APIDoor       Door = "api"
	SeedDoor      Door = "seed" // the command that writes a file into a deployment
)

// door: a back end acts as REST and without a device. A connection always has one, named or not, so
// that a client which calls itself REST is still told apart.
func (a Actor) door() Door {
	if a.ClientType == REST && a.Device == "" {
		return APIDoor
	}
	return WebSocketDoor
}

// RevokeEntry is who took which message back, when, from whom and why. It holds nothing of
// what the message said.
type RevokeEntry struct {
	MessageKey
	Version   int64
	RevokedAt int64 // ms
	Operator  Who
	Door      Door
	AuthorID  string
	Reason    string // the operator's postscript
	ExpiresAt int64  // s since the epoch; 0 never
}

// Ref is the place of the message's update.
func (e RevokeEntry) Ref() UpdateRef {
	return e.MessageKey.RefAt(e.RevokedAt)
}

// Action is what somebody asked for who changed a policy.
type Action string

// The actions. Their texts are stored and answered: they do not change.
const (
	ActionPutServer            Action = "put_server"
	ActionPutRole              Action = "put_role"
	ActionDeleteRole           Action = "delete_role"
	ActionDeleteServer         Action = "delete_server"
	ActionDeleteChannel        Action = "delete_channel"
	ActionPutChannel           Action = "put_channel"
	ActionPutRoleOverride      Action = "put_role_override"
	ActionDeleteRoleOverride   Action = "delete_role_override"
	ActionPutMember            Action = "put_member"
	ActionDeleteMember         Action = "delete_member"
	ActionPutBan               Action = "put_ban"
	ActionDeleteBan            Action = "delete_ban"
	ActionPutMemberOverride    Action = "put_member_override"
	ActionDeleteMemberOverride Action = "delete_member_override"
	ActionPutWhitelisted       Action = "put_whitelisted"
	ActionDeleteWhitelisted    Action = "delete_whitelisted"
	ActionPutBlacklisted       Action = "put_blacklisted"
	ActionDeleteBlacklisted    Action = "delete_blacklisted"
	ActionPutSweep             Action = "put_sweep"
	ActionPutPersonal          Action = "put_personal" // all that a channel holds for an account, as a file says
)

// Actions are all there are.
func Actions() []Action {
	return []Action{
		ActionPutServer, ActionDeleteServer, ActionPutRole, ActionDeleteRole, ActionDeleteChannel,
		ActionPutChannel, ActionPutRoleOverride, ActionDeleteRoleOverride,
		ActionPutMember, ActionDeleteMember, ActionPutBan, ActionDeleteBan,
		ActionPutMemberOverride, ActionDeleteMemberOverride,
		ActionPutWhitelisted, ActionDeleteWhitelisted, ActionPutBlacklisted, ActionDeleteBlacklisted, ActionPutSweep, ActionPutPersonal,
	}
}

// Act is the changing of a policy, as the audit keeps it: when, by whom and through which door.
type Act struct {
	At        time.Time
	Action    Action
	RoleID    string // the role that it is about, where it is about one
	AccountID string // whose permissions bind it; empty: nobody's, it is the back end itself
	Principal string // who signed the request: the ARN of an IAM principal; empty where that is not known
	Door      Door
	Retention time.Duration // of the entry; 0 is for ever
}

// PolicyEntry is who changed which row of a community, when and how. The row is the server's, a channel's, a member's, or
// what a channel holds for an account: which, ChannelID and AccountID tell. Version makes the entry the row's only one.
//
// At the model's limits an entry takes less than 32 KB, at which it makes a server with all its roles; most take some 200 bytes.
type PolicyEntry struct {
	ServerID, ChannelID, AccountID string

	RoleID    string // the role that it is about, where it is about one
	Version   int64  // of the row, since the change
	At        int64  // ms
	Action    Action
	Operator  string // the account whose permissions bound it; empty: the back end itself
	Principal string // as an Act's
	Door      Door
	Changes   []string // for people to read; of a nick no more than that it is another
	ExpiresAt int64    // s since the epoch; 0 never
}

// OfServer is the entry of a server's row that became after. It takes the ids of before, here and below.
func (a Act) OfServer(before, after Server) PolicyEntry {
	return a.entry(PolicyEntry{ServerID: before.ID, Version: after.Version, Changes: serverChanges(before, after)})
}

// OfChannel is the entry of a channel's row.
func (a Act) OfChannel(before, after Channel) PolicyEntry {
	return a.entry(PolicyEntry{ServerID: before.ServerID, ChannelID: before.ID, Version: after.Version, Changes: channelChanges(before, after)})
}

// OfMember is the entry of a member's row.
func (a Act) OfMember(before, after Member) PolicyEntry {
	return a.entry(PolicyEntry{ServerID: before.ServerID, AccountID: before.AccountID, Version: after.Version, Changes: memberChanges(before, after)})
}

// OfPersonal is the entry of what a channel holds for an account.
func (a Act) OfPersonal(before, after Personal) PolicyEntry {
	return a.entry(PolicyEntry{
		ServerID: before.ServerID, ChannelID: before.ChannelID, AccountID: before.AccountID,
		Version: after.Version, Changes: personalChanges(before, after),
	})
}

// OfDeletion is the entry of a channel or server, which the job is of, that was at the version when it was deleted.
func (a Act) OfDeletion(job JobRef, version int64) PolicyEntry {
	e := PolicyEntry{ServerID: job.ServerID, Version: version + 1, Changes: []string{"deleted"}}
	if job.Kind == ChannelJob {
		e.ChannelID = job.ID
	}
	return a.entry(e)
}

// OfSweep is the entry of a sweep, which is about the swept account. It is told from the entries of that account's row by its version, which is a time: a
// store makes it some ms later where another sweep of the account has that one.
func (a Act) OfSweep(job Job) PolicyEntry {
	what := "sweep " + job.ID + " of "
	if job.Sweep.DryRun {
		what = "dry run " + job.ID + " of "
	}
	what += job.Sweep.AccountID + " in the name of " + job.Sweep.Operator.AccountID
	if job.Sweep.Since > 0 {
		what += ", since " + time.UnixMilli(job.Sweep.Since).UTC().Format(time.RFC3339Nano)
	}
	return a.entry(PolicyEntry{
		ServerID: job.ServerID, ChannelID: job.Sweep.ChannelID, AccountID: job.Sweep.AccountID, Version: job.CreatedAt, Changes: []string{what},
	})
}

func (a Act) entry(e PolicyEntry) PolicyEntry {
	e.RoleID, e.Action, e.Operator, e.Principal, e.Door = a.RoleID, a.Action, a.AccountID, a.Principal, a.Door
	e.At = a.At.UnixMilli()
	e.ExpiresAt = auditExpiry(e.At, a.Retention)
	return e
}

// auditExpiry is when an entry of the time (ms) ends, in s since the epoch: never where it is kept for 0.
func auditExpiry(at int64, retention time.Duration) int64 {
	if retention <= 0 {
		return 0
	}
	return time.UnixMilli(at).Add(retention).Unix() + 1
}

// AuditEntry is an entry of a server's audit: of one kind, the other is nil.
type AuditEntry struct {
	Revoke *RevokeEntry
	Policy *PolicyEntry
}

// At is when it happened, in ms.
func (e AuditEntry) At() int64 {
	if e.Revoke != nil {
		return e.Revoke.RevokedAt
	}
	return e.Policy.At
}

// ExpiredAt tells whether the entry counts as gone at the time (ms).
func (e AuditEntry) ExpiredAt(ms int64) bool {
	var end int64
	if e.Revoke != nil {
		end = e.Revoke.ExpiresAt
	} else {
		end = e.Policy.ExpiresAt
	}
	return end != 0 && end <= ms/1000
}
