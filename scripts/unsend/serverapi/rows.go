package serverapi

import (
	"bytes"
	"encoding/json"
)

// Row is what each row has besides its fields.
type Row struct {
	ETag    string `json:"etag,omitzero"` // of its version; empty where nothing was ever stored
	Created bool   `json:"-"`             // by the write that this answers
}

func (r *Row) row() *Row { return r }

// kept is the text that a value was read from, which is its JSON: nothing is lost of what this client does not know.
type kept struct{ text json.RawMessage }

// MarshalJSON gives the text back.
func (k kept) MarshalJSON() ([]byte, error) { return k.text.MarshalJSON() }

// keep keeps the text of the value that it is part of; plain is that value, without the method that calls this.
func (k *kept) keep(text []byte, plain any) error {
	k.text = bytes.Clone(text)
	return json.Unmarshal(text, plain)
}

// Windows are for how long after its sending a message may be revoked, in ms; -1 no limit, 0 never, nil not set here.
type Windows struct {
	Own       *int64 `json:"revoke_window_ms"`    // by its author
	Moderator *int64 `json:"moderator_window_ms"` // by whoever holds RevokeMemberMessage
}

// Grant is permissions by their names.
type Grant struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny"`
}

// ServerPolicy is what a server is set to.
type ServerPolicy struct {
	Owner string `json:"owner"`
	Windows
}

// Server is a community.
type Server struct {
	Row
	ServerID string `json:"server_id"`
	ServerPolicy
	Roles []Role `json:"roles"` // the highest first
}

// RolePolicy is what a role is set to.
type RolePolicy struct {
	Priority int `json:"priority"` // 0 is highest
	Grant
	Windows
}

// Role is a role of a server, whose ETag it has.
type Role struct {
	Row
	RoleID string `json:"role_id"`
	RolePolicy
}

// ChannelPolicy is what a channel is set to.
type ChannelPolicy struct {
	ViewMode string `json:"view_mode"` // "public" or "private"
	Windows
	WhiteRoles []string `json:"white_roles"`
	BlackRoles []string `json:"black_roles"`
}

// Channel is a channel of a server.
type Channel struct {
	Row
	ServerID  string `json:"server_id"`
	ChannelID string `json:"channel_id"`
	ChannelPolicy
	RoleOverrides map[string]Grant `json:"role_overrides"`
}

// Profile is what a member is set to.
type Profile struct {
	Nick  string   `json:"nick"`
	Roles []string `json:"roles"`
}

// Member is an account in a server, also one who has left or is banned.
type Member struct {
	Row
	ServerID string `json:"server_id"`
	Accid    string `json:"accid"`
	Profile
	Joined   bool  `json:"joined"`
	JoinedAt int64 `json:"joined_at"` // ms, of the last joining; 0: it never joined
	Banned   bool  `json:"banned"`
}

// Personal is what a channel holds for one account.
type Personal struct {
	Row
	Accid    string `json:"accid"`
	Override Grant  `json:"override"`
	White    bool   `json:"whitelisted"`
	Black    bool   `json:"blacklisted"`
}

// Decision is an answer with what decided it.
type Decision struct {
	Allowed bool   `json:"allowed"`
	Level   string `json:"level"`
	Role    string `json:"role,omitzero"` // that decided, where one did
}

// Permissions are what an account may do in a channel.
type Permissions struct {
	ServerID    string              `json:"server_id"`
	ChannelID   string              `json:"channel_id"`
	Accid       string              `json:"accid"`
	Sees        Decision            `json:"sees"`
	Permissions map[string]Decision `json:"permissions"`
}

// Membership is a server that an account is in.
type Membership struct {
	ServerID string   `json:"server_id"`
	Roles    []string `json:"roles"`
}

// Connection is one of an account's.
type Connection struct {
	ConnectionID   string `json:"connection_id"`
	DeviceID       string `json:"device_id,omitzero"`
	ClientType     int    `json:"client_type"`
	ConnectedAt    int64  `json:"connected_at"`     // ms
	TokenExpiresAt int64  `json:"token_expires_at"` // ms
}

// Ref names a message of a channel.
type Ref struct {
	Timestamp   int64  `json:"timestamp"` // ms, as the service gave it
	MsgServerID string `json:"msg_server_id"`
}

// Draft is a message to send.
type Draft struct {
	From           string   `json:"from"`
	MsgID          string   `json:"msg_id"` // the same one within 24 h is the same message
	MsgType        int      `json:"msg_type"`
	MsgBody        string   `json:"msg_body"`
	MentionAll     bool     `json:"mention_all,omitzero"`
	MentionAccids  []string `json:"mention_accids,omitzero"`
	MentionRoleIDs []string `json:"mention_role_ids,omitzero"`
	ReplyTo        *Ref     `json:"reply_to,omitzero"`
}

// Message is a message as frames have it. Its JSON is what the service gave, all of it.
type Message struct {
	Ref
	kept
}

