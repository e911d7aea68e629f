// Package smoke checks a deployment end to end with a community that it makes for this run and deletes again: who must be told, who must
// be refused, and that nothing of a message that was taken back can be read.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/play"
	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/wait"
)

// The channels of a run's server.
const (
	room  = "lobby"
	hasty = "hasty" // its windows are hastyWindow

	hastyWindow = 100 * time.Millisecond
	moderators  = "mod" // the role that may revoke members' messages
)

// cleanupTimeout bounds what is done after the steps, whatever became of them.
const cleanupTimeout = 90 * time.Second

// Administration is what is asked of the Server API; *[serverapi.Client] has it.
type Administration interface {
	PutServer(ctx context.Context, w serverapi.Write, server string, p serverapi.ServerPolicy) (serverapi.Server, error)
	PutRole(ctx context.Context, w serverapi.Write, server, role string, p serverapi.RolePolicy) (serverapi.Role, error)
	PutChannel(ctx context.Context, w serverapi.Write, server, channel string, p serverapi.ChannelPolicy) (serverapi.Channel, error)
	PutMember(ctx context.Context, w serverapi.Write, server, account string, p serverapi.Profile) (serverapi.Member, error)
	DeleteServer(ctx context.Context, w serverapi.Write, server string) (serverapi.Job, error)
}

// Way is how a device hands its token over.
type Way int

// The ways of a token.
const (
	Header      Way = iota // Authorization: Bearer TOKEN
	SubProtocol            // the pair "bearer", TOKEN of a browser
	Forged                 // in the header, signed with another secret
)

// Options are what a run needs.
type Options struct {
	API Administration
	// Dial connects a device. The note says what could not be checked; it may be empty.
	Dial func(ctx context.Context, account, device string, way Way) (client *unsend.Client, note string, err error)
	// Unsigned asks the Server API for the server without a signature, and gives the HTTP status.
	Unsigned func(ctx context.Context, server string) (status int, err error)
	// Removed, where set, waits until the deletion of the server is done.
	Removed func(context.Context, serverapi.Job) error

	Now func() time.Time
	Run string // makes this run's ids and texts unique

	Out      io.Writer
	Colour   bool
	Patience time.Duration // longest wait for one step
	Grace    time.Duration // how long silence is listened to
}

// ErrFailed is returned when a step was not as it should be; the output says which, and what to do.
var ErrFailed = errors.New("the deployment is not as it should be: see the step marked ✗")

// run is one run.
type run struct {
	Options
	server                      string
	author, moderator, stranger string // accounts

	phone, browser, outsider *play.Device // the author's, the moderator's, the stranger's

	text   string // of the messages that are taken back
	cursor string // of the moderator's sync before anything was
	// first is taken back by its author, second by the moderator.
	first, second unsend.Message
	asked         time.Time // when the last message was sent or taken back
	taken         bool      // the server is somebody else's
}

func newRun(o Options) *run {
	id := func(name string) string { return "smoke-" + name + "-" + o.Run }
	return &run{Options: o, server: "smoke-" + o.Run, author: id("author"), moderator: id("moderator"), stranger: id("stranger"),
		text: "the smoke test's secret, run " + o.Run}
}

// Run plays the steps to their end, or to the first that is not as it should be, and deletes what it has made, also when ctx has ended.
func Run(ctx context.Context, o Options) error {
	r := newRun(o)
	err := play.Run(ctx, play.Options{Now: o.Now, Patience: o.Patience, Out: o.Out, Colour: o.Colour}, r.steps())
	if errors.Is(err, play.ErrStep) {
		err = ErrFailed
	}
	r.disconnect()
	return errors.Join(err, r.cleanUp(ctx))
}

