// Package config reads what a function's environment says, once, at cold start.
// It is the only place that knows the names of the variables.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"unsend/shared/chat"
)

// The variables that template.yaml sets.
const (
	MessagesTable    = "MESSAGES_TABLE"
	CommunityTable   = "COMMUNITY_TABLE"
	SessionsTable    = "SESSIONS_TABLE"
	AuditTable       = "AUDIT_TABLE"
	CallbackURL      = "CALLBACK_URL"           // base of @connections, with the stage
	RevokeWindow     = "REVOKE_WINDOW_MS"       // -1 no limit, 0 never
	ModeratorWindow  = "MODERATOR_WINDOW_MS"    // -1 no limit, 0 never
	RetentionDays    = "MESSAGE_RETENTION_DAYS" // 0 for ever
	AuditDays        = "AUDIT_RETENTION_DAYS"   // 0 for ever
	EventBus         = "EVENT_BUS"              // a name; empty: none is told
	MaxConnections   = "MAX_CONNECTIONS_PER_ACCOUNT"
	FramesPer10S     = "FRAMES_PER_10_SECONDS" // of one account; 0 any number
	MaxSubscriptions = "MAX_SUBSCRIPTIONS_PER_CONNECTION"
	LargeServer      = "LARGE_SERVER_MEMBERS" // from so many members on a server is large; 0 none
	TokenSecrets     = "TOKEN_SECRETS"        // ARNs, separated by commas; empty where a JWKS is used
	TokenJWKSURL     = "TOKEN_JWKS_URL"       // empty where secrets are used
	TokenIssuer      = "TOKEN_ISSUER"         // empty: not checked
	TokenAudience    = "TOKEN_AUDIENCE"
	TokenMaxTTL      = "TOKEN_MAX_TTL_SECONDS"
	AllowQueryToken  = "ALLOW_QUERY_TOKEN"
	PushConcurrency  = "PUSH_CONCURRENCY"
	ServerPushBudget = "SERVER_PUSH_BUDGET_MS" // of notify
	TaskPushBudget   = "TASK_PUSH_BUDGET_MS"   // of push
	DirectPushLimit  = "DIRECT_PUSH_LIMIT"
	PushQueueURL     = "PUSH_QUEUE_URL"   // of what takes messages back: empty where there is no fast path
	PostsPerSecond   = "POSTS_PER_SECOND" // of all invocations of push together
	PushInvocations  = "PUSH_INVOCATIONS" // how many of them there are at most
	SweepQueueURL    = "SWEEP_QUEUE_URL"
	MetricsNamespace = "METRICS_NAMESPACE" // of CloudWatch; empty: no metrics
)

// logLevel is set by Lambda, from the function's LoggingConfig.
const logLevel = "AWS_LAMBDA_LOG_LEVEL"

// Environment reads variables and collects what is wrong with them, so that one
// look at the log shows everything there is to mend.
type Environment struct {
	getenv func(string) string
	errs   []error
}

// From reads with getenv, which is os.Getenv in a function.
func From(getenv func(string) string) *Environment { return &Environment{getenv: getenv} }

// Err reports every variable that was missing or malformed so far.
func (e *Environment) Err() error {
	if len(e.errs) == 0 {
		return nil
	}
	return fmt.Errorf("environment: %w", errors.Join(e.errs...))
}

// Text is a variable that must be set.
func (e *Environment) Text(name string) string {
	value := e.getenv(name)
	if value == "" {
		e.fail(name, "is not set")
	}
	return value
}

// Optional is a variable that may be empty.
func (e *Environment) Optional(name string) string { return e.getenv(name) }

// Int is a whole number within [least, most].
func (e *Environment) Int(name string, least, most int64) int64 {
	value, err := strconv.ParseInt(e.getenv(name), 10, 64)
	if err != nil || value < least || value > most {
		e.fail(name, fmt.Sprintf("must be a whole number from %d to %d", least, most))
		return least
	}
	return value
}

// Bool is "true" or "false".
func (e *Environment) Bool(name string) bool {
	switch e.getenv(name) {
	case "true":
		return true
	case "false":
		return false
	}
	e.fail(name, `must be "true" or "false"`)
	return false
}

// OptionalURL is as URL, or empty.
func (e *Environment) OptionalURL(name string) string {
	if e.getenv(name) == "" {
		return ""
	}
	return e.URL(name)
}

// List is a comma-separated list; empty parts are left out.
func (e *Environment) List(name string) []string {
	var list []string
	for part := range strings.SplitSeq(e.getenv(name), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// URL is an absolute http or https URL, without a slash at its end.
func (e *Environment) URL(name string) string {
	value := e.Text(name)
	if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		e.fail(name, "must be an http or https URL")
	}
	return strings.TrimSuffix(value, "/")
}

// Windows are the deployment's windows.
func (e *Environment) Windows() chat.Windows {
	const longest = 10 * 365 * 24 * 3600 * 1000
	own := chat.Window(e.Int(RevokeWindow, -1, longest))
	moderator := chat.Window(e.Int(ModeratorWindow, -1, longest))
	return chat.Windows{Own: &own, Moderator: &moderator}
}

// Metrics is the namespace of the function's metrics; empty: it makes none.
func (e *Environment) Metrics() string { return e.Optional(MetricsNamespace) }

// Retention is for how long messages are kept; 0 is for ever.
func (e *Environment) Retention() time.Duration { return e.days(RetentionDays) }

// AuditRetention is for how long the audit is kept; 0 is for ever.
func (e *Environment) AuditRetention() time.Duration { return e.days(AuditDays) }

func (e *Environment) days(name string) time.Duration {
	return time.Duration(e.Int(name, 0, 3650)) * 24 * time.Hour
}

// LogLevel is the least level that is logged: INFO where Lambda says nothing, or
// a level (TRACE, FATAL) that slog does not have.
func (e *Environment) LogLevel() slog.Level {
	var level slog.Level // INFO
	if err := level.UnmarshalText([]byte(e.getenv(logLevel))); err != nil {
		return slog.LevelInfo
	}
	return level
}

func (e *Environment) fail(name, why string) {
	e.errs = append(e.errs, fmt.Errorf("%s %s", name, why))
}
