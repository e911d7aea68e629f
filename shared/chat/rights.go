package chat

import (
	"context"
	"sync"
	"time"
)

// bench judges who of a page of connections may see what. Its knowledge is read
// strongly and is never older than RightsMaxAge when it is used.
type bench struct {
	reader   RightsReader
	clock    Clock
	serverID string
	channels []string
	rows     []Presence

	mu      sync.Mutex
	current *rights
}

// rights are what one reading found.
type rights struct {
	Rights
	readAt  time.Time // before the reads
	lists   map[string]map[string]ListEntry
	members map[string]Member // of the accounts that changed since their proof
}

// fresh gives rights that are young enough to post on, reading them where they
// are not. Whoever waits for a reading uses its result.
func (b *bench) fresh(ctx context.Context) (*rights, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current != nil && b.clock().Sub(b.current.readAt) < RightsMaxAge {
		return b.current, nil
	}
	read, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	b.current = read
	return read, nil
}

func (b *bench) read(ctx context.Context) (*rights, error) {
	r := &rights{readAt: b.clock()}
	var err error
	r.Rights, err = b.reader.Rights(ctx, b.serverID, b.channels, since(oldestProof(b.rows)))
	if err != nil {
		return nil, err
	}
	r.lists = byAccount(r.Lists)
	anew := r.toJudgeAnew(b.rows)
	if len(anew) == 0 {
		return r, nil
	}
	r.members, err = b.reader.Members(ctx, b.serverID, anew)
	return r, err
}

func oldestProof(rows []Presence) int64 {
	oldest := rows[0].ProvedAt
	for _, row := range rows {
		oldest = min(oldest, row.ProvedAt)
	}
	return oldest
}

// since is from when on changes may have been missed by a proof.
func since(proof int64) int64 { return proof - ChangeOverlap.Milliseconds() }

func byAccount(lists map[string][]ListEntry) map[string]map[string]ListEntry {
	indexed := make(map[string]map[string]ListEntry, len(lists))
	for channel, entries := range lists {
		indexed[channel] = make(map[string]ListEntry, len(entries))
		for _, entry := range entries {
			indexed[channel][entry.AccountID] = entry
		}
	}
	return indexed
}

func (r *rights) toJudgeAnew(rows []Presence) []string {
	var accounts []string
	seen := make(map[string]bool)
	for _, row := range rows {
		if id := row.Connection.AccountID; !seen[id] && r.changedSince(row) {
			seen[id] = true
			accounts = append(accounts, id)
		}
	}
	return accounts
}

func (r *rights) changedSince(row Presence) bool {
	at, changed := r.Changed[row.Connection.AccountID]
	return r.TooMany || changed && at >= since(row.ProvedAt)
}

// canSee judges a connection. Policy and lists are the ones just read; the
// member's roles and generation are the row's own, unless something changed
// since they were proved. (A channel or role that changed needs no reading anew:
// the row holds nothing of it.)
func (r *rights) canSee(row Presence, channelID string) bool {
	member := Member{
		ServerID: row.ServerID, AccountID: row.Connection.AccountID,
		Joined: true, Roles: row.Roles, Generation: row.Generation,
	}
	if r.changedSince(row) {
		member = r.members[row.Connection.AccountID]
	}
	entry := r.lists[channelID][row.Connection.AccountID]
	return Standing{
		Server:   r.Server,
		Channel:  r.Channels[channelID],
		Member:   member,
		Personal: Personal{WhiteGeneration: entry.WhiteGeneration, Black: entry.Black},
	}.CanSee()
}
