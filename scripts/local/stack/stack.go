// Package stack describes one deployed Unsend, so that the command line tool and
// the e2e suite find it: the local one that scripts/dev started, or, with the
// same fields filled from the stack's outputs, one in a real account.
//
// A description holds names and addresses only. The token secret is read from
// Secrets Manager when it is used.
package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is where scripts/dev writes the description, from the repository's root.
const File = ".unsend/stack.json"

// The root credentials of a local stack, as MiniStack has them: it takes these for
// root whatever else it is told, and does not check root's signature. So they keep
// nobody out. Whoever can open a connection to the stack's port, which is every
// process on this machine, is its root, and can have it run a function as the user
// who started it. Web pages in a browser on this machine are kept out by
// requirements/launch_stack.py.
const (
	LocalAccessKey = "test"
	LocalSecretKey = "test"
)

// LocalFramesPer10Seconds is the local stack's FramesPer10Seconds: tests type faster than people.
const LocalFramesPer10Seconds = 200

// Description is a deployed stack.
type Description struct {
	Name   string `json:"name"` // of the CloudFormation stack
	Region string `json:"region"`

	// Endpoint is the base URL of every AWS service; empty for a real account,
	// where the SDK knows and the credentials are the user's own.
	Endpoint string `json:"endpoint,omitempty"`
	// PID is the process of the local stack; 0 for a real account.
	PID int `json:"pid,omitempty"`

	WebSocketURL string `json:"websocket_url"`
	// DemoURL is where the demo page of a local stack is; empty where none is served.
	DemoURL string `json:"demo_url,omitempty"`
	// ServerURL is where the Server API is, with a slash at its end; empty for a deployment that has none yet.
	ServerURL string `json:"server_url,omitempty"`

	MessagesTable  string `json:"messages_table"`
	CommunityTable string `json:"community_table"`
	SessionsTable  string `json:"sessions_table"`
	AuditTable     string `json:"audit_table"`
	StreamARN      string `json:"stream_arn"` // of the messages table
	FailureBucket  string `json:"failure_bucket"`

	// LargeServerMembers is how many members make a server a large one; 0: none is.
	LargeServerMembers int `json:"large_server_members"`

	PushQueueURL       string `json:"push_queue_url"`
	PushDeadLettersURL string `json:"push_dead_letters_url"`

	// AuditRetentionDays is how long the audit is kept; 0 is for ever.
	AuditRetentionDays int `json:"audit_retention_days"`
	// EventBus is the name of the bus that is told of messages; empty where none is.
	EventBus string `json:"event_bus,omitempty"`

	// TokenSecretARN is the secret that new tokens are signed with; empty where
	// the deployment takes its keys from a JWKS URL.
	TokenSecretARN string `json:"token_secret_arn,omitempty"`
	// NextTokenSecretARN is the other secret that is accepted, to sign with next.
	NextTokenSecretARN string `json:"next_token_secret_arn,omitempty"`
	TokenIssuer        string `json:"token_issuer,omitempty"`
	TokenAudience      string `json:"token_audience"`
	// TokenMaxTTLSeconds is the longest life of a token that is accepted.
	TokenMaxTTLSeconds int `json:"token_max_ttl_seconds"`

	// LogGroups are by the function's folder: "send", "notify".
	LogGroups map[string]string `json:"log_groups"`
}

// Local tells whether the stack runs on this machine, with the root credentials
// [LocalAccessKey] and [LocalSecretKey].
func (d Description) Local() bool { return d.Endpoint != "" }

// Load reads a description. Its errors say how to get one.
func Load(path string) (Description, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Description{}, fmt.Errorf("no stack is described in %s: start one with scripts/dev and leave it running", path)
	}
	if err != nil {
		return Description{}, fmt.Errorf("read the stack's description: %w", err)
	}
	var d Description
	if err := json.Unmarshal(data, &d); err != nil {
		return Description{}, fmt.Errorf("%s is not a stack's description (%w): start scripts/dev again, it writes a new one", path, err)
	}
	return d, nil
}

// Save writes the description for its owner's eyes only, in one step: a reader
// sees the old one or the new one, never half of it.
func (d Description) Save(path string) error {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the stack's description: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write the stack's description: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".stack-*.json") // 0600
	if err != nil {
		return fmt.Errorf("write the stack's description: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already where all went well
	_, err = temp.Write(append(data, '\n'))
	if err = errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("write the stack's description: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("write the stack's description: %w", err)
	}
	return nil
}
