package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

// each hears is told of a message exactly as many times as wanted.
func (s *scene) each(devices []chat.Connection, want ...string) {
	s.t.Helper()
	for _, c := range devices {
		s.expect(c, want...)
	}
}

// allHeard are told of it at least once.
func (s *scene) allHeard(devices []chat.Connection, what string) {
	s.t.Helper()
	for _, c := range devices {
		if !slices.Contains(s.heard(c), what) {
			s.t.Errorf("%s was never told %s", c.ID, what)
		}
	}
}

func TestWhatIsOverTheLimitGoesToTheQueue(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.DirectPushLimit = 100
		phone, devices := s.online("alice", "phone"), s.crowd(1_300)
		r := s.notify(inserted(s.send(phone)))
		if s.queued(r, 1); r.Posts != 100 && r.Posts != 99 { // alice's own may be among the hundred
			t.Errorf("%d posts before the queue had its part", r.Posts)
		}
		if r := s.drain(); len(r.Unfinished) > 0 || len(r.Errs) > 0 {
			t.Errorf("unfinished %v: %v", r.Unfinished, r.Errs)
		}
		s.each(devices, "message m1")
		s.expect(phone)
	})
}

// The task is in the queue before the first post: whoever dies then has not lost it.
func TestTheRestIsQueuedBeforeAnyPost(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.DirectPushLimit = 2
		phone := s.online("alice", "phone")
		s.crowd(5)
		var before atomic.Bool
		s.queue.Fail = func(chat.Task) error { before.Store(true); return nil }
		s.gateway.BeforePost = func(string) {
			if !before.Load() {
				t.Error("a post before the task was queued")
			}
		}
		s.notify(inserted(s.send(phone)))
	})
}

func TestOnlyAQueueThatRefusesLeavesARecordToTheStream(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.DirectPushLimit = 2
		phone, dave := s.online("alice", "phone"), s.online("dave", "phone")
		s.crowd(5)
		m := s.send(phone)
		other := m
		other.ServerID = "s2"
		s.must(s.store.PutMessage(t.Context(), other, time.Now()))
		s.queue.Fail = func(chat.Task) error { return &chat.Error{Code: chat.Busy} }
		if r := s.notify(inserted(other), inserted(m)); !slices.Equal(r.Unfinished, []int{1}) || len(r.Errs) == 0 {
			t.Errorf("unfinished %v: %v; want the record whose rest nobody took", r.Unfinished, r.Errs)
		}
		s.expect(dave, "message m1")
	})
}

// A walk whose time is up goes on in a task of its own, from where it came to.
func TestAWalkGoesOnFromItsPlace(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency, s.notifier.Budget = 100, 2*time.Second
		phone, devices := s.online("alice", "phone"), s.crowd(4_600)
		for _, c := range devices {
			s.gateway.Behave(c.ID, func(context.Context, int) error { time.Sleep(200 * time.Millisecond); return nil })
		}
		task := chat.Task{ServerID: "s1", Records: []chat.Stored{inserted(s.send(phone))}}
		s.queued(s.notifier.Push(t.Context(), []chat.Task{task}), 1)
		tasks := s.queue.Take()
		if len(tasks) != 1 || tasks[0].Part == nil || tasks[0].Part.After == "" || tasks[0].Attempt != 0 {
			t.Fatalf("went on as %+v", tasks)
		}
		s.must(nil, s.queue.Enqueue(t.Context(), tasks[0]))
		s.drain()
		s.each(devices, "message m1")
	})
}

