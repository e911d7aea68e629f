package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	unsend "unsend/clients/go"
	"unsend/shared/awsenv"
)

// These tests end processes of the functions, so none may run beside them.

// processes are those of the local stack in which the functions run whose names begin so, by id.
func (c *community) processes(functions ...string) (ids []int) {
	c.t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	c.must(nil, err)
	for _, folder := range folders {
		id, _ := strconv.Atoi(filepath.Base(folder))
		stat, err1 := os.ReadFile(folder + "/stat")
		environ, err2 := os.ReadFile(folder + "/environ")
		if err1 != nil || err2 != nil || parent(stat) != c.PID {
			continue // it has ended, or is somebody else's
		}
		for _, function := range functions {
			if bytes.Contains(environ, []byte("AWS_LAMBDA_FUNCTION_NAME="+c.Name+"-"+function)) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// parent is the fourth field of /proc/PID/stat; the second, a name in parentheses, may hold anything (proc(5)).
func parent(stat []byte) int {
	_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.Atoi(fields[1])
	return id
}

// roleOf are the credentials of the role of a function that is at work.
func (c *community) roleOf(function string) aws.Config {
	c.t.Helper()
	var ids []int
	eventually(c.t, "a process of "+function, func() bool { ids = c.processes(function); return len(ids) > 0 })
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", ids[0]))
	c.must(nil, err)
	cfg, err := awsenv.Config(func(name string) string {
		for _, variable := range strings.Split(string(environ), "\x00") {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	})
	c.must(nil, err)
	return cfg
}

func (c *community) kill(functions ...string) (killed int) {
	c.t.Helper()
	for _, id := range c.processes(functions...) {
		if syscall.Kill(id, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// whereProcessesEnd skips where the functions' processes are out of reach.
func whereProcessesEnd(t *testing.T) *community {
	t.Helper()
	c := localOnly(t)
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc, in which to find the functions' processes")
	}
	return c
}

// The processes of notify and push are killed again and again while they tell of a burst: every device is
// told of every revocation all the same.
func TestAFunctionKilledInTheMiddleOfABatch(t *testing.T) {
	c := whereProcessesEnd(t)
	c.join("alice")
	var devices []*device
	for i := range 8 {
		name := fmt.Sprint("member", i)
		c.join(name)
		devices = append(devices, c.connect(name, "phone"), c.connect(name, "desk"))
	}
	alice := c.connect("alice", "phone")
	var (
		killed  atomic.Int64
		over    = make(chan struct{})
		killing sync.WaitGroup
	)
	end := sync.OnceFunc(func() { close(over); killing.Wait() })
	t.Cleanup(end)
	killing.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(150 * time.Millisecond):
				killed.Add(int64(c.kill("Notify-", "Push-")))
			}
		}
	})
	var revoked []unsend.Message
	for began := time.Now(); len(revoked) < 10 || killed.Load() < 4 && time.Since(began) < patience/2; time.Sleep(20 * time.Millisecond) {
		m := alice.say("in the middle of it")
		if _, err := alice.takeBack(m, ""); err != nil {
			t.Error(err)
		}
		revoked = append(revoked, m)
	}
	end()
	if killed.Load() < 2 {
		t.Errorf("only %d processes were killed: the test shows little", killed.Load())
	}
	t.Logf("killed %d processes in a burst of %d", killed.Load(), len(revoked))
	for _, d := range devices {
		for _, m := range revoked {
			d.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
		}
	}
}

// Every function's processes end at once, in the middle of the stream, as when all of them are replaced: what was
// answered is kept, what was not is repeated by its client with the same msg_id, and everybody is told.
func TestARestartInTheMiddleOfTheStream(t *testing.T) {
	c := whereProcessesEnd(t)
	c.join("alice")
	c.join("carol")
	alice, carol := c.connect("alice", "phone"), c.connect("carol", "phone")
	var sent []unsend.Message
	for i := range 20 {
		if i%5 == 2 && c.kill("Send-", "Revoke-", "Notify-", "Push-", "Session-", "Read-") == 0 {
			t.Error("no process was killed")
		}
		id := fmt.Sprint("restart-", i)
		var m unsend.Message
		eventually(t, "an answer to "+id, func() (ok bool) {
			var err error
			m, err = alice.Send(c.ctx(), unsend.SendRequest{ServerID: c.id, ChannelID: "lobby", MsgID: id, Content: unsend.Content{Body: "text"}})
			return err == nil
		})
		sent = append(sent, m)
	}
	for i, m := range sent {
		if i%5 == 2 {
			c.kill("Send-", "Revoke-", "Notify-", "Push-", "Session-", "Read-")
		}
		eventually(t, "a revoke", func() bool { _, err := alice.takeBack(m, ""); return err == nil })
	}
	for _, m := range sent {
		carol.waitFor(unsend.EventMessageUpdated, m.MsgServerID)
	}
	messages, err := carol.page("lobby")
	if err != nil || len(messages) != len(sent) {
		t.Errorf("the history holds %d messages, want %d: %v", len(messages), len(sent), err)
	}
}
