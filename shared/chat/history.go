package chat

import "context"

// Histories reads pages of channels.
type Histories struct {
	Standings Standings
	Messages  HistoryReader
	Clock     Clock
	Limit     FrameLimit
}

// History reads a page of the channel, revoked messages included as what is left
// of them. Rights and page are read at the same time, one round trip; the page
// is dropped when the account does not see the channel. Pages are strongly consistent.
//
// Errors: Invalid for the request, RateLimited, Forbidden, Busy.
func (s *Histories) History(ctx context.Context, c Connection, r HistoryRequest) (HistoryPage, error) {
	if err := r.check(); err != nil {
		return HistoryPage{}, err
	}
	var (
		standing Standing
		page     HistoryPage
	)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	errs := concurrently(
		func() error {
			err := s.Limit.beside(ctx, c.AccountID, s.Clock(), func() (err error) {
				standing, err = s.Standings.Standing(ctx, r.ServerID, r.ChannelID, c.AccountID)
				return err
			})
			if err != nil || !standing.CanSee() {
				stop() // a refusal must not take longer the more there is to see
			}
			return err
		},
		func() (err error) {
			page, err = s.Messages.History(reading, s.query(r))
			return err
		},
	)
	switch {
	case errs[0] != nil:
		return HistoryPage{}, errs[0]
	case !standing.CanSee():
		return HistoryPage{}, forbidden()
	case errs[1] != nil:
		return HistoryPage{}, errs[1]
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
