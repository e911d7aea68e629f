package chat

import (
	"context"
	"time"
)

// Clock gives the server's time. Only its milliseconds count.
type Clock func() time.Time

// Standings reads what decisions need.
type Standings interface {
	// Standing reads everything a decision about the account in the channel
	// needs, strongly consistent, in one round trip. What is not stored is the
	// zero value; that is no error. Without a channel, or an account, the rows that would be theirs are not read.
	Standing(ctx context.Context, serverID, channelID, accountID string) (Standing, error)
}

// Sent is the outcome of storing a message.
type Sent struct {
	Message Message // as it is stored now
	Repeat  bool    // an earlier send with this MsgID had stored it
}

// MessageWriter stores a new message.
type MessageWriter interface {
	// PutMessage stores m and, in the same transaction, a marker that makes the
	// author's MsgID recognizable in this channel for DedupTTL from now. When a live
	// marker exists nothing is written and the message it names is read strongly
	// and returned, whatever became of it; NotFound when its row is gone. Any
	// number of concurrent calls with one MsgID store one message.
	PutMessage(ctx context.Context, m Message, now time.Time) (Sent, error)
}

// RevokeWrite is the one conditional write of a revoke.
type RevokeWrite struct {
	Key        MessageKey
	Revocation Revocation
	Now        time.Time
	// A message is revocable when the operator is its author and it was sent at
	// OwnCutoff (ms) or later, or when it was sent at ModeratorCutoff or later.
	OwnCutoff, ModeratorCutoff int64
	// Permitted: the operator holds RevokeMemberMessage. It decides the reason
	// of a refusal only: without it ModeratorCutoff is NeverCutoff.
	Permitted bool
}

// Revoker erases a message.
type Revoker interface {
	// RevokeMessage is one conditional write: it sets status, operator, update info, version and
	// update time and removes the content, if the row exists, has not expired,
	// is normal and within a cut-off. It returns the row as it is now, without reading it
	// again. A row that was revoked before is returned as it is, with no error, to its author and to
	// whoever is permitted. Else the error is, by the first that holds: NotFound,
	// Forbidden, TooLate. Idempotent.
	RevokeMessage(ctx context.Context, w RevokeWrite) (Message, error)
}

// HistoryQuery asks for a page of a channel.
type HistoryQuery struct {
	ServerID, ChannelID string
	// Newer walks towards newer messages; otherwise towards older ones.
	Newer bool
	// After is the message the page begins after, in the direction of the walk;
	// nil begins at the channel's end. Its MsgServerID may be empty: then the page
	// begins with the first message at or beyond the Timestamp.
	After *MessageRef
	Limit int
	Now   time.Time // rows expired at this time are left out
}

// HistoryPage is a page in the order of the walk.
type HistoryPage struct {
	Messages []Message
	// Next continues the walk after the last row read, which may have been
	// left out of Messages; nil at the end.
	Next *MessageRef
}

// HistoryReader reads pages of messages.
type HistoryReader interface {
	// History reads at most q.Limit rows with strong consistency. A page may hold fewer,
	// even none, while there are more (Next says).
	History(ctx context.Context, q HistoryQuery) (HistoryPage, error)
}

// FrameCounter counts the frames of accounts.
type FrameCounter interface {
	// CountFrame counts a frame of the account in the FrameWindow that now lies in (they begin at whole multiples of
	// it) and tells how many it has had there, this one included. Concurrent calls each get another number. Not
	// idempotent: one that is repeated counts twice. Where the account sends more than can be counted, and that is
	// why, it returns RateLimited.
	CountFrame(ctx context.Context, accountID string, now time.Time) (int, error)
}

// MessageReader reads the rows that notices are about.
type MessageReader interface {
	// Messages reads the rows of the keys, strongly. Rows that do not exist are left
	// out; the order is any. Keys may repeat and be any number.
	Messages(ctx context.Context, keys []MessageKey) ([]Message, error)
}

