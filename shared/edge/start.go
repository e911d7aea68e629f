package edge

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"unsend/shared/config"
)

// Start makes the handler, once, and serves events with it until the process
// ends. A run that fails ends the process with one log line, which Lambda counts as an error of its
// initialization. It is all that a main does.
func Start[H any](run func(ctx context.Context, getenv func(string) string) (H, error)) {
	handler, err := run(context.Background(), os.Getenv)
	if err != nil {
		NewLogger(os.Stdout, os.Getenv).Error("cannot start", "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}

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