// Tasks that wait together for the same people are one post for each of them, and
// one invocation takes one walk: the others are for those that share its pace.
func TestWaitingTasksAreJoined(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		s.online("dave", "phone")
		var tasks []chat.Task
		for i := range 4 {
			m := s.send(phone)
			tasks = append(tasks, chat.Task{ServerID: "s1", Records: []chat.Stored{inserted(m)}})
			if i == 0 {
				other := m
				other.ServerID = "s2"
				s.must(s.store.PutMessage(t.Context(), other, time.Now()))
				tasks = append(tasks, chat.Task{ServerID: "s2", Records: []chat.Stored{inserted(other)}, Part: &chat.Part{}})
			}
		}
		tasks = append(tasks, tasks[0])
		r := s.notifier.Push(t.Context(), tasks)
		s.queued(r, 1)
		if frames := s.gateway.Frames(carol.ID); len(frames) != 1 || len(s.heard(carol)) != 4 {
			t.Errorf("%d frames with %d notices, want 1 with 4", len(frames), len(s.heard(carol)))
		}
		if left := s.queue.Take(); len(left) != 1 || left[0].ServerID != "s2" {
			t.Errorf("put back is %+v", left)
		}
	})
}

// Revocations of ten small servers that wait together, as FastRevocations has them wait in a burst, are told by one invocation: each that was put back
// would be received, and put back, some ten times.
func TestShortAudiencesAreToldTogether(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		var (
			tasks   []chat.Task
			devices []chat.Connection
		)
		for i := range 10 {
			server := fmt.Sprintf("small%d", i)
			s.must(s.store.ChangeServer(t.Context(), server, chat.Act{At: time.Now()}, func(v *chat.Server) error { v.OwnerID = "owner"; return nil }))
			s.must(s.store.ChangeChannel(t.Context(), server, "c1", chat.Act{At: time.Now()}, func(*chat.Channel) error { return nil }))
			member := "member-of-" + server
			s.member(server, member, func(m *chat.Member) error { m.Join(time.Now()); return nil })
			devices = append(devices, s.online(member, "phone"))
			m := chat.Message{MessageKey: chat.MessageKey{ServerID: server, ChannelID: "c1", Timestamp: time.Now().UnixMilli(), MsgServerID: "m1"}, From: chat.Actor{AccountID: "owner"}, Version: 1}
			s.must(s.store.PutMessage(t.Context(), m, time.Now()))
			tasks = append(tasks, chat.Task{ServerID: server, Records: []chat.Stored{inserted(m)}})
		}
		r := s.notifier.Push(t.Context(), tasks)
		s.queued(r, 0)
		if r.Posts != len(devices) || len(r.Unfinished) > 0 {
			t.Errorf("%d posts, unfinished %v: %v", r.Posts, r.Unfinished, r.Errs)
		}
		s.each(devices, "message m1")
	})
}

// Of a long audience beside another walk a page is told at once, and the rest is a walk of its own, for which there is no haste to be in this invocation.
func TestALongAudienceBesideAWalkIsAPageAtOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, devices := s.online("alice", "phone"), s.crowd(1_300)
		m := s.send(phone)
		revoked := chat.Task{ServerID: "s2", Part: &chat.Part{}, Records: []chat.Stored{{Key: chat.MessageKey{ServerID: "s2", ChannelID: "c1", Timestamp: 1, MsgServerID: "gone"}, Kind: chat.Modified}}}
		r := s.notifier.Push(t.Context(), []chat.Task{{ServerID: "s1", Records: []chat.Stored{inserted(m)}}, revoked})
		if s.queued(r, 1); r.Audience != 500 {
			t.Errorf("%d were gone through at once", r.Audience)
		}
		tasks := s.queue.Take()
		if len(tasks) != 1 || tasks[0].Part == nil || tasks[0].Part.After == "" {
			t.Fatalf("went on as %+v", tasks)
		}
		s.must(nil, s.queue.Enqueue(t.Context(), tasks[0]))
		s.drain()
		s.each(devices, "message m1")
	})
}

func TestATaskThatCannotBePutBackComesAgain(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone := s.online("alice", "phone")
		m := s.send(phone)
		s.queue.Fail = func(chat.Task) error { return errors.New("no queue") }
		tasks := []chat.Task{{ServerID: "s1", Records: []chat.Stored{inserted(m), inserted(m)}}, {ServerID: "s2", Records: []chat.Stored{inserted(m)}, Part: &chat.Part{}}}
		if r := s.notifier.Push(t.Context(), tasks); !slices.Equal(r.Unfinished, []int{1}) {
			t.Errorf("unfinished %v, want the walk that was for another invocation", r.Unfinished)
		}
	})
}

