// Package revocations measures, on a deployed stack, how soon a revoke is answered and its devices are told, with FastRevocations
// and without, in turns.
package revocations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/deployment"
	"unsend/shared/chat"
)

// Options are what is measured.
type Options struct {
	Audiences []int // devices that are told
	Turns     int   // how often the parameter is changed to either value
	Times     int   // revokes of each audience in a turn
}

// Parameter is what is changed.
const Parameter = "FastRevocations"

// Times are of one audience, in no order. First and Last count from the row's update time, which has whole ms, to when the client had the
// notice, Answer from the request to its answer.
type Times struct {
	Devices             int
	Fast                bool
	Answer, First, Last []time.Duration
}

const (
	// patience bounds the wait for a notice: it only ends a hang.
	patience = 30 * time.Second
	// warmUp are revokes before the measured ones of a turn: new processes start.
	warmUp = 3
	// devicesOfAnAccount is a stack's default of MaxConnectionsPerAccount.
	devicesOfAnAccount = 10
	channel            = "bench"
)

// Run measures. The parameter is to be "false", and is so afterwards. What it wrote stays in the tables.
func Run(ctx context.Context, d *deployment.Deployment, o Options, says func(string)) (results []Times, err error) {
	var (
		scenes []*scene
		fast   bool
	)
	set := func(ctx context.Context, value bool) error {
		if value == fast {
			return nil
		}
		fast = value
		return d.SetParameter(ctx, Parameter, fmt.Sprint(value))
	}
	defer func() {
		for _, s := range scenes { // those that were opened in part, too
			s.close()
		}
		err = errors.Join(err, set(context.WithoutCancel(ctx), false))
	}()
	for _, devices := range o.Audiences {
		s := &scene{server: fmt.Sprintf("bench-%d-%d", devices, time.Now().UnixMilli())}
		scenes = append(scenes, s)
		if err := s.open(ctx, d, devices); err != nil {
			return nil, fmt.Errorf("%d devices: %w", devices, err)
		}
		results = append(results, Times{Devices: devices}, Times{Devices: devices, Fast: true})
	}
	for turn := range 2 * o.Turns {
		if err := set(ctx, turn%2 == 1); err != nil {
			return nil, err
		}
		for i, s := range scenes {
			says(fmt.Sprintf("turn %d of %d, %d devices, %s=%t", turn+1, 2*o.Turns, s.size(), Parameter, fast))
			result := &results[2*i]
			if fast {
				result = &results[2*i+1]
			}
			if err := s.turn(ctx, fast, o.Times, result); err != nil {
				return nil, fmt.Errorf("%d devices, %s=%t: %w", s.size(), Parameter, fast, err)
			}
		}
	}
	return results, nil
}

// scene is a server with its devices.
type scene struct {
	server  string
	author  *unsend.Client
	devices []*device
}

func (s *scene) size() int { return len(s.devices) }

// device notes when it was told that a message was taken back.
type device struct {
	client *unsend.Client
	mu     sync.Mutex
	told   map[string][]time.Time
	more   chan struct{}
}

// open makes the server, and connects its author and its devices.
func (s *scene) open(ctx context.Context, d *deployment.Deployment, devices int) (err error) {
	account := "author-" + s.server
	if err := s.make(ctx, d, account); err != nil {
		return err
	}
	if s.author, err = s.dial(ctx, d, account, "author"); err != nil {
		return err
	}
	for i := range devices {
		account := fmt.Sprintf("reader-%d-%s", i/devicesOfAnAccount, s.server)
		if i%devicesOfAnAccount == 0 {
			if err := s.join(ctx, d, account); err != nil {
				return err
			}
		}
		client, err := s.dial(ctx, d, account, fmt.Sprint("device-", i))
		if err != nil {
			return err
		}
		one := &device{client: client, told: map[string][]time.Time{}, more: make(chan struct{}, 1)}
		s.devices = append(s.devices, one)
		go one.listen()
	}
	return nil
}

