package fanout

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"weak"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// rows is the store as notify and push read it: it weighs what they read and write as DynamoDB does, and
// knows how much of an audience they hold.
type rows struct {
	*chattest.Store
	weights weights

	mu            sync.Mutex
	reads, writes float64
	pages         []heldPage
	peakRows      int
	peakHeap      int
	base          int // bytes that were live before
}

// heldPage is a page that was read, and is garbage once nobody holds it.
type heldPage struct {
	first weak.Pointer[chat.Presence]
	rows  int
}

// pass begins to count.
func (r *rows) pass() {
	base := liveHeap()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads, r.writes, r.pages, r.peakRows, r.peakHeap, r.base = 0, 0, nil, 0, 0, base
}

// liveHeap is what is left after a collection.
func liveHeap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// sample looks at what is held now.
func (r *rows) sample() {
	heap := liveHeap()
	r.mu.Lock()
	defer r.mu.Unlock()
	held := 0
	left := r.pages[:0]
	for _, page := range r.pages {
		if page.first.Value() != nil {
			held += page.rows
			left = append(left, page)
		}
	}
	r.pages = left
	r.peakRows, r.peakHeap = max(r.peakRows, held), max(r.peakHeap, heap-r.base)
}

func (r *rows) hold(page []chat.Presence) {
	if len(page) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = append(r.pages, heldPage{weak.Make(&page[0]), len(page)})
}

func (r *rows) read(units float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads += units
}

// query costs the rows together, rounded up to 4 KB; nothing costs one unit.
func (r *rows) query(count, bytes int) { r.read(max(1, math.Ceil(float64(count*bytes)/4096))) }

// batchGet costs each row by itself, and each that is missing.
func (r *rows) batchGet(count, bytes int) {
	r.read(float64(count) * max(1, math.Ceil(float64(bytes)/4096)))
}

// requested takes the time of a request.
func requested(ctx context.Context) error {
	if err := wait(ctx, readDelay); err != nil {
		return &chat.Error{Code: chat.Busy, Err: err}
	}
	return nil
}

// Messages reads rows. See [chat.MessageReader].
func (r *rows) Messages(ctx context.Context, keys []chat.MessageKey) ([]chat.Message, error) {
	if err := requested(ctx); err != nil {
		return nil, err
	}
	r.batchGet(len(keys), r.weights.message)
	return r.Store.Messages(ctx, keys)
}

// Deliveries reads who is told. See [chat.DeliveryReader].
func (r *rows) Deliveries(ctx context.Context, servers []string) (map[string]chat.Delivery, error) {
	if err := requested(ctx); err != nil {
		return nil, err
	}
	r.batchGet(len(servers), 1)
	return r.Store.Deliveries(ctx, servers)
}

// Audience reads a page. See [chat.Audience].
func (r *rows) Audience(ctx context.Context, crowd chat.Crowd, cursor string, limit int, now int64) (chat.AudiencePage, error) {
	if err := requested(ctx); err != nil {
		return chat.AudiencePage{}, err
	}
	page, err := r.Store.Audience(ctx, crowd, cursor, limit, now)
	r.query(len(page.Rows), r.weights.presence)
	r.hold(page.Rows)
	return page, err
}

// Presences reads rows. See [chat.Audience].
func (r *rows) Presences(ctx context.Context, crowd chat.Crowd, ids []string, now int64) ([]chat.Presence, error) {
	if err := requested(ctx); err != nil {
		return nil, err
	}
	found, err := r.Store.Presences(ctx, crowd, ids, now)
	r.batchGet(len(ids), r.weights.presence)
	r.hold(found)
	return found, err
}

// Rights reads policies, lists and changes. See [chat.RightsReader].
func (r *rows) Rights(ctx context.Context, server string, channels []string, since int64) (chat.Rights, error) {
	if err := requested(ctx); err != nil {
		return chat.Rights{}, err
	}
	rights, err := r.Store.Rights(ctx, server, channels, since)
	r.batchGet(1, r.weights.server)
	r.batchGet(len(channels), r.weights.channel)
	for _, channel := range channels {
		r.query(len(rights.Lists[channel]), r.weights.change) // whose rows are no larger
	}
	changes := len(rights.Changed)
	if rights.TooMany {
		changes = chat.MaxChanges + 1
	}
	r.query(changes, r.weights.change)
	return rights, err
}

// Members reads member rows. See [chat.RightsReader].
func (r *rows) Members(ctx context.Context, server string, accounts []string) (map[string]chat.Member, error) {
	if err := requested(ctx); err != nil {
		return nil, err
	}
	r.batchGet(len(accounts), r.weights.member)
	return r.Store.Members(ctx, server, accounts)
}

// Memberships reads an account's servers. See [chat.Memberships].
func (r *rows) Memberships(ctx context.Context, account string) ([]chat.Membership, error) {
	if err := requested(ctx); err != nil {
		return nil, err
	}
	memberships, err := r.Store.Memberships(ctx, account)
	r.query(len(memberships), r.weights.change)
	return memberships, err
}

// Subscriptions reads one row. See [chat.SubscriptionStore].
func (r *rows) Subscriptions(ctx context.Context, account, id string) ([]chat.ChannelRef, error) {
	if err := requested(ctx); err != nil {
		return nil, err
	}
	r.batchGet(1, 1)
	return r.Store.Subscriptions(ctx, account, id)
}

// RemoveConnection removes rows, of less than 1 KB, and the list of what it subscribed to. See [chat.ConnectionStore].
func (r *rows) RemoveConnection(ctx context.Context, account, id string, crowds []chat.Crowd) error {
	if err := requested(ctx); err != nil {
		return err
	}
	units := 1 + len(crowds)
	if slices.ContainsFunc(crowds, func(crowd chat.Crowd) bool { return crowd.ChannelID != "" }) {
		units++
	}
	r.mu.Lock()
	r.writes += float64(units)
	r.mu.Unlock()
	return r.Store.RemoveConnection(ctx, account, id, crowds)
}

var (
	_ chat.Audience          = (*rows)(nil)
	_ chat.RightsReader      = (*rows)(nil)
	_ chat.DeliveryReader    = (*rows)(nil)
	_ chat.SubscriptionStore = (*rows)(nil)
)