// Who is left is tried again, later and later, nobody else with them; and closed
// nowhere while the service may be to blame.
func TestThoseWhoAreLeftAreTriedAgain(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, devices := s.online("alice", "phone"), s.crowd(20)
		began := time.Now()
		for _, c := range devices[:10] {
			s.gateway.Behave(c.ID, func(context.Context, int) error {
				if time.Since(began) < 2*time.Minute {
					return chat.ErrThrottled
				}
				return nil
			})
		}
		s.queued(s.notify(inserted(s.send(phone))), 1)
		var delays []time.Duration
		for {
			tasks := s.queue.Take()
			if len(tasks) == 0 {
				break
			}
			task := tasks[0]
			if len(tasks) > 1 || len(task.Part.Only) != 10 || task.Attempt != len(delays)+1 {
				t.Fatalf("task %+v", tasks)
			}
			delays = append(delays, task.Delay)
			time.Sleep(task.Delay)
			if r := s.notifier.Push(t.Context(), tasks); r.Closed > 0 || len(r.Unfinished) > 0 {
				t.Fatalf("closed %d, unfinished %v", r.Closed, r.Unfinished)
			}
		}
		s.each(devices, "message m1")
		for i, d := range delays {
			if most := time.Second << i; d > min(most, 5*time.Minute) || d < most/2 {
				t.Errorf("delay %d is %v, want at most %v and half of it at least", i, d, most)
			}
		}
	})
}

// After all attempts the queue keeps the task, and makes it a dead letter: the
// failure of many is for somebody to look at. A few accounts that never read are closed.
func TestWhatNeverWorksEndsWithTheDeadLetters(t *testing.T) {
	for _, c := range []struct {
		accounts, closed int
		unfinished       []int
	}{{1, 1, nil}, {10, 10, nil}, {11, 0, []int{0}}} {
		t.Run(fmt.Sprint(c.accounts), func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone := s.online("alice", "phone")
				var ids []string
				for _, device := range s.crowd(c.accounts) {
					s.gateway.Behave(device.ID, chattest.Always(chat.ErrThrottled))
					ids = append(ids, device.ID)
				}
				task := chat.Task{ServerID: "s1", Records: []chat.Stored{inserted(s.send(phone))}, Part: &chat.Part{Only: ids}, Attempt: chat.MaxTaskAttempts}
				if r := s.notifier.Push(t.Context(), []chat.Task{task}); !slices.Equal(r.Unfinished, c.unfinished) || r.Closed != c.closed || r.Queued != 0 {
					t.Errorf("unfinished %v, closed %d, queued %d", r.Unfinished, r.Closed, r.Queued)
				}
			})
		})
	}
}

// Who was neither told nor closed, since closing failed as well, is not forgotten.
func TestWhoCouldNotBeClosedIsLeft(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, devices := s.online("alice", "phone"), s.crowd(30)
		slow := devices[7]
		s.gateway.Behave(slow.ID, chattest.Always(chat.ErrThrottled))
		s.gateway.BeforeClose = func(string) error { return chat.ErrThrottled }
		s.queued(s.notify(inserted(s.send(phone))), 1)
		task := s.queue.Take()[0]
		if task.Part == nil || !slices.Equal(task.Part.Only, []string{slow.ID}) {
			t.Errorf("left is %+v", task.Part)
		}
		task.Attempt = chat.MaxTaskAttempts
		if r := s.notifier.Push(t.Context(), []chat.Task{task}); len(r.Unfinished) != 1 {
			t.Errorf("at last: unfinished %v", r.Unfinished)
		}
		s.gateway.BeforeClose = nil
		if r := s.notifier.Push(t.Context(), []chat.Task{task}); len(r.Unfinished) != 0 || r.Closed != 1 {
			t.Errorf("at last: unfinished %v, closed %d", r.Unfinished, r.Closed)
		}
	})
}

