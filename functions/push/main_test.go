package main

import (
	"os"
	"testing"
	"time"

	"unsend/shared/config"
	"unsend/shared/edge/edgetest"
)

func TestMain(m *testing.M) { os.Exit(edgetest.Main(m)) }

func TestRun(t *testing.T) {
	t.Parallel()
	edgetest.CheckRun(t, run, config.MessagesTable, config.CommunityTable, config.SessionsTable, config.CallbackURL, config.PushConcurrency,
		config.TaskPushBudget, config.PushQueueURL, config.PostsPerSecond, config.PushInvocations)
}

// All invocations together keep to the posts per second.
func TestPaceIsAShare(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	limit := pace(5_000, 16)
	allowed := 0
	for at := begin; at.Before(begin.Add(10 * time.Second)); at = at.Add(100 * time.Microsecond) {
		if limit.AllowN(at, 1) {
			allowed++
		}
	}
	if most := 10*5_000/16 + 1; allowed > most || allowed < most*9/10 {
		t.Errorf("%d posts in 10 s, want at most %d and not much less", allowed, most)
	}
}