// ConnectionStore holds an account's connections.
type ConnectionStore interface {
	// PutConnection stores the account's row of the connection. It must precede
	// the reading of the account's servers: see Sessions.Connect.
	PutConnection(ctx context.Context, c Connection) error
	// Connections reads the account's connections strongly; those that ended before now (ms) are
	// left out.
	Connections(ctx context.Context, accountID string, now int64) ([]Connection, error)
	// PutPresences stores connections in the audiences of servers. Idempotent.
	PutPresences(ctx context.Context, rows []Presence) error
	// RemoveConnection removes the account's row of the connection, its rows in the crowds, and, where there are
	// subscribers among them, the list of its subscriptions. Idempotent: rows that are not there are no error.
	RemoveConnection(ctx context.Context, accountID, connectionID string, crowds []Crowd) error
	// RemovePresences removes connections from one server's audience. Idempotent.
	RemovePresences(ctx context.Context, serverID string, connectionIDs []string) error
}

// SubscriptionStore holds what connections subscribed to: a list for each connection, and rows in the audiences.
type SubscriptionStore interface {
	// Subscriptions reads the channels that the connection is subscribed to, strongly.
	Subscriptions(ctx context.Context, accountID, connectionID string) ([]ChannelRef, error)
	// Subscribe stores rows of one connection, each with its channel: at first in the connection's list, so that
	// whatever is there can be found and removed. Where the list would hold more than most, as somebody else added to
	// it, it returns RateLimited and nothing is stored. Idempotent.
	Subscribe(ctx context.Context, rows []Presence, most int) error
	// Unsubscribe removes the rows of the channels, and then the channels from the list. Idempotent.
	Unsubscribe(ctx context.Context, c Connection, channels []ChannelRef) error
}

// Memberships reads an account's servers.
type Memberships interface {
	// Memberships reads, strongly, the servers that the account is a member of and not banned from.
	Memberships(ctx context.Context, accountID string) ([]Membership, error)
}

// Page is a part of a list, in the order of its ids by their bytes. It may hold fewer rows than were asked for, even none, while there
// are more.
type Page[T any] struct {
	Rows []T
	Next string // the id that the next page comes after; empty at the end
}

// CommunityReader reads what a community consists of a page at a time, strongly: at most limit rows after an id, or, with none,
// from the beginning. What is read for one page is bounded, however large the community is.
type CommunityReader interface {
	// ChannelPage reads the policies of the server's channels.
	ChannelPage(ctx context.Context, serverID, after string, limit int) (Page[Channel], error)
	// MemberPage reads who is a member, banned ones among them.
	MemberPage(ctx context.Context, serverID, after string, limit int) (Page[Member], error)
	// BanPage reads who is banned, member or not.
	BanPage(ctx context.Context, serverID, after string, limit int) (Page[Member], error)
	// PersonalPage reads what the channel holds for accounts, what belongs to memberships that have ended, and rows with nothing
	// left in them, included.
	PersonalPage(ctx context.Context, serverID, channelID, after string, limit int) (Page[Personal], error)
	// ListPage reads a list of the channel, entries of memberships that have ended included.
	ListPage(ctx context.Context, serverID, channelID string, list List, after string, limit int) (Page[ListEntry], error)
}

// AudiencePage is a page of a server's connections.
type AudiencePage struct {
	Rows []Presence
	Next string // where the next page begins; empty at the end
}

// Audience reads who is connected.
type Audience interface {
	// Audience reads a page of the crowd's connections, strongly, from the
	// cursor on (empty: the beginning). limit bounds the rows of a page. Rows whose connection has
	// ended before now (ms) are left out.
	Audience(ctx context.Context, crowd Crowd, cursor string, limit int, now int64) (AudiencePage, error)
	// Presences reads the rows of these connections in the crowd, strongly. Rows that are not there, and
	// those whose connection has ended before now (ms), are left out; the order is any. Ids may repeat and be any number.
	Presences(ctx context.Context, crowd Crowd, connectionIDs []string, now int64) ([]Presence, error)
}