// Rows that cannot be read once, in the middle of a page, are not rows that say nothing.
func TestAReadingThatFailsOnceLosesNothing(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency, s.notifier.Budget = 1, time.Minute
		phone, devices := s.online("alice", "phone"), s.crowd(20)
		for _, c := range devices {
			s.gateway.Behave(c.ID, func(context.Context, int) error { time.Sleep(300 * time.Millisecond); return nil })
		}
		m := s.send(phone)
		readings := 0
		s.store.Before = func(op string) error {
			if op == "Messages" {
				if readings++; readings == 2 {
					return &chat.Error{Code: chat.Busy}
				}
			}
			return nil
		}
		s.notify(inserted(m))
		s.drain()
		if readings < 2 {
			t.Fatal("the rows were read once: this test shows nothing")
		}
		s.allHeard(devices, "message m1")
	})
}

// When an invocation's time is nearly up, push says what is left rather than to end in the middle of it.
func TestPushHandsOverInTime(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Concurrency, s.notifier.Budget = 4, time.Minute
		phone, devices := s.online("alice", "phone"), s.crowd(200)
		for _, c := range devices {
			s.gateway.Behave(c.ID, func(context.Context, int) error { time.Sleep(900 * time.Millisecond); return nil })
		}
		m := s.send(phone)
		var ids []string
		for _, c := range devices[:100] {
			ids = append(ids, c.ID)
		}
		for _, part := range []*chat.Part{nil, {Only: ids}} {
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			r := s.notifier.Push(ctx, []chat.Task{{ServerID: "s1", Records: []chat.Stored{inserted(m)}, Part: part}})
			cancel()
			if len(r.Unfinished) > 0 || r.Queued == 0 || r.Posts == 0 {
				t.Errorf("unfinished %v, %d posts, %d tasks: %v", r.Unfinished, r.Posts, r.Queued, r.Errs)
			}
		}
		s.drain()
		s.allHeard(devices, "message m1")
	})
}

// A task of which some took the frame begins to count anew: it gets on.
func TestAttemptsCountWhatGotNoFurther(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, devices := s.online("alice", "phone"), s.crowd(12)
		var ids []string
		for i, c := range devices {
			ids = append(ids, c.ID)
			if i > 0 {
				s.gateway.Behave(c.ID, chattest.Always(chat.ErrThrottled))
			}
		}
		task := chat.Task{ServerID: "s1", Records: []chat.Stored{inserted(s.send(phone))}, Part: &chat.Part{Only: ids}, Attempt: chat.MaxTaskAttempts}
		s.queued(s.notifier.Push(t.Context(), []chat.Task{task}), 1)
		if left := s.queue.Take()[0]; left.Attempt != 1 || len(left.Part.Only) != 11 {
			t.Errorf("left is %+v", left)
		}
	})
}

// What is left of the same connections, of one burst, costs each of them one post.
func TestWhatIsLeftOfTheSameIsJoined(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, bob, carol := s.online("alice", "phone"), s.online("bob", "desk"), s.online("carol", "phone")
		var tasks []chat.Task
		for i, only := range [][]string{{bob.ID, carol.ID}, {carol.ID, bob.ID}, {bob.ID}} {
			tasks = append(tasks, chat.Task{ServerID: "s1", Records: []chat.Stored{inserted(s.send(phone))}, Part: &chat.Part{Only: only}, Attempt: i})
		}
		s.finished(s.notifier.Push(t.Context(), tasks))
		if got := []int{s.gateway.Attempts(bob.ID), s.gateway.Attempts(carol.ID)}; !slices.Equal(got, []int{2, 1}) {
			t.Errorf("%v posts", got)
		}
		for _, c := range []chat.Connection{bob, carol} {
			if heard := s.heard(c); !slices.Contains(heard, "message m1") || !slices.Contains(heard, "message m2") {
				t.Errorf("%s heard %q", c.ID, heard)
			}
		}
	})
}

