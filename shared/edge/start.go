package edge

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"

	"unsend/shared/config"
)

// Start makes the handler, once, and serves events with it until the process
// ends. A run that fails ends the process with one log line, which Lambda counts as an error of its
// initialization. It is all that a main does.
func Start[H any](run func(ctx context.Context, getenv func(string) string) (H, error)) {
	UseMemory(config.From(os.Getenv).Memory())
	handler, err := run(context.Background(), os.Getenv)
	if err != nil {
		NewLogger(os.Stdout, os.Getenv).Error("cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}

// UseMemory lets garbage lie while there is room for it in memory (bytes; 0 is not known, and changes nothing). What a function
// holds is small beside what it has, and Go's default would collect every few requests, which is a tenth of what notify takes and more of what a
// page of history does. Above [MemoryPercent] it collects as often as it must.
func UseMemory(memory int64) {
	if memory == 0 {
		return
	}
	debug.SetGCPercent(GarbagePercent)
	debug.SetMemoryLimit(memory * MemoryPercent / 100)
}

// GarbagePercent is how much garbage may lie beside what is held; 16 MB where that is little.
const GarbagePercent = 400

// MemoryPercent is how much of the function's memory it and its garbage may take.
const MemoryPercent = 75

// NewLogger writes JSON lines to w, with the keys that Lambda's own filters look
// at: timestamp and level. (The logger of aws-lambda-go calls the text of a line "message", which
// here is the id of one.) The least level is Lambda's AWS_LAMBDA_LOG_LEVEL.
func NewLogger(w io.Writer, getenv func(string) string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: config.From(getenv).LogLevel(),
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				a.Key = "timestamp"
			}
			return a
		},
	}))
}
