package fanout_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"unsend/scripts/benchmark/fanout"
	"unsend/shared/chat"
)

// The tests do not run in parallel with each other: the heap that they look at is the process's.

// plays runs it with a clock of its own.
func plays(t *testing.T, connections int, alter ...func(*fanout.Options)) (message, revoke fanout.Pass) {
	t.Helper()
	o := fanout.Defaults()
	o.Connections = connections
	for _, a := range alter {
		a(&o)
	}
	var result fanout.Result
	synctest.Test(t, func(t *testing.T) {
		var err error
		if result, err = fanout.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
	for _, pass := range result.Passes {
		t.Logf("%d, %s: %v to %v, median %v; %d told, %d posts, %d closed, %d tasks, %d rows and %d KB held, %v reads, %v writes, $%.6f",
			connections, pass.Event, pass.First, pass.Last, pass.Median, pass.Told, pass.Posts, pass.Closed, pass.Tasks,
			pass.PeakRows, pass.PeakHeap>>10, pass.Reads, pass.Writes, pass.Dollars)
	}
	return result.Passes[0], result.Passes[1]
}

// allWell is a service without clients in trouble.
func allWell(o *fanout.Options) { o.Service.Gone, o.Service.Full, o.Service.Hanging = 0, 0, 0 }

// A hundred thousand devices: everybody who is well is told, within what the quota allows and not much later than that
// takes, and nobody keeps the audience in memory.
func TestAHundredThousandDevices(t *testing.T) {
	message, revoke := plays(t, 100_000)
	d := fanout.Defaults().Deployment
	quota := time.Duration(100_000/d.PostsPerSecond) * time.Second // alone
	for _, pass := range []fanout.Pass{message, revoke} {
		if pass.Untold > 0 || pass.Told < 97_000 || pass.Dead > 0 || pass.Dropped > 0 {
			t.Errorf("%s: %d told, %d not, %d dead letters, %d dropped", pass.Event, pass.Told, pass.Untold, pass.Dead, pass.Dropped)
		}
		if most := d.PostsPerSecond + 2*d.PushInvocations; pass.PerSecond > most || pass.Refused > 0 {
			t.Errorf("%s: %d posts of push in a second, want %d at most; %d refused", pass.Event, pass.PerSecond, most, pass.Refused)
		}
		if pass.Last > quota*12/10 {
			t.Errorf("%s: the last device after %v, want %v at most", pass.Event, pass.Last, quota*12/10)
		}
		// Four pages that wait for their last clients and one that is read, in each invocation.
		if most := d.PushInvocations * 5 * 500; pass.PeakRows > most || pass.PeakHeap > 16<<20 {
			t.Errorf("%s: %d rows held, want %d at most; %d bytes", pass.Event, pass.PeakRows, most, pass.PeakHeap)
		}
	}
}

// A revoke that goes to the queue at once is there before the stream would have said it, and is told twice; a message is not concerned.
func TestAFastRevoke(t *testing.T) {
	fast := func(o *fanout.Options) { o.Fast = true }
	for _, devices := range []int{1, 20, 1_000} {
		message, plain := plays(t, devices, allWell)
		sameMessage, twice := plays(t, devices, allWell, fast)
		if sameMessage.Posts != message.Posts || sameMessage.Requests != message.Requests {
			t.Errorf("%d devices: a message takes %d posts and %d requests, without %d and %d", devices, sameMessage.Posts, sameMessage.Requests, message.Posts, message.Requests)
		}
		if plain.Posts != devices || twice.Posts != 2*devices || twice.Untold > 0 {
			t.Errorf("%d devices: %d posts, with the fast path %d", devices, plain.Posts, twice.Posts)
		}
		if devices > 20 {
			continue // several pages, each with tasks of its own
		}
		if twice.Tasks != plain.Tasks+1 || twice.Requests != plain.Requests+3 || twice.Invocations != plain.Invocations+1 {
			t.Errorf("%d devices: %d tasks, %d requests, %d invocations; without %d, %d, %d", devices,
				twice.Tasks, twice.Requests, twice.Invocations, plain.Tasks, plain.Requests, plain.Invocations)
		}
		if twice.Last >= plain.First {
			t.Errorf("%d devices: the last after %v, without the fast path the first after %v", devices, twice.Last, plain.First)
		}
	}
}

// What is held does not grow with the audience, once that is larger than what all invocations hold.
func TestMemoryDoesNotGrowWithTheAudience(t *testing.T) {
	few := func(o *fanout.Options) { o.Deployment.PushInvocations = 2 }
	smaller, _ := plays(t, 25_000, few)
	larger, _ := plays(t, 50_000, few)
	if larger.PeakRows > 2*5*500 || larger.PeakHeap > smaller.PeakHeap+4<<20 {
		t.Errorf("%d rows and %d bytes held for 25,000 devices, %d and %d for 50,000", smaller.PeakRows, smaller.PeakHeap, larger.PeakRows, larger.PeakHeap)
	}
}

// All invocations together keep to PostsPerSecond where an invocation alone could post more.
func TestPostsKeepToWhatTheyMayBe(t *testing.T) {
	const most = 800
	message, _ := plays(t, 5_000, func(o *fanout.Options) { o.Deployment.PostsPerSecond, o.Deployment.PushInvocations = most, 2 })
	if message.PerSecond > most+4 || message.Untold > 0 {
		t.Errorf("%d posts in a second, want %d at most; %d not told", message.PerSecond, most, message.Untold)
	}
}

func TestHangingClientsDoNotMoveTheMedian(t *testing.T) {
	well, _ := plays(t, 10_000, allWell)
	hanging, _ := plays(t, 10_000, allWell, func(o *fanout.Options) { o.Service.Hanging = 0.01 })
	if hanging.TimedOut < 100 || hanging.Untold > 0 {
		t.Errorf("%d posts timed out, %d well devices were not told", hanging.TimedOut, hanging.Untold)
	}
	if moved := (hanging.Median - well.Median).Abs(); moved > well.Median*2/100 {
		t.Errorf("the median is told after %v, with hanging clients among them after %v", well.Median, hanging.Median)
	}
}

// A 429 says "quota" and "buffer full" alike: where it is the quota nobody is closed, and everybody is told when
// it is over.
func TestAStormOf429ClosesNobody(t *testing.T) {
	for name, storm := range map[string]func(*fanout.Options){
		"nothing for 30 s":       func(o *fanout.Options) { o.Service.Storm = 30 * time.Second },
		"a tenth of what is due": func(o *fanout.Options) { o.Service.Quota, o.Service.Burst = 60, 60 },
	} {
		t.Run(name, func(t *testing.T) {
			message, revoke := plays(t, 2_000, allWell, storm)
			if message.Refused < 1_000 || revoke.Refused < 1_000 {
				t.Errorf("%d and %d refused: that is no storm", message.Refused, revoke.Refused)
			}
			if message.Closed+revoke.Closed+message.Gone+revoke.Gone > 0 {
				t.Errorf("%d and %d closed", message.Closed, revoke.Closed)
			}
			if revoke.Untold > 0 || revoke.Dead > 0 || message.Untold > 0 && message.Dropped == 0 {
				t.Errorf("%d and %d not told, %d dead letters", message.Untold, revoke.Untold, revoke.Dead)
			}
		})
	}
}

// What a notice costs does not know how many members there are: as in TestCostOfANotice of package dynamo, over the
// real store, it is 1 for the message, 1 for the mode, 1 for 21 connections, 2 policies, 1 for the lists, 1 for the changes. In
// a large server it is 1 for each list of subscribers, not for all.
func TestUnitsDoNotKnowTheMembers(t *testing.T) {
	small := func(o *fanout.Options) { o.Deployment.LargeServerMembers = 0 }
	for _, c := range []struct {
		members int
		mode    func(*fanout.Options)
		want    float64
	}{
		{10, allWell, 7}, {1_000, allWell, 7}, {100_000, small, 7},
		{2_000, allWell, 6 + chat.SubscriberShards}, {100_000, allWell, 6 + chat.SubscriberShards},
	} {
		message, revoke := plays(t, 20, allWell, c.mode, func(o *fanout.Options) { o.Members = c.members })
		if message.Reads != c.want || revoke.Reads != c.want || message.Writes+revoke.Writes != 0 || message.Told != 20 {
			t.Errorf("%d members: %v and %v read units, want %v; %v written", c.members, message.Reads, revoke.Reads, c.want, message.Writes+revoke.Writes)
		}
	}
}

// A server without subscribers is gone through by one invocation at a time, at its share of PostsPerSecond.
func TestASmallServerIsOneWalk(t *testing.T) {
	message, _ := plays(t, 5_000, allWell, func(o *fanout.Options) { o.Deployment.LargeServerMembers = 0 })
	d := fanout.Defaults().Deployment
	share := float64(d.PostsPerSecond) / float64(d.PushInvocations)
	if takes := float64(5_000-d.DirectPushLimit) / share; message.Untold > 0 || message.Last.Seconds() < takes || message.Last.Seconds() > takes+1 {
		t.Errorf("%d not told, the last after %v; want about %.1f s", message.Untold, message.Last, takes)
	}
}

// Rights at the push cost what changed: change rows by their weight, and one unit for each account to judge anew.
// Where too much changed that is everybody on the page.
func TestUnitsOfRights(t *testing.T) {
	const online = 200
	cost := func(changes int) float64 {
		message, _ := plays(t, online, allWell, func(o *fanout.Options) { o.Changes = changes })
		if message.Told != online {
			t.Errorf("%d changes: %d told", changes, message.Told)
		}
		return message.Reads
	}
	none, some, many := cost(0), cost(10), cost(5_000)
	if some != none+10 {
		t.Errorf("10 changes: %v units more, want 10", some-none)
	}
	// 1,001 change rows of some 60 bytes are 15 units more than none; and the author's connection is of the page, too.
	if extra := many - none; extra < online+1+12 || extra > online+1+20 {
		t.Errorf("5,000 changes: %v units more, want some 15 and one for each of %d connections", extra, online+1)
	}
}

// The seed draws everything but the notifier's own pauses.
func TestTheSeedDraws(t *testing.T) {
	first, revoke := plays(t, 2_000)
	again, _ := plays(t, 2_000)
	for _, pass := range []fanout.Pass{revoke, again} {
		if first.Gone != pass.Gone || first.Closed != pass.Closed || first.Told != pass.Told || first.Full != pass.Full {
			t.Errorf("%d gone, %d closed, then %d and %d", first.Gone, first.Closed, pass.Gone, pass.Closed)
		}
	}
	other, _ := plays(t, 2_000, func(o *fanout.Options) { o.Seed = 2 })
	if first.Gone == other.Gone && first.Full == other.Full && first.Closed == other.Closed {
		t.Error("another seed draws the same")
	}
}

func TestDollars(t *testing.T) {
	message, _ := plays(t, 1_000, allWell)
	// A thousand messages are 0.001; all the rest is some percent of it.
	if message.Posts != 1_000 || message.Dollars < 0.001 || message.Dollars > 0.0012 {
		t.Errorf("%d posts for $%.6f", message.Posts, message.Dollars)
	}
}

// The play's defaults are the template's.
func TestDefaultsAreTheTemplates(t *testing.T) {
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := fanout.Defaults().Deployment
	for name, want := range map[string]int{
		"PostsPerSecond": d.PostsPerSecond, "PushInvocations": d.PushInvocations, "PushConcurrency": d.PushConcurrency, "DirectPushLimit": d.DirectPushLimit, "LargeServerMembers": d.LargeServerMembers,
		"ServerPushBudgetMs": int(d.ServerBudget.Milliseconds()), "TaskPushBudgetMs": int(d.TaskBudget.Milliseconds()),
	} {
		found := regexp.MustCompile(`\n  ` + name + `:\n    Description: .*\n    Type: Number\n    Default: (\d+)\n`).FindSubmatch(text)
		if found == nil || string(found[1]) != fmt.Sprint(want) {
			t.Errorf("%s is %d here, in the template %q", name, want, found)
		}
	}
}
