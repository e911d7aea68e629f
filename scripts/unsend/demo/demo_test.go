package demo_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/demo"
	"unsend/scripts/unsend/inprocess"
	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
)

func deployment(t *testing.T) *inprocess.Deployment {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "sample.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := seed.Parse("sample.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return inprocess.Start(t, f)
}

func options(d *inprocess.Deployment, out *bytes.Buffer) demo.Options {
	return demo.Options{
		Dial: d.Dial, Now: time.Now, Run: "run1", Out: out,
		Patience: 2 * time.Second, Grace: 50 * time.Millisecond,
		Row: func(ctx context.Context, key unsend.MessageKey) ([]string, error) {
			rows, err := d.Store.Messages(ctx, []chat.MessageKey{chat.MessageKey(key)})
			if err != nil || len(rows) == 0 {
				return nil, err
			}
			return []string{rows[0].Content.Body, rows[0].MsgServerID}, nil
		},
	}
}

func TestDemoOnASoundDeployment(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := demo.Run(t.Context(), options(deployment(t), &out)); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if n := strings.Count(out.String(), "✓"); n != 15 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%d steps:\n%s", n, &out)
	}
	t.Logf("\n%s", &out)
}

// A demo that cannot fail shows nothing: each fault of a deployment must be found, in
// the step that is about it.
func TestDemoFindsFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		distort func(account string, frame []byte) []byte
		options func(*demo.Options)
		says    string
	}{
		{"a notice lost", func(account string, frame []byte) []byte {
			if account == "carol" && bytes.Contains(frame, []byte("message_updated")) {
				return nil
			}
			return frame
		}, nil, "carol was not told"},
		{"a text in an update notice", func(_ string, frame []byte) []byte {
			return bytes.Replace(frame, []byte(`"status":1`), []byte(`"status":1,"msg_ext":"the harbour gate code, run run1"`), 1)
		}, nil, "still holds its content"},
		{"the wrong operator", func(_ string, frame []byte) []byte {
			return bytes.Replace(frame, []byte(`"operator_id":"bob"`), []byte(`"operator_id":"alice"`), 1)
		}, nil, "operator is not bob"},
		{"a text in the table", nil, func(o *demo.Options) {
			o.Row = func(context.Context, unsend.MessageKey) ([]string, error) {
				return []string{"{the harbour gate code, run run1}"}, nil
			}
		}, "row still holds the text"},
		{"a row that is not there", nil, func(o *demo.Options) {
			o.Row = func(context.Context, unsend.MessageKey) ([]string, error) { return nil, nil }
		}, "no row"},
		{"a device that is not there", nil, func(o *demo.Options) {
			dial := o.Dial
			o.Dial = func(ctx context.Context, account, device string, clientType int) (*unsend.Client, error) {
				if account == "mallory" {
					return nil, errors.New("refused")
				}
				return dial(ctx, account, device, clientType)
			}
		}, "mallory: refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := deployment(t)
			d.Distort = test.distort
			var out bytes.Buffer
			o := options(d, &out)
			o.Patience = time.Second
			if test.options != nil {
				test.options(&o)
			}
			err := demo.Run(t.Context(), o)
			if !errors.Is(err, demo.ErrFailed) || !strings.Contains(out.String(), test.says) || !strings.Contains(out.String(), "✗") {
				t.Errorf("got %v, want %q in\n%s", err, test.says, &out)
			}
		})
	}
}

// A device that is told of its own act, or of what it may not see, is found at the end.
func TestDemoFindsWhatShouldNotBeHeard(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, from, what, to, says string }{
		{"a private channel's message", "alice", "surprise for carol", "carol", "carol was told what it should not: message in #crew-room by bob"},
		{"the operator's own revoke", "carol", `"postscript":"wrong room"`, "bob", "bob's desk was told what it should not: message_updated in #general by alice"},
		{"a server's message elsewhere", "bob", "run run1", "eve", "eve was told what it should not: message in #general by alice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := deployment(t)
			leaked := make(chan []byte, 1)
			d.Distort = func(account string, frame []byte) []byte {
				switch {
				case account == test.from && bytes.Contains(frame, []byte(test.what)):
					select {
					case leaked <- bytes.Clone(frame):
					default: // one is enough
					}
				case account == test.to:
					select {
					case other := <-leaked:
						return join(frame, other)
					default:
					}
				}
				return frame
			}
			var out bytes.Buffer
			err := demo.Run(t.Context(), options(d, &out))
			if !errors.Is(err, demo.ErrFailed) || !strings.Contains(out.String(), test.says) {
				t.Errorf("got %v, want %q in\n%s", err, test.says, &out)
			}
		})
	}
}

// join makes one frame of the notices of two.
func join(a, b []byte) []byte {
	const opening, closing = `{"type":"notices","notices":[`, `]}`
	first, second := strings.TrimSuffix(string(a), closing), strings.TrimPrefix(string(b), opening)
	return []byte(first + "," + second)
}
