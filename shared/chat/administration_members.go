package chat

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// MaxMembersPerWrite is how many members one request puts or removes.
const MaxMembersPerWrite = 100

// membersAtATime bounds the members of a request who are written at the same time. Each of them changes the one row that counts the
// server's members: more at a time are no faster, since they meet there and begin anew, and leave less room to other callers.
const membersAtATime = 4

// membersPerScene is how many are written by one reading of what they are judged by: the rights of the account that acts are never
// older than those writes take.
const membersPerScene = 20

// NewMember is an account and what it is to be as a member.
type NewMember struct {
	AccountID string
	Profile
}

// MemberOutcome is what became of one of several members.
type MemberOutcome struct {
	AccountID string
	Saved[Member]
	Err error // why nothing changed; nil
}

// PutMembers is PutMember for several accounts of a server, each by itself: the outcomes are in the order of the request, and one says
// nothing of another. The rights of the account that it acts as, and the server's roles, are read once for each twenty, and again after RightsMaxAge. Of w no more
// counts than ActingAs and Principal.
//
// Errors, of one: those of PutMember. Of the request, which then changes nothing: Invalid for an account that is malformed or named twice, or for
// more than MaxMembersPerWrite, NotFound for the server, Busy.
func (a *Administration) PutMembers(ctx context.Context, w Write, serverID string, members []NewMember) ([]MemberOutcome, error) {
	accounts := make([]string, len(members))
	profiles := make(map[string]Profile, len(members))
	for i, m := range members {
		accounts[i], profiles[m.AccountID] = m.AccountID, m.Profile
	}
	return a.eachMember(ctx, w, serverID, "members", accounts, func(s scene, o *MemberOutcome) error {
		put, err := a.putting(w.unconditional(), profiles[o.AccountID])
		if err != nil {
			return err
		}
		return a.writeMember(ctx, s, o, a.act(w, ActionPutMember), put)
	})
}

// DeleteMembers is DeleteMember for several accounts, as PutMembers is PutMember.
func (a *Administration) DeleteMembers(ctx context.Context, w Write, serverID string, accounts []string) ([]MemberOutcome, error) {
	return a.eachMember(ctx, w, serverID, "accids", accounts, func(s scene, o *MemberOutcome) error {
		return a.writeMember(ctx, s, o, a.act(w, ActionDeleteMember), leaving(w.unconditional(), o.AccountID))
	})
}

// unconditional is the write without what it says of versions.
func (w Write) unconditional() Write { return Write{ActingAs: w.ActingAs, Principal: w.Principal} }

// writeMember makes one of several changes. Whether the server is a large one is weighed after the last of them.
func (a *Administration) writeMember(ctx context.Context, s scene, o *MemberOutcome, by Act, change memberChange) (err error) {
	o.Saved, err = change.made(s, func(change func(*Member) error) (Member, error) {
		return a.members().alter(ctx, s.Server.ID, o.AccountID, by, change)
	})
	return err
}

// eachMember writes members of one server, several in a scene.
func (a *Administration) eachMember(
	ctx context.Context, w Write, serverID, field string, accounts []string, write func(scene, *MemberOutcome) error,
) ([]MemberOutcome, error) {
	if err := checkAccounts(field, accounts); err != nil {
		return nil, err
	}
	outcomes := make([]MemberOutcome, len(accounts))
	due := make([]*MemberOutcome, len(accounts))
	for i, account := range accounts {
		outcomes[i].AccountID, due[i] = account, &outcomes[i]
	}
	for part := range slices.Chunk(due, membersPerScene) {
		scenes := &youngScene{read: func() (scene, error) { return a.known(ctx, w, serverID, "", "") }, clock: a.Clock}
		if _, err := scenes.get(); err != nil && part[0] == due[0] {
			return nil, err
		}
		forEach(membersAtATime, part, func(o *MemberOutcome) {
			o.Err = Guard(func() error {
				s, err := scenes.get()
				if err != nil {
					return err
				}
				return write(s, o)
			})
		})
	}
	a.weighOnce(ctx, serverID, due)
	return outcomes, nil
}

// youngScene is a scene that several writes share for RightsMaxAge: where the table is slow, whoever loses a right meanwhile does not go on
// with it. It is safe for concurrent use.
type youngScene struct {
	read  func() (scene, error)
	clock Clock

	mu     sync.Mutex
	scene  scene
	err    error
	readAt time.Time
}

func (y *youngScene) get() (scene, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if now := y.clock(); y.readAt.IsZero() || now.Sub(y.readAt) >= RightsMaxAge {
		y.readAt = now
		y.scene, y.err = y.read()
	}
	return y.scene, y.err
}

// weighOnce weighs the server where somebody may have joined or left. Where that fails it is theirs to repeat.
func (a *Administration) weighOnce(ctx context.Context, serverID string, due []*MemberOutcome) {
	var moved []*MemberOutcome
	for _, o := range due {
		if o.Err == nil && o.Value.moved() {
			moved = append(moved, o)
		}
	}
	if len(moved) == 0 {
		return
	}
	err := Guard(func() error { return a.members().Weigh(ctx, serverID) })
	for _, o := range moved {
		o.Err = err
	}
}

func checkAccounts(field string, accounts []string) error {
	if n := len(accounts); n == 0 || n > MaxMembersPerWrite {
		return InvalidField(field, fmt.Sprintf("must hold 1 to %d accounts", MaxMembersPerWrite))
	}
	seen := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		if err := CheckID(field, account); err != nil {
			return err
		}
		if seen[account] {
			return InvalidField(field, "names an account twice")
		}
		seen[account] = true
	}
	return nil
}
