package chat

import "time"

// Everyone is the id of the role that each member of a server has.
const Everyone = "everyone"

// Window is for how long after its sending a message may be revoked, in ms:
// NoLimit, Never, or a positive number. A nil *Window is "not set".
type Window int64

// Windows that are no duration.
const (
	NoLimit Window = -1
	Never   Window = 0
)

// Windows are the two windows of one level. Nil is not set.
type Windows struct {
	Own       *Window // for the author
	Moderator *Window // for members who hold RevokeMemberMessage
}

// Role is a custom role of a server, or everyone.
type Role struct {
	ID       string
	Priority int // smaller is higher; limits who may edit roles, takes no part in evaluation
	Grant    Grant
	Windows  Windows
}

// ViewMode says who sees a channel before its lists are looked at.
type ViewMode int

// The view modes.
const (
	Public  ViewMode = 0 // every member but those on the black list
	Private ViewMode = 1 // only those on the white list
)

// String is the mode's name.
func (m ViewMode) String() string {
	if m == Private {
		return "private"
	}
	return "public"
}

// Server is a server's policy. The zero value is a server that does not exist.
type Server struct {
	ID      string
	OwnerID string
	Roles   []Role // everyone among them
	Windows Windows
	Version int64 // of the stored row; 0 for one that is not stored
	Sight   int64 // the Version that last changed who may see what; kept by the stores
}

// Channel is a channel's policy. The zero value is a channel that does not exist.
type Channel struct {
	ServerID, ID string
	ViewMode     ViewMode
	Windows      Windows
	Overrides    map[string]Grant // by role id
	WhiteRoles   []string
	BlackRoles   []string
	Version      int64
	Sight        int64 // as a server's
}

// Member is a member row. It stays when the member leaves, so that a ban and the
// generation survive. The zero value is an account that never joined.
type Member struct {
	ServerID, AccountID string
	Nick                string
	Joined              bool
	Banned              bool
	Roles               []string // custom roles; everyone is implied
	JoinedAt            int64    // ms
	// Generation counts the joinings. What belongs to one membership (roles,
	// overrides, white-list entries) carries it and ends with it.
	Generation int64
	Version    int64
	Sight      int64 // as a server's
}

// Personal is what a channel holds for one account: an override and list entries.
type Personal struct {
	ServerID, ChannelID, AccountID string
	// Override counts only while OverrideGeneration is the member's generation.
	Override           Grant
	OverrideGeneration int64
	// WhiteGeneration is the generation for which the account is on the white
	// list; 0 for none.
	WhiteGeneration int64
	// Black survives leaving and rejoining.
	Black   bool
	Version int64
	Sight   int64 // as a server's
}

// Standing is everything that one decision about an account in a channel needs,
// read strongly at one moment. Absent rows are zero values.
type Standing struct {
	Server   Server
	Channel  Channel
	Member   Member
	Personal Personal
}

// ListEntry is one account's entry in the lists of a channel, for the rights at
// a push.
type ListEntry struct {
	AccountID       string
	WhiteGeneration int64
	Black           bool
}

// Membership is one of an account's servers, with what a connection row needs of it.
type Membership struct {
	ServerID   string
	Roles      []string
	Generation int64
}

// Join makes the member join at now: a new generation, without roles. Joining
// again while a member changes nothing. A ban survives it.
func (m *Member) Join(now time.Time) {
	if m.Joined {
		return
	}
	m.Joined, m.Roles = true, nil
	m.JoinedAt = now.UnixMilli()
	m.Generation++
}

// Active tells whether the account is a member and not banned.
func (m Member) Active() bool { return m.Joined && !m.Banned }

// Leave ends the membership. The row stays.
func (m *Member) Leave() {
	m.Joined, m.Roles = false, nil
}