// Rights are what a push must know of a server to judge who may see its channels.
type Rights struct {
	Server   Server
	Channels map[string]Channel     // by id; absent ones do not exist
	Lists    map[string][]ListEntry // by channel id
	// Changed are the accounts that something changed for at the time asked for
	// or later, with the time (ms) of the latest change. TooMany: there were more than MaxChanges
	// change rows of any kind, and everybody may have changed: Changed is nil then.
	Changed map[string]int64
	TooMany bool
}

// MaxChanges is how many change rows a push reads before it judges everybody anew.
const MaxChanges = 1_000

// RightsReader reads the rights for a push.
type RightsReader interface {
	// Rights reads strongly, at one time: the server's policy, the policies and
	// lists of the channels, and which accounts changed at since (ms) or later.
	Rights(ctx context.Context, serverID string, channelIDs []string, since int64) (Rights, error)
	MemberReader
}

// MemberReader reads members by their accounts.
type MemberReader interface {
	// Members reads the member rows of the accounts strongly; those that never joined are left out.
	Members(ctx context.Context, serverID string, accountIDs []string) (map[string]Member, error)
}

// Gateway posts to connections. A call makes one attempt.
type Gateway interface {
	// Post sends a frame. ErrGone: the connection ended (or is not ready yet).
	// ErrThrottled: too many requests, its buffer full, or a failing service.
	// ErrTimeout: no answer by ctx's deadline. Other errors are programming errors.
	Post(ctx context.Context, connectionID string, frame []byte) error
	// Close ends the connection. ErrGone, when it has ended, is returned too. Idempotent otherwise.
	Close(ctx context.Context, connectionID string) error
}

// CommunityWriter changes policies, members and lists. Each method reads the
// row strongly, lets change alter it, and writes it back on the condition that
// nobody else wrote meanwhile, repeating all three with jitter when somebody did; so change may be
// called more than once and must be pure. A row that does not exist is given as a zero value with its
// ids set. When change returns an error nothing is written and it is returned as it is. A change that
// alters nothing writes nothing, but for a server or channel that does not exist yet: storing it
// is the change. Whatever can change who sees what puts a
// change row, stamped by.At, in the same transaction. It returns the row as written, with its Version.
//
// Each row that is written leaves its entry in the server's audit, in the same transaction: no change without an entry, and no
// entry without a change. One that is written anew, or repeated because its answer was lost, leaves one entry.
//
// What would go over a limit is refused with Conflict, in the condition of the write: MaxChannelsPerServer, MaxServersPerAccount
// (those that the account is in and not banned from), MaxMembersPerList (entries of memberships that have ended among them). So is
// a role that the server had before: everyone apart, ids of roles do not come back.
type CommunityWriter interface {
	ChangeServer(ctx context.Context, serverID string, by Act, change func(*Server) error) (Server, error)
	ChangeChannel(ctx context.Context, serverID, channelID string, by Act, change func(*Channel) error) (Channel, error)
	// ChangeMember also writes the account's list of servers and counts the server's members.
	ChangeMember(ctx context.Context, serverID, accountID string, by Act, change func(*Member) error) (Member, error)
	ChangePersonal(ctx context.Context, serverID, channelID, accountID string, by Act, change func(*Personal) error) (Personal, error)
	// ChangeDelivery stores is.Large and is.Since where they are what was says; else it changes nothing, and that is no
	// error: somebody else weighed the server meanwhile. Idempotent.
	ChangeDelivery(ctx context.Context, serverID string, was, is Delivery) error
}

// UpdateRef is a place in the updates of a server: after one update, or, with
// no more than UpdatedAt, before every update of that ms.
type UpdateRef struct {
	UpdatedAt   int64 // ms
	ChannelID   string
	Timestamp   int64
	MsgServerID string
}

