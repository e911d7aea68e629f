package form

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// maxDelay is what SQS takes (SQS developer guide, "Message quotas").
const maxDelay = 15 * time.Minute

// Group is the message's group, which has a standard queue share its deliveries fairly: a server with many tasks does not hold up the others' (SQS
// developer guide, "Amazon SQS fair queues"). An id may hold more than a group's name.
func Group(serverID string) string {
	sum := sha256.Sum256([]byte(serverID))
	return hex.EncodeToString(sum[:8])
}

// Seconds rounds up, within what SQS takes.
func Seconds(d time.Duration) int32 {
	return int32((min(d, maxDelay) + time.Second - 1) / time.Second)
}
