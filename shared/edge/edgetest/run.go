package edgetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"unsend/shared/config"
)

// environment is a value for each variable that template.yaml sets, and for
// those that Lambda sets.
var environment = map[string]string{
	config.MessagesTable:    "messages",
	config.CommunityTable:   "community",
	config.SessionsTable:    "sessions",
	config.AuditTable:       "audit",
	config.AuditDays:        "365",
	config.EventBus:         "bus",
	config.CallbackURL:      "https://abcdef1234.execute-api.eu-central-1.amazonaws.com/live",
	config.RevokeWindow:     "120000",
	config.ModeratorWindow:  "120000",
	config.RetentionDays:    "0",
	config.MaxConnections:   "10",
	config.FramesPer10S:     "20",
	config.MaxSubscriptions: "100",
	config.TokenSecrets:     "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a,arn:aws:secretsmanager:eu-central-1:123456789012:secret:b",
	config.TokenAudience:    TokenAudience,
	config.TokenMaxTTL:      "86400",
	config.AllowQueryToken:  "false",
	config.PushConcurrency:  "32",
	config.ServerPushBudget: "3000",
	config.TaskPushBudget:   "20000",
	config.DirectPushLimit:  "500",
	config.PushQueueURL:     "https://sqs.eu-central-1.amazonaws.com/123456789012/push",
	config.SweepQueueURL:    "https://sqs.eu-central-1.amazonaws.com/123456789012/sweep",
	config.PostsPerSecond:   "5000",
	config.PushInvocations:  "16",
	config.LargeServer:      "2000",

	"AWS_REGION":            "eu-central-1",
	"AWS_ACCESS_KEY_ID":     "key",
	"AWS_SECRET_ACCESS_KEY": "secret",
	"AWS_SESSION_TOKEN":     "session",
}

// Environment is a value for each variable of any function, those of Lambda included.
func Environment() map[string]string { return maps.Clone(environment) }

// CheckRun checks that a function starts with these variables, beside those of
// Lambda, and with none fewer: what is missing is reported at once and by name.
func CheckRun[H any](t *testing.T, run func(context.Context, func(string) string) (H, error), variables ...string) {
	t.Helper()
	without := func(left ...string) func(string) string {
		return func(name string) string {
			if slices.Contains(left, name) || !slices.Contains(variables, name) && !strings.HasPrefix(name, "AWS_") {
				return ""
			}
			return environment[name]
		}
	}
	if _, err := run(t.Context(), without()); err != nil {
		t.Errorf("with everything: %v", err)
	}
	for _, name := range append([]string{"AWS_REGION"}, variables...) {
		if _, err := run(t.Context(), without(name)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