// RefAt is the place of the message's update at the time (ms).
func (k MessageKey) RefAt(ms int64) UpdateRef {
	return UpdateRef{UpdatedAt: ms, ChannelID: k.ChannelID, Timestamp: k.Timestamp, MsgServerID: k.MsgServerID}
}

// Ref is the update's place among its server's.
func (u Update) Ref() UpdateRef { return u.MessageKey.RefAt(u.UpdatedAt) }

// UpdatePage is a page of a server's updates in the order of their time.
type UpdatePage struct {
	Updates []Update
	Next    *UpdateRef // continues after the last of Updates; nil at the end
}

// UpdateReader reads what was taken back.
type UpdateReader interface {
	// Updates reads revocations of the server, in the order of the time of revoking,
	// at most limit. The reading is eventually consistent: what was written in the last moments
	// may be missing. It holds no content.
	Updates(ctx context.Context, serverID string, from UpdateRef, limit int) (UpdatePage, error)
}

// Sights is what decides which channels of a server an account sees.
type Sights struct {
	Server    Server
	Member    Member
	Channels  []Channel           // all of the server's, by id
	Personals map[string]Personal // by channel; absent ones are zero values
	Delivery  Delivery
}

// SightReader reads them.
type SightReader interface {
	// Sights reads strongly, in two sequential round trips.
	Sights(ctx context.Context, serverID, accountID string) (Sights, error)
	// SightsOf reads no other channels than these, strongly, in one round trip, and not the Delivery. Channels that
	// do not exist are left out.
	SightsOf(ctx context.Context, serverID, accountID string, channelIDs []string) (Sights, error)
}

// Failure is a part of a batch that failed.
type Failure struct {
	Items []int // by index
	Err   error
}

// AuditWriter keeps who took what back.
type AuditWriter interface {
	// PutAudit stores entries, any number, each by itself. What is in no failure is stored; what is may be. Idempotent: an entry
	// is found by its server, time and message, and storing it again changes nothing.
	PutAudit(ctx context.Context, entries []RevokeEntry) []Failure
}

// AuditQuery asks for a page of a server's audit.
type AuditQuery struct {
	ServerID    string
	After       string // the Next of the page before; empty: the first one
	From, Until int64  // ms; entries of these times, that of Until left out
	Limit       int
	Now         time.Time // entries expired at this time are left out
}

// AuditPage is a page of a server's audit in the order of time; entries of one ms have an order, too.
type AuditPage struct {
	Entries []AuditEntry
	Next    string // continues after the last entry read; empty at the end. It means something to the store alone
}

// AuditReader reads who took what back, and who changed what.
type AuditReader interface {
	// Audit reads at most q.Limit entries with strong consistency. A page may hold fewer, even none,
	// while there are more (Next says). Errors: UnknownPosition for an After that is the Next of no page.
	Audit(ctx context.Context, q AuditQuery) (AuditPage, error)
}

// EventPublisher tells a bus that other systems listen to.
type EventPublisher interface {
	// Publish puts events, any number, on the bus, each by itself and in any order. What is in no failure was taken; what is may
	// have been. Whoever listens gets an event at least once.
	Publish(ctx context.Context, events []BusEvent) []Failure
}

// Store is everything that shared/dynamo and the fake in chattest provide.
type Store interface {
	Standings
	MessageWriter
	Revoker
	HistoryReader
	MessageReader
	FrameCounter
	ConnectionStore
	SubscriptionStore
	DeliveryReader
	Memberships
	Audience
	RightsReader
	CommunityReader
	CommunityWriter
	UpdateReader
	SightReader
	AuditWriter
	AuditReader
	JobStore
	Deleter
	Tracer
	ChannelLister
	Remover
	TableReader
	GoneReader
	Reapplier
}