// make makes a server with a channel, owned by the account.
func (s *scene) make(ctx context.Context, d *deployment.Deployment, owner string) error {
	act := chat.Act{At: time.Now()}
	if _, err := d.Store().ChangeServer(ctx, s.server, act, func(row *chat.Server) error {
		row.OwnerID = owner
		row.Roles = []chat.Role{{ID: chat.Everyone, Grant: chat.Grant{Allow: chat.MaskOf(chat.SendMessage)}}}
		return nil
	}); err != nil {
		return err
	}
	if _, err := d.Store().ChangeChannel(ctx, s.server, channel, act, func(*chat.Channel) error { return nil }); err != nil {
		return err
	}
	return s.join(ctx, d, owner)
}

func (s *scene) join(ctx context.Context, d *deployment.Deployment, account string) error {
	communities := chat.Communities{Store: d.Store(), Clock: time.Now, LargeServer: d.LargeServerMembers}
	_, err := communities.ChangeMember(ctx, s.server, account, chat.Act{}, func(m *chat.Member) error { m.Join(time.Now()); return nil })
	return err
}

func (s *scene) dial(ctx context.Context, d *deployment.Deployment, account, device string) (*unsend.Client, error) {
	return d.Dial(ctx, unsend.Options{}, deployment.Grant{Account: account, Device: device, ClientType: chat.Web, TTL: d.LongestTTL(time.Hour)})
}

func (s *scene) close() {
	if s.author != nil {
		_ = s.author.Close()
	}
	for _, d := range s.devices {
		_ = d.client.Close()
	}
}

func (d *device) listen() {
	for n := range d.client.Notices() {
		if n.Event != unsend.EventMessageUpdated {
			continue
		}
		d.mu.Lock()
		d.told[n.Message.MsgServerID] = append(d.told[n.Message.MsgServerID], time.Now())
		d.mu.Unlock()
		select {
		case d.more <- struct{}{}:
		default:
		}
	}
}

// wait waits until it was told of the message so often, and says when it was first.
func (d *device) wait(ctx context.Context, id string, times int) (time.Time, error) {
	for {
		d.mu.Lock()
		told := d.told[id]
		d.mu.Unlock()
		if len(told) >= times {
			return told[0], nil
		}
		select {
		case <-d.more:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("told %d times, want %d: %w", len(told), times, ctx.Err())
		}
	}
}

// turn revokes some messages, one after the other: the next when everybody was told of the last by all ways.
func (s *scene) turn(ctx context.Context, fast bool, times int, result *Times) error {
	ways := 1
	if fast {
		ways = 2
	}
	for i := range warmUp + times {
		one, err := s.revoke(ctx, ways)
		if err != nil {
			return err
		}
		if i >= warmUp {
			result.Answer = append(result.Answer, one.answer)
			result.First, result.Last = append(result.First, one.first), append(result.Last, one.last)
		}
	}
	return nil
}

type measured struct{ answer, first, last time.Duration }

func (s *scene) revoke(ctx context.Context, ways int) (m measured, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sent, err := s.author.Send(ctx, unsend.SendRequest{ServerID: s.server, ChannelID: channel, Content: unsend.Content{Body: "the code is 4711"}})
	if err != nil {
		return m, err
	}
	began := time.Now()
	gone, err := s.author.Revoke(ctx, unsend.RevokeRequest{MessageKey: sent.MessageKey})
	if err != nil {
		return m, err
	}
	m.answer = time.Since(began)
	written := time.UnixMilli(gone.UpdateTimestamp)
	var told []time.Duration
	for _, d := range s.devices {
		at, err := d.wait(ctx, sent.MsgServerID, ways)
		if err != nil {
			return m, err
		}
		told = append(told, at.Sub(written))
	}
	m.first, m.last = slices.Min(told), slices.Max(told)
	return m, nil
}
