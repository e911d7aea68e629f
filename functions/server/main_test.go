package main

import (
	"testing"

	"unsend/shared/config"
	"unsend/shared/edge/edgetest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	edgetest.CheckRun(t, run, config.CommunityTable, config.SessionsTable, config.CallbackURL, config.LargeServer, config.MessagesTable, config.RetentionDays, config.RevokeWindow, config.ModeratorWindow, config.SweepQueueURL, config.AuditTable, config.AuditDays)
}
