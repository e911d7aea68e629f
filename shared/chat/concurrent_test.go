package chat_test

import (
	"runtime/metrics"
	"slices"
	"testing"

	"unsend/shared/chat"
)

// goroutines is how many there have been in this process.
func goroutines() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A message to a page of devices that see the same is encoded once, and is posted by a few goroutines, not by one for each:
// a new one begins with a stack that a request makes grow.
func TestAPageIsEncodedOnceAndPostedByFew(t *testing.T) {
	const devices = 400
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency = 8
		encode, encoded := s.notifier.Encode, 0
		s.notifier.Encode = func(notices []chat.Notice) ([][]byte, error) {
			encoded++
			return encode(notices)
		}
		phone := s.online("alice", "phone")
		s.crowd(devices)
		m := s.send(phone)
		before := goroutines()
		r := s.notify(inserted(m))
		created := goroutines() - before
		if s.finished(r); r.Posts != devices || encoded != 1 {
			t.Errorf("%d posts of %d encodings", r.Posts, encoded)
		}
		// Those that post, as many again where one had not come back to wait, and what reads.
		if created > devices/4 {
			t.Errorf("%d goroutines for %d posts, 8 at a time", created, r.Posts)
		}
	})
}

// The members of a batch are revoked by as many goroutines as may write at a time.
func TestABatchIsRevokedByFew(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		var messages []chat.Message
		for range 100 {
			messages = append(messages, s.send(phone))
		}
		before := goroutines()
		outcomes := s.batch(s.store, phone, batch(refs(messages...)...))
		created := goroutines() - before
		if got := codes(outcomes); slices.ContainsFunc(got, func(c chat.Code) bool { return c != chat.OK }) {
			t.Errorf("codes %v", got)
		}
		if created > 50 { // 16 write at a time
			t.Errorf("%d goroutines for %d messages", created, len(messages))
		}
	})
}
