package main

import (
	"testing"

	"unsend/shared/config"
	"unsend/shared/edge/edgetest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	edgetest.CheckRun(t, run, config.MessagesTable, config.CommunityTable, config.RevokeWindow, config.ModeratorWindow, config.SweepQueueURL)
}
