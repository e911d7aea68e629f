package main

import (
	"os"
	"testing"

	"unsend/shared/config"
	"unsend/shared/edge/edgetest"
)

// There need not be a bus, so nothing misses its variable.
func TestMain(m *testing.M) { os.Exit(edgetest.Main(m)) }

func TestRun(t *testing.T) {
	t.Parallel()
	edgetest.CheckRun(t, run, config.MessagesTable, config.AuditTable, config.AuditDays)
}