// cleanUp deletes the server. One that could not be made, or whose answer was lost, may be there all the same.
func (r *run) cleanUp(ctx context.Context) error {
	if r.taken {
		return nil
	}
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	job, err := r.API.DeleteServer(cleaning, serverapi.Write{}, r.server)
	switch {
	case serverapi.IsStatus(err, http.StatusNotFound):
		return nil // it never was
	case err != nil:
		return fmt.Errorf("the server %s is still there: %w; delete it with: unsend server delete %s --yes", r.server, err, r.server)
	}
	if r.Removed == nil || ctx.Err() != nil {
		fmt.Fprintf(r.Out, "The server %s is deleted. Its rows go by a job, in a minute or so: unsend job show %s server %s\n", r.server, r.server, r.server)
		return nil
	}
	if err := r.Removed(ctx, job); err != nil {
		return fmt.Errorf("the server %s is deleted, its rows are not yet: %w", r.server, err)
	}
	fmt.Fprintf(r.Out, "The server %s is deleted, and its rows are.\n", r.server)
	return nil
}

func (r *run) disconnect() {
	for _, d := range []*play.Device{r.phone, r.browser, r.outsider} {
		if d != nil {
			_ = d.Client.Close() // the result stands
		}
	}
}

// make makes the community.
func (r *run) make(ctx context.Context) (string, error) {
	_, err := r.API.PutServer(ctx, serverapi.Write{New: true}, r.server, serverapi.ServerPolicy{Owner: "smoke-owner-" + r.Run})
	if err != nil {
		r.taken = serverapi.IsStatus(err, http.StatusPreconditionFailed)
		return "", err
	}
	if _, err := r.API.PutRole(ctx, serverapi.Write{}, r.server, moderators, serverapi.RolePolicy{Priority: 10, Grant: serverapi.Grant{Allow: []string{"RevokeMemberMessage"}}}); err != nil {
		return "", err
	}
	long, short := (2 * time.Minute).Milliseconds(), hastyWindow.Milliseconds()
	for channel, ms := range map[string]*int64{room: &long, hasty: &short} {
		if _, err := r.API.PutChannel(ctx, serverapi.Write{}, r.server, channel, serverapi.ChannelPolicy{ViewMode: "public", Windows: serverapi.Windows{Own: ms, Moderator: ms}}); err != nil {
			return "", err
		}
	}
	for account, roles := range map[string][]string{r.author: nil, r.moderator: {moderators}} {
		if _, err := r.API.PutMember(ctx, serverapi.Write{}, r.server, account, serverapi.Profile{Roles: roles}); err != nil {
			return "", err
		}
	}
	return "the server " + r.server, nil
}

func (r *run) connectPhone(ctx context.Context) (note string, err error) {
	r.phone, note, err = r.connect(ctx, "the author's phone", r.author, "phone", Header)
	return note, err
}

func (r *run) connectBrowser(ctx context.Context) (note string, err error) {
	r.browser, note, err = r.connect(ctx, "the moderator's browser", r.moderator, "browser", SubProtocol)
	return note, err
}

func (r *run) connect(ctx context.Context, name, account, device string, way Way) (*play.Device, string, error) {
	client, note, err := r.Dial(ctx, account, device, way)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return play.NewDevice(name, account, client, r.Now), note, nil
}

// send sends a message of this run to a channel.
func (r *run) send(ctx context.Context, d *play.Device, channel, id string) (unsend.Message, error) {
	r.asked = r.Now()
	m, err := d.Client.Send(ctx, unsend.SendRequest{ServerID: r.server, ChannelID: channel, MsgID: r.Run + "-" + id, Content: unsend.Content{Body: r.text}})
	if err != nil {
		return m, by(d, err)
	}
	return m, nil
}

// by says whose error it is, and what a deployment's limit of frames has to do with it.
func by(d *play.Device, err error) error {
	if unsend.CodeOf(err) == unsend.CodeRateLimited {
		err = fmt.Errorf("%w: FramesPer10Seconds of this deployment is too low for this test, whose accounts send eight", err)
	}
	return fmt.Errorf("%s: %w", d.Name, err)
}

// pause waits until the hasty channel's window is over for the message, by the server's times.
func (r *run) pause(ctx context.Context) error { return wait.For(ctx, 2*hastyWindow) }
