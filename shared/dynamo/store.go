// Package dynamo keeps what chat stores in four DynamoDB tables.
//
// # Keys
//
// Parts of a key are joined by '#', which no id can hold; a key is never built
// of an id that does. Times in keys are ms of 15 digits, so that their order as
// text is their order in time.
//
//	Messages   server#channel                | time#message            a message
//	Community  server#S                      | policy                  a server's policy
//	           server#S                      | channel#C               a channel's policy
//	           server#S                      | members                 how many members
//	           members#S                     | account                 a member
//	           account#A                     | server                  one of an account's servers
//	           personal#S#C                  | account                 what a channel holds for one account
//	           lists#S#C                     | account                 the same account's list entries, while it has any
//	           changes#S                     | time#kind[#id]          who may see more or less since then
//	           counts#S                      | channels                how many channels
//	           counts#S                      | lists#C                 how many accounts on a channel's lists
//	           counts#S                      | sweeping#A              the sweep that an account began last in its own name
//	           memberships#A                 | count                   how many servers an account is in
//	           gone#S                        | role#R                  a role that is no more
//	           gone#S                        | channel#C               a channel that was deleted
//	           gone#S                        | server                  the server itself was
//	           jobs#S                        | kind#id                 a sweep, or the removal of what was deleted
//	Sessions   account#A                     | connection              a connection, as its account has it
//	           server#S                      | connection              the same, as a server's audience has it
//	           channel#S#C#shard             | connection              the same, as a channel's subscribers have it
//	           subscriptions#A               | connection              what it is subscribed to
//	           sent#A#S#C#msg_id             | marker                  which message a client's id stored
//	           frames#A                      | window                  how many frames an account has had
//	Audit      server#S                      | time#channel#sent#msg   who took a message back, by the time of it
//	           server#S                      | time#policy#C#A#version who changed a row: the channel C's, the member A's, what C holds for A, or the server's
//
// One file holds an entity's keys, attribute names and mapping. Rows that end
// carry ttl, in seconds; no decision trusts the table to have removed them.
// (A job that has ended counts for as long as it is there, which is longer than it was promised.)
//
// # Consistency
//
// Every read is strongly consistent, and no index takes part in one. What one
// operation writes in several rows it writes in one transaction, but for the
// rows of connections, which are hints.
//
// # Errors
//
// Refusals and [chat.Busy] are *chat.Error. Busy is what throttling, conflicts that
// outlast the attempts, time limits and a failing network become. No error holds an item or
// wraps an SDK exception that does: a failed condition's exception carries the row, text and all.
package dynamo

import (
	"context"
	"math/rand/v2"
	"time"

	"unsend/shared/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Tables are the names of the tables.
type Tables struct {
	Messages, Community, Sessions, Audit string
}

// Options change how a store waits and how much it does at a time. The zero
// value has the defaults.
type Options struct {
	// Attempts bounds how often what lost a race or was left unprocessed is
	// tried, the first time included; 10 where it is 0. Throttled requests are
	// retried by the client before that counts.
	Attempts int
	// Concurrency bounds the requests of one operation under way at a time; 8 where it is 0.
	Concurrency int
	// Sleep waits for d or until ctx ends, and then returns its error.
	Sleep func(ctx context.Context, d time.Duration) error
	// Rand gives a number in [0, 1), for jitter.
	Rand func() float64
}

// Store is a chat.Store. It holds no state of its own and is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	tables  Tables
	options Options
}

var _ chat.Store = (*Store)(nil)

// New makes a store of the tables.
func New(client *dynamodb.Client, tables Tables, options Options) *Store {
	if options.Attempts == 0 {
		options.Attempts = 10
	}
	if options.Concurrency == 0 {
		options.Concurrency = 8
	}
	if options.Sleep == nil {
		options.Sleep = sleep
	}
	if options.Rand == nil {
		options.Rand = rand.Float64
	}
	return &Store{client: client, tables: tables, options: options}
}

// NewClient makes the client that a Store takes; see package awsenv for cfg.
func NewClient(cfg aws.Config, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, options...)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
