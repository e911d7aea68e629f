package chat

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Administration changes communities as a team's back end asks for it.
//
// The back end is trusted: it may do whatever the rules of the model permit. A write that names an account it acts as
// is bound by that account's permissions besides: nobody grants what they lack, and nobody edits a role above their own.
// The account's rights are those of one strong read just before the write; where the write is of the server's own row, its
// roles are those of that row.
//
// Every write is idempotent: repeated, it changes nothing and leaves the version. Its refusals are, in this order: Invalid and
// TooLong for what is malformed, NotFound for a server, channel, role or member that is not there, Forbidden for the account it
// acts as, Stale for the version, Conflict for a limit or a rule. A Stale answer has the row's version.
type Administration struct {
	Store interface {
		Standings
		CommunityReader
		CommunityWriter
		ConnectionStore
		DeliveryReader
		MemberReader
		Memberships
		MessageWriter
		Revoker
		JobStore
		Deleter
		AuditReader
	}
	Jobs           JobQueue
	Clock          Clock
	LargeServer    int                    // see Communities
	NewID          func(time.Time) string // see Sender
	Retention      time.Duration          // see Sender
	Windows        Windows                // see Revocations
	AuditRetention time.Duration          // of what the audit keeps; 0 is for ever
	Fast           FastPath               // for Revoke; jobs are in no hurry
}

// Write says who asks for a change, and of which version of the row.
type Write struct {
	ActingAs  string  // the account whose permissions bind the write; empty: none
	Principal string  // who signed the request, for the audit; see Act
	Versions  []int64 // the row must be at one of them; none: at any
	Exists    bool    // what is written must be there
	New       bool    // what is written must not be there
}

// act is the write as the audit keeps it.
func (a *Administration) act(w Write, action Action) Act {
	return Act{
		At: a.Clock(), Action: action, AccountID: w.ActingAs, Principal: w.Principal, Door: APIDoor, Retention: a.AuditRetention,
	}
}

// about is the act where it is about a role.
func (a Act) about(roleID string) Act {
	a.RoleID = roleID
	return a
}

// Saved is a row as it is now, by its version.
type Saved[T any] struct {
	Value   T
	Version int64
	Created bool // it was not there before
}

// check refuses a write whose precondition does not hold.
func (w Write) check(exists bool, version int64) error {
	switch {
	case w.New && exists:
		return &Error{Code: Stale, Reason: "it is there already"}
	case w.Exists && !exists, len(w.Versions) > 0 && !slices.Contains(w.Versions, version):
		return &Error{Code: Stale, Reason: "it has another version"}
	}
	return nil
}

// scene is what a write is judged by.
type scene struct {
	Standing           // of the account that the write is about, where it is about one
	actor    *Standing // nil: the back end itself
}

// scene reads what a write is judged by. A channel or an account may be left out. What is not there is zero.
func (a *Administration) scene(ctx context.Context, w Write, serverID, channelID, accountID string) (s scene, err error) {
	if err := firstOf(
		func() error { return CheckID("server_id", serverID) },
		func() error { return checkOptionalID("channel_id", channelID) },
		func() error { return checkOptionalID("accid", accountID) },
		func() error { return checkOptionalID("acting_as", w.ActingAs) },
	); err != nil {
		return s, err
	}
	var actor Standing
	err = first(concurrently(
		func() (err error) {
			s.Standing, err = a.Store.Standing(ctx, serverID, channelID, accountID)
			return err
		},
		func() (err error) {
			if w.ActingAs != "" {
				actor, err = a.Store.Standing(ctx, serverID, channelID, w.ActingAs)
				s.actor = &actor
			}
			return err
		},
	))
	return s, err
}

func checkOptionalID(field, id string) error {
	if id == "" {
		return nil
	}
	return CheckID(field, id)
}

// known is the scene of a server, and of a channel where one is named, that must be there.
func (a *Administration) known(ctx context.Context, w Write, serverID, channelID, accountID string) (scene, error) {
	s, err := a.scene(ctx, w, serverID, channelID, accountID)
	switch {
	case err != nil:
		return s, err
	case s.Server.Version == 0:
		return s, noSuch("server")
	case channelID != "" && s.Channel.Version == 0:
		return s, noSuch("channel")
	}
	return s, nil
}

