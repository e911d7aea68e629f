package chat

// Who is an account with the client that it acted with: an [Actor] as it is kept and told
// elsewhere, without what belongs to the moment.
type Who struct {
	AccountID  string
	DeviceID   string // as the client named it; empty for none
	ClientType ClientType
}

// who leaves the nickname out, and the stand-in for a device that has no name.
func (a Actor) who() Who { return Who{a.AccountID, a.DeviceID(), a.ClientType} }

// Door is how an operator came in.
type Door string

// The doors.
const (
	WebSocketDoor Door = "websocket"
	APIDoor       Door = "api"
)

// door: a back end acts as REST and without a device. A connection always has one, named or not, so
// that a client which calls itself REST is still told apart.
func (a Actor) door() Door {
	if a.ClientType == REST && a.Device == "" {
		return APIDoor
	}
	return WebSocketDoor
}

// AuditEntry is who took which message back, when, from whom and why. It holds nothing of
// what the message said.
type AuditEntry struct {
	MessageKey
	Version   int64
	RevokedAt int64 // ms
	Operator  Who
	Door      Door
	AuthorID  string
	Reason    string // the operator's postscript
	ExpiresAt int64  // s since the epoch; 0 never
}

// ExpiredAt tells whether the entry counts as gone at the time (ms).
func (e AuditEntry) ExpiredAt(ms int64) bool { return e.ExpiresAt != 0 && e.ExpiresAt <= ms/1000 }

// Ref is the entry's place in its server's audit.
func (e AuditEntry) Ref() UpdateRef {
	return e.MessageKey.RefAt(e.RevokedAt)
}
