package chat

import (
	"context"
	"fmt"
	"time"
)

// bench judges who of a page of connections may see what. Its knowledge is read
// strongly and is never older than RightsMaxAge when it is used.
type bench struct {
	*Notifier
	job  *serverJob
	rows []Presence

	turn    chan struct{} // holds one: whoever reads, or looks at what was read
	news    news
	current *rights
}

// rights are what one reading found: what there is to tell, and who may know.
type rights struct {
	Rights
	notices []Notice
	readAt  time.Time // before the reads, the oldest of them
	lists   map[string]map[string]ListEntry
	members map[string]Member // of the accounts that changed since their proof
}

// fresh gives rights that are young enough to post on, reading them where they
// are not. Whoever waits for a reading uses its result.
func (b *bench) fresh(ctx context.Context) (*rights, error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.current != nil && b.Clock().Sub(b.current.readAt) < RightsMaxAge {
		return b.current, nil
	}
	// Older than that they are of no use, however long the reading takes.
	ctx, cancel := context.WithTimeout(ctx, RightsMaxAge)
	defer cancel()
	read, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	if age := b.Clock().Sub(read.readAt); age >= RightsMaxAge {
		return nil, &Error{Code: Busy, Err: fmt.Errorf("rights in the server: %v old once they were read", age)}
	}
	b.current = read
	return read, nil
}

func (b *bench) read(ctx context.Context) (*rights, error) {
	r := &rights{readAt: b.Clock()}
	// What was read a moment ago, as it was for the first page, is good for half
	// of the time that the whole may be used.
	if r.readAt.Sub(b.news.readAt) < RightsMaxAge/2 {
		r.readAt = b.news.readAt
	} else {
		b.news.readAt = time.Time{}
	}
	err := first(concurrently(
		func() (err error) {
			r.Rights, err = b.Rights.Rights(ctx, b.job.serverID, b.job.channels(), since(oldestProof(b.rows)))
			return err
		},
		func() (err error) {
			if !b.news.readAt.IsZero() {
				return nil
			}
			read, err := b.Notifier.news(ctx, b.job)
			if err == nil { // else what is not known must not pass for news that say nothing
				b.news = read
			}
			return err
		},
	))
	if err != nil {
		return nil, err
	}
	r.notices, r.lists = b.news.notices, byAccount(r.Lists)
	anew := r.toJudgeAnew(b.rows)
	if len(anew) == 0 {
		return r, nil
	}
	r.members, err = b.Rights.Members(ctx, b.job.serverID, anew)
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
