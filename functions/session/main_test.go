package main

import (
	"os"
	"testing"

	"unsend/shared/config"
	"unsend/shared/edge/edgetest"
)

func TestMain(m *testing.M) { os.Exit(edgetest.Main(m)) }

func TestRun(t *testing.T) {
	t.Parallel()
	edgetest.CheckRun(t, run, config.FramesPer10S, config.MaxSubscriptions, config.CommunityTable, config.SessionsTable, config.CallbackURL)
}
