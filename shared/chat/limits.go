package chat

import "time"

// Limits of what a request may hold. Over a length limit the answer is
// [TooLong]; a malformed value is [Invalid].
const (
	MaxIDBytes     = 64 // server, channel, account, device, message and request ids
	MaxRoleIDBytes = 20

	MaxBodyChars        = 5_000
	MaxBodyBytes        = 16 << 10
	MaxAttachBytes      = 8 << 10
	MaxExtBytes         = 1 << 10
	MaxMentions         = 100 // accounts and roles together
	MaxPostscriptChars  = 512
	MaxExtensionBytes   = 1 << 10
	MaxPushContentChars = 512
	MaxPushPayloadBytes = 1 << 10

	MaxMessagesPerFrame = 100 // to revoke

	MaxHistoryPage     = 100
	DefaultHistoryPage = 50

	// MaxTimestamp bounds the times that a request may name: 15 decimal digits,
	// the width of a time inside a key.
	MaxTimestamp = 999_999_999_999_999
)

// Limits of a community: QChat's.
const (
	MaxRolesPerServer    = 20 // custom roles; everyone comes on top
	MaxChannelsPerServer = 100
	MaxServersPerAccount = 100
	MaxRolesPerList      = 20
	MaxMembersPerList    = 1_000
	MaxNickBytes         = 64
	MaxPriority          = 1<<31 - 1 // of a role; the lowest
)

// SweepWorkers is how many work on jobs at a time: the fewest that a queue's mapping can have (Lambda developer guide, "Configuring
// scaling behavior for SQS event source mappings").
const SweepWorkers = 2

// SweepUnitsPerSecond is the pace of each of the SweepWorkers, in DynamoDB's write units: all of them together leave a fifth of what
// DynamoDB gives a partition (1,000 a second; developer guide, "Burst and adaptive capacity") to those who talk in the channel. A
// revocation costs its row and an entry of the index of updates, two units at least: at most 200 a second. The entry has up to
// 8 KB with the longest texts, in one of 4 partitions by its id: 2 x 200 x 8 / 4 = 800 units a second in each at most.
const SweepUnitsPerSecond = 400

// Times that do not vary between deployments.
const (
	// DedupTTL is how long a resend with the same MsgID is recognized.
	DedupTTL = 24 * time.Hour

	// ConnectionTTL outlives every connection: API Gateway ends one after 2 h.
	ConnectionTTL = 2*time.Hour + 15*time.Minute

	// ChangeTTL keeps change rows for longer than any connection they concern.
	ChangeTTL = 3 * time.Hour

	// WriteTimeout bounds every write that takes its time from the clock, so
	// that a reader who goes back further than this has seen it.
	WriteTimeout = 5 * time.Second

	// ChangeOverlap is how far before a proof changes are read again: clock
	// skew between functions, plus WriteTimeout.
	ChangeOverlap = 10 * time.Second

	// RightsMaxAge + PostTimeout <= 2 s, the promise: two seconds after a ban
	// was answered no frame reaches that account. A post starts only on rights
	// read at most RightsMaxAge ago, and has ended PostTimeout after its start.
	RightsMaxAge = time.Second
	PostTimeout  = time.Second

	// FrameWindow is what the frames of an account are counted in.
	FrameWindow = 10 * time.Second
	// CountGrace is how much later than what a frame reads its count may come. So much older the rights are that were read, when what
	// the frame asks for is done.
	CountGrace = 250 * time.Millisecond

	// MessageNoticeMaxAge is when a notice of a new message is no longer worth pushing: history has it. It is more than twice as long as the
	// push queue hides a task at which its invocation died, so that neither one death nor a second keeps a message from who is online. A
	// revocation is never too old.
	MessageNoticeMaxAge = 15 * time.Minute

	// SyncOverlap is how far a cursor of sync lies before its answer. It is more
	// than an index lags behind its table, a write takes, and clocks differ, together: what was on its
	// way then is found by the next sync, and what was found already once more.
	SyncOverlap = time.Minute

	// PostableAfter is how long a connection may answer 410 because its
	// $connect has not returned yet (API Gateway: 29 s).
	PostableAfter = 30 * time.Second
)