func noSuch(what string) *Error { return &Error{Code: NotFound, Reason: "no such " + what} }

// in is the scene with the server's row as it is about to be changed.
func (s scene) in(row Server) scene {
	return s.with(func(standing *Standing) { standing.Server = row })
}

// with is the scene with another row in everybody's standing.
func (s scene) with(change func(*Standing)) scene {
	change(&s.Standing)
	if s.actor != nil {
		actor := *s.actor
		change(&actor)
		s.actor = &actor
	}
	return s
}

// may tells whether the permission is held: in the channel, where the scene has one, else in the server.
func (s scene) may(p Permission) bool {
	switch {
	case s.actor == nil:
		return true
	case s.Channel.ID == "":
		return s.actor.DecideInServer(p).Allowed
	}
	return s.actor.May(p)
}

// require refuses an account that lacks one of the permissions.
func (s scene) require(permissions ...Permission) error {
	for _, p := range permissions {
		if !s.may(p) {
			return &Error{Code: Forbidden, Reason: fmt.Sprintf("acting_as lacks %s", p)}
		}
	}
	return nil
}

// mayGrant refuses to give away what the account lacks: a permission newly allowed, or no longer denied.
func (s scene) mayGrant(before, after Grant) error {
	for _, p := range (after.Allow&^before.Allow | before.Deny&^after.Deny).Permissions() {
		if !s.may(p) {
			return &Error{Code: Forbidden, Reason: fmt.Sprintf("acting_as cannot grant %s, which it lacks", p)}
		}
	}
	return nil
}

// mayEdit refuses an account whose own roles are all below one of these.
func (s scene) mayEdit(roles ...Role) error {
	if s.actor == nil || s.actor.IsOwner() {
		return nil
	}
	for _, role := range roles {
		if role.rank() < s.actor.rank() {
			return &Error{Code: Forbidden, Reason: "the role is above those of acting_as"}
		}
	}
	return nil
}

// lowest is the rank of everyone, whose own priority counts for nothing.
const lowest = math.MaxInt

// rank is where the role stands; smaller is higher.
func (r Role) rank() int {
	if r.ID == Everyone {
		return lowest
	}
	return r.Priority
}

// rank is that of the account's highest role.
func (s Standing) rank() int {
	rank := lowest
	for _, role := range s.Server.Roles {
		if s.hasRole(role.ID) {
			rank = min(rank, role.rank())
		}
	}
	return rank
}

// role finds a role of the server.
func (s Server) role(id string) (Role, bool) {
	if i := s.roleIndex(id); i >= 0 {
		return s.Roles[i], true
	}
	return Role{}, false
}

func (s Server) roleIndex(id string) int {
	return slices.IndexFunc(s.Roles, func(r Role) bool { return r.ID == id })
}

func checkWindows(w Windows) error {
	return firstOf(
		func() error { return checkWindow("revoke_window_ms", w.Own) },
		func() error { return checkWindow("moderator_window_ms", w.Moderator) },
	)
}

func checkWindow(field string, w *Window) error {
	if w != nil && !w.Valid() {
		return InvalidField(field, "must be -1 (no limit), 0 (never) or a number of ms")
	}
	return nil
}

// check refuses what no level may say; that of a channel nothing of what belongs to the server alone.
func (g Grant) check(inChannel bool) error {
	for _, p := range Permissions() {
		switch allow, deny := g.Allow.Has(p), g.Deny.Has(p); {
		case allow && deny:
			return InvalidField("deny", fmt.Sprintf("holds %s, which is allowed, too", p))
		case inChannel && p.ServerOnly() && allow:
			return InvalidField("allow", fmt.Sprintf("holds %s, which belongs to the server alone", p))
		case inChannel && p.ServerOnly() && deny:
			return InvalidField("deny", fmt.Sprintf("holds %s, which belongs to the server alone", p))
		}
	}
	return nil
}
