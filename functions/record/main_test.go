package main

import (
	"testing"

	"unsend/shared/config"
	"unsend/shared/edge/edgetest"
)

// There need not be a bus, so nothing misses its variable.
func TestRun(t *testing.T) {
	t.Parallel()
	edgetest.CheckRun(t, run, config.MessagesTable, config.AuditTable, config.AuditDays)
}
