package chat

import (
	"context"
	"sync"
)

// Histories reads pages of channels.
type Histories struct {
	Standings Standings
	Messages  HistoryReader
	Clock     Clock
}

// History reads a page of the channel, revoked messages included as what is left
// of them. Rights and page are read at the same time, one round trip; the page
// is dropped when the account does not see the channel. Pages are strongly consistent.
//
// Errors: Invalid for the request, Forbidden, Busy.
func (s *Histories) History(ctx context.Context, c Connection, r HistoryRequest) (HistoryPage, error) {
	if err := r.check(); err != nil {
		return HistoryPage{}, err
	}
	var (
		standing              Standing
		page                  HistoryPage
		standingErr, pagesErr error
		reads                 sync.WaitGroup
	)
	reads.Go(func() {
		standing, standingErr = s.Standings.Standing(ctx, r.ServerID, r.ChannelID, c.AccountID)
	})
	reads.Go(func() { page, pagesErr = s.Messages.History(ctx, s.query(r)) })
	reads.Wait()
	switch {
	case standingErr != nil:
		return HistoryPage{}, standingErr
	case !standing.CanSee():
		return HistoryPage{}, forbidden()
	case pagesErr != nil:
		return HistoryPage{}, pagesErr
	}
	return page, nil
}

func (s *Histories) query(r HistoryRequest) HistoryQuery {
	limit := r.Limit
	if limit == 0 {
		limit = DefaultHistoryPage
	}
	return HistoryQuery{
		ServerID: r.ServerID, ChannelID: r.ChannelID,
		Newer: r.Newer, After: r.After, Limit: limit, Now: s.Clock(),
	}
}