// Whatever cannot be read is put off, and at last left to the queue.
func TestATaskThatCannotBeRead(t *testing.T) {
	for _, op := range []string{"Messages", "Audience", "Presences", "Rights"} {
		t.Run(op, func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
				task := chat.Task{ServerID: "s1", Records: []chat.Stored{inserted(s.send(phone))}}
				if op == "Presences" {
					task.Part = &chat.Part{Only: []string{carol.ID}}
				}
				s.store.Before = func(called string) error {
					if called == op {
						return &chat.Error{Code: chat.Busy}
					}
					return nil
				}
				r := s.notifier.Push(t.Context(), []chat.Task{task})
				if s.queued(r, 1); len(r.Errs) == 0 {
					t.Error("the log says nothing")
				}
				last := s.queue.Take()[0]
				last.Attempt = chat.MaxTaskAttempts
				if r := s.notifier.Push(t.Context(), []chat.Task{last}); len(r.Unfinished) != 1 {
					t.Errorf("after all attempts: unfinished %v", r.Unfinished)
				}
				s.store.Before = nil
				r = s.notifier.Push(t.Context(), []chat.Task{last})
				s.finished(r)
				s.expect(carol, "message m1")
			})
		})
	}
}

// A revocation is told by a task whatever its age, and a message's text is never
// told by one whose message was taken back.
func TestATaskIsReadAgain(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		phone, carol := s.online("alice", "phone"), s.online("carol", "phone")
		m := s.send(phone)
		s.revoke(phone, m)
		time.Sleep(50 * time.Minute)
		task := chat.Task{ServerID: "s1", Records: []chat.Stored{inserted(m), modified(m)}}
		s.finished(s.notifier.Push(t.Context(), []chat.Task{task}))
		s.expect(carol, "message_updated m1")
	})
}

// paced lets posts begin one after the other, with so much time in between.
type paced struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

func (p *paced) Wait(ctx context.Context) error {
	p.mu.Lock()
	if now := time.Now(); p.next.Before(now) {
		p.next = now
	}
	turn := p.next
	p.next = p.next.Add(p.every)
	p.mu.Unlock()
	time.Sleep(time.Until(turn))
	return ctx.Err()
}

func TestPostsKeepToThePace(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.notifier.Pace, s.notifier.Budget = &paced{every: 10 * time.Millisecond}, time.Minute
		phone := s.online("alice", "phone")
		devices := s.crowd(500)
		began := time.Now()
		s.finished(s.notifier.Push(t.Context(), []chat.Task{{ServerID: "s1", Records: []chat.Stored{inserted(s.send(phone))}}}))
		if took := time.Since(began); took < 4900*time.Millisecond || took > 6*time.Second {
			t.Errorf("500 posts at 100 a second took %v", took)
		}
		s.each(devices, "message m1")
	})
}

// One client in a hundred that hangs costs the others of a walk next to nothing.
func TestHangingClientsDoNotHoldUpAWalk(t *testing.T) {
	took := map[int]time.Duration{}
	for _, hang := range []int{0, 100} { // every n-th
		play(t, func(t *testing.T, s *scene) {
			s.notifier.Pace, s.notifier.Budget = &paced{every: 2 * time.Millisecond}, time.Hour
			phone, devices := s.online("alice", "phone"), s.crowd(5_000)
			var last atomic.Int64
			began := time.Now()
			for i, c := range devices {
				if hang > 0 && i%hang == 0 {
					s.gateway.Behave(c.ID, chattest.Hang)
					continue
				}
				s.gateway.Behave(c.ID, func(context.Context, int) error {
					last.Store(int64(time.Since(began)))
					return nil
				})
			}
			s.notifier.Push(t.Context(), []chat.Task{{ServerID: "s1", Records: []chat.Stored{inserted(s.send(phone))}}})
			took[hang] = time.Duration(last.Load())
			for i, c := range devices {
				if (hang == 0 || i%hang != 0) && !strings.HasPrefix(strings.Join(s.heard(c), ""), "message m1") {
					t.Errorf("%s was not told", c.ID)
				}
			}
		})
	}
	if took[100] > took[0]*11/10 {
		t.Errorf("5,000 devices take %v, with hanging ones among them %v", took[0], took[100])
	}
}
