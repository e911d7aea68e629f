package wire

import "testing"

// API Gateway's quotas of a WebSocket API: a message is at most 128 KB, a frame of one 32 KB. Which
// of the two KB is meant it does not say; the smaller is safe.
func TestFramesAreWithinTheGatewaysQuotas(t *testing.T) {
	t.Parallel()
	const message, frame = 128_000, 32 << 10
	if MaxFrame > message-message/32 {
		t.Errorf("a frame may have %d bytes, which leaves less than 3 %% of %d for what lies between", MaxFrame, message)
	}
	if MaxRequest != frame {
		t.Errorf("a request may have %d bytes, clients may send frames of %d", MaxRequest, frame)
	}
	if MaxRequest+2*pageEnvelope > MaxFrame {
		t.Errorf("what a request of %d bytes stored need not fit into a frame of %d", MaxRequest, MaxFrame)
	}
}
