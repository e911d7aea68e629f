package edge

import (
	"crypto/rand"
	"time"

	"github.com/oklog/ulid/v2"
)

// NewMessageID makes a message's id: a ULID of the time, whose random part the system's generator fills. It does not fail.
func NewMessageID(at time.Time) string { return ulid.MustNew(ulid.Timestamp(at), rand.Reader).String() }