// UnmarshalJSON keeps the text.
func (m *Message) UnmarshalJSON(text []byte) error {
	type plain Message
	return m.keep(text, (*plain)(m))
}

// UpdateInfo is what an operator says with a revoke, to everybody who sees the channel.
type UpdateInfo struct {
	Postscript  string `json:"postscript,omitzero"`
	Extension   string `json:"extension,omitzero"`
	PushContent string `json:"push_content,omitzero"`
	PushPayload string `json:"push_payload,omitzero"`
}

// Revocation takes messages of a channel back.
type Revocation struct {
	Operator   string     `json:"operator,omitzero"` // who is shown as the one who did; empty with [Write.ActingAs]
	Messages   []Ref      `json:"messages"`
	UpdateInfo UpdateInfo `json:"update_info"`
}

// Revoked is what became of one message. Its JSON is what the service gave, all of it.
type Revoked struct {
	Ref
	// ResCode is 200 where it is taken back, now or before; 403 the account of acting_as may not; 404 no such message;
	// 508 too late for that account; 500 and 503 are the service's own.
	ResCode int    `json:"res_code"`
	Reason  string `json:"reason"` // for people; empty for 200
	kept
}

// UnmarshalJSON keeps the text.
func (r *Revoked) UnmarshalJSON(text []byte) error {
	type plain Revoked
	return r.keep(text, (*plain)(r))
}

// Entry is one account of what was asked for many.
type Entry struct {
	Accid  string `json:"accid"`
	Status int    `json:"status"` // of HTTP
	Detail string `json:"detail,omitzero"`
}

// NewMember is an account to make a member of.
type NewMember struct {
	Accid string `json:"accid"`
	Profile
}

// The kinds of jobs.
const (
	KindSweep   = "sweep"
	KindChannel = "channel" // the deletion of one
	KindServer  = "server"  // the deletion of one
)

// JobDone is the state of a job that has ended.
const JobDone = "done"

// Sweep takes back what an account sent.
type Sweep struct {
	Accid      string     `json:"accid"`
	ChannelID  string     `json:"channel_id,omitzero"` // empty: in all channels
	Since      int64      `json:"since,omitzero"`      // ms; 0: from the beginning
	Operator   string     `json:"operator,omitzero"`
	UpdateInfo UpdateInfo `json:"update_info"`
	DryRun     bool       `json:"dry_run"` // counts only
}

// Job is work that the service does after it has answered. Times are in ms. Its JSON is what the service gave, all of it.
type Job struct {
	ServerID   string `json:"server_id"`
	Kind       string `json:"kind"`
	JobID      string `json:"job_id"`
	State      string `json:"state"` // "running" or "done"
	CreatedAt  int64  `json:"created_at"`
	UpdatedAt  int64  `json:"updated_at"`
	FinishedAt int64  `json:"finished_at"` // 0: not yet
	Channels   int64  `json:"channels"`    // that it is through with
	Found      int64  `json:"found"`       // messages of the account that were not taken back before
	Revoked    int64  `json:"revoked"`     // those that it has taken back
	Refused    int64  `json:"refused"`     // those that the account of acting_as may not take back, or that ended meanwhile
	Removed    int64  `json:"removed"`     // rows that it has removed
	Sweep      Asked  `json:"sweep"`       // zero: it is none
	kept
}

// Asked is what a sweep was asked for.
type Asked struct {
	Accid     string `json:"accid"`
	ChannelID string `json:"channel_id"` // empty: all
	Since     int64  `json:"since"`
	Until     int64  `json:"until"`
	DryRun    bool   `json:"dry_run"`
	Operator  string `json:"operator"`
	// ActingAs is the operator where its rights and windows bind the sweep; else empty.
	ActingAs   string     `json:"acting_as"`
	UpdateInfo UpdateInfo `json:"update_info"`
}

// UnmarshalJSON keeps the text.
func (j *Job) UnmarshalJSON(text []byte) error {
	type plain Job
	return j.keep(text, (*plain)(j))
}

// Done tells whether it has ended.
func (j Job) Done() bool { return j.State == JobDone }

// Act is one entry of the audit: a revocation, or a change of policy. Its JSON is what the service gave, all of it.
type Act struct {
	At        int64    `json:"at"`   // ms
	Kind      string   `json:"kind"` // "revoke" or "policy"
	Action    string   `json:"action"`
	Operator  string   `json:"operator"`  // the account; empty for the back end itself
	Principal string   `json:"principal"` // who signed
	Door      string   `json:"door"`
	ChannelID string   `json:"channel_id"`
	RoleID    string   `json:"role_id"`
	Accid     string   `json:"accid"`
	Author    string   `json:"author"` // whose message it was
	Reason    string   `json:"reason"`
	Changes   []string `json:"changes"`
	Ref
	kept
}

// UnmarshalJSON keeps the text.
func (a *Act) UnmarshalJSON(text []byte) error {
	type plain Act
	return a.keep(text, (*plain)(a))
}
