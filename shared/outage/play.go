package outage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/dynamo"
	"unsend/shared/dynamo/dynamotest"
	"unsend/shared/edge"
	"unsend/shared/edge/edgetest"
)

// keySetPath is where the cloud has the public keys.
const keySetPath = "/keys.json"

// Scene is one invocation that is to meet an outage.
type Scene struct {
	// Invoke has the function handle its event, and says what it answered, as [Answer] does.
	Invoke func(context.Context) string
	// Again is what happens when the dependency is back, where that is not Invoke: it must go well.
	Again func(context.Context) string
	// Check looks, after that, whether all is as if nothing had been.
	Check func()
}

// Case is one line of the table, played for one call and one kind of outage.
type Case struct {
	*testing.T
	Line
	Call  string
	Kind  Kind
	Cloud *Cloud
	// ID is this case's own, to make servers and accounts with.
	ID string
	// Store reads and writes without the cloud.
	Store *dynamo.Store
	model *model
	// Env is the function's environment, to be changed before the function is made.
	Env map[string]string
}

// Getenv is for the function's run.
func (c *Case) Getenv(name string) string { return c.Env[name] }

// Play plays the function's lines: each call of each line with each kind of outage that it can meet. It makes the function anew for each,
// with run, and prepare says what happens to it then. It must be called from a test that is not parallel. The environment must name
// an endpoint: see [dynamotest.Client].
//
// What is checked of a case: that the call was made and met the outage; that the answer and the line in the log, and so the
// alarm, are the table's; that it was answered in time; that nothing is lost, as the same again goes well, and the scene's Check.
func Play[H any](t *testing.T, function string, run func(context.Context, func(string) string) (H, error), prepare func(*Case, H) Scene) {
	t.Helper()
	p := newPlayer(t)
	for _, line := range LinesOf(function) {
		for _, call := range line.Calls {
			for _, kind := range kinds(line, call) {
				if !*all && !usual(line, call, kind) {
					continue
				}
				t.Run(strings.Join([]string{line.Name(), call, string(kind)}, "/"), func(t *testing.T) {
					t.Parallel()
					c := p.newCase(t, line, call, kind)
					handler, err := run(t.Context(), c.Getenv)
					if err != nil {
						t.Fatal(err)
					}
					p.play(c, prepare(c, handler))
				})
			}
		}
	}
}

var all = flag.Bool("outages.all", false, "each call with each kind of outage; else the first of a line so, and the others throttled and forbidden")

// usual: the call is tried so in each run of the tests.
func usual(l Line, call string, kind Kind) bool {
	return kind == Throttled || kind == Forbidden || kind == Flooded ||
		call == l.Calls[0] && slices.Contains([]Kind{Hanging, Lost, LostOnce, Unprocessed, Crowded}, kind)
}

// player is what the cases of a function share.
type player struct {
	client   *dynamodb.Client
	tables   dynamo.Tables
	services services
	model    *model
	log      *output
}

func newPlayer(t *testing.T) *player {
	t.Helper()
	client := dynamotest.Client(t)
	p := &player{client: client, tables: dynamotest.Tables(t, client), services: newServices(t), log: captureLog(t)}
	p.model = newModel(t, client, p.tables)
	return p
}

func (p *player) newCase(t *testing.T, line Line, call string, kind Kind) *Case {
	t.Helper()
	c := &Case{T: t, Line: line, Call: call, Kind: kind, ID: strings.ToLower(rand.Text()[:12]), Store: dynamo.New(p.client, p.tables, dynamo.Options{}), model: p.model}
	c.Cloud = newCloud(t, os.Getenv(dynamotest.EndpointVariable), p.tables, p.services.queues(), p.services.keySet)
	c.Env = edgetest.Environment()
	for name, value := range map[string]string{
		config.MessagesTable: p.tables.Messages, config.CommunityTable: p.tables.Community, config.SessionsTable: p.tables.Sessions, config.AuditTable: p.tables.Audit,
		config.PushQueueURL: p.services.push, config.SweepQueueURL: p.services.sweep, config.EventBus: p.services.bus,
		config.TokenSecrets: strings.Join(p.services.secrets, ","), config.CallbackURL: c.Cloud.URL + "/live", config.FramesPer10S: "1000",
		awsenv.Endpoint: c.Cloud.URL, awsenv.Region: region, awsenv.AccessKeyID: accessKey, awsenv.SecretKey: accessKey, awsenv.SessionToken: "",
	} {
		c.Env[name] = value
	}
	return c
}

// play is one case.
func (p *player) play(c *Case, s Scene) {
	c.Helper()
	want := c.want()
	var (
		got  string
		line map[string]any
	)
	endings := 0
	for range tries {
		var ended bool
		if got, line, ended = p.meet(c, s); ended {
			endings++
		}
		if !ended && (got == want.Is && c.allows(want, logged(line)) || !isBusy(line)) {
			break
		}
	}
	if endings > 1 { // the machine may have stood still once
		c.Errorf("Lambda has ended the function %d times before it answered", endings)
	}
	if code := logged(line); got != want.Is || !c.allows(want, code) {
		c.Errorf("answered %s and logged %d, want %s and %d: %v", got, code, want.Is, want.Logged, line["error"])
	}
	if text := fmt.Sprint(line); strings.Contains(text, Secret) {
		c.Errorf("what a message said is in the log: %s", text)
	}
	edgetest.CheckLine(c.T, line)
	p.again(c, s)
	if s.Check != nil {
		s.Check()
	}
}

// isBusy tells whether a line, or one of the several reasons that it has, is that something was busy.
func isBusy(line map[string]any) bool {
	return logged(line) == chat.Busy || strings.Contains(fmt.Sprint(line["error"]), (&chat.Error{Code: chat.Busy}).Error())
}

// tries is how often something is done that a machine which is busy may keep from going as it should: what it answers then is
// busy, which is logged as that. What is wrong is wrong each time.
const tries = 8

// meet invokes the function until it meets the outage, and gives what it answered and logged then, and whether Lambda had ended it before.
func (p *player) meet(c *Case, s Scene) (got string, line map[string]any, ended bool) {
	c.Helper()
	c.Cloud.spoil(c.On, c.Call, c.Kind)
	met := false
	for range tries {
		requestID := rand.Text()
		ctx, cancel := c.invocation(requestID, c.Kind == Hanging)
		got = s.Invoke(ctx)
		ended = ended || isBatch(c.Function) && ctx.Err() != nil
		cancel()
		line = p.log.line(c.T, requestID)
		if met = c.Cloud.met(); met {
			break
		}
	}
	if c.Cloud.mend(); !met {
		c.Errorf("nothing asked for it")
	}
	return got, line, ended
}

// again: the dependency is back, and whoever was told that it is busy repeats.
func (p *player) again(c *Case, s Scene) {
	c.Helper()
	again := s.Again
	if again == nil {
		again = s.Invoke
	}
	var got string
	for range tries {
		ctx, cancel := c.invocation(rand.Text(), false)
		got = again(ctx)
		if cancel(); got == well(c.Function) {
			return
		}
	}
	c.Errorf("again: %s, want %s", got, well(c.Function))
}

// want is what the table says of the case.
func (c *Case) want() Answer {
	if c.Kind.blips() {
		return Answer{Is: well(c.Function), Logged: chat.OK}
	}
	return c.Answer(c.Kind)
}

// allows tells whether the log may have the code. Rights that took notify or push a second to read are too old, which is logged as busy.
func (c *Case) allows(want Answer, code chat.Code) bool {
	tells := c.Function == "notify" || c.Function == "push"
	return code == want.Logged || tells && want.Logged == chat.OK && code == chat.Busy
}

// logged is the code of a line.
func logged(line map[string]any) chat.Code { return chat.Code(number(line["code"])) }

// invocation is the context of one: with a time that is short where a dependency hangs, and else only ends a test that does.
func (c *Case) invocation(requestID string, hangs bool) (context.Context, context.CancelFunc) {
	ctx := lambdacontext.NewContext(c.Context(), &lambdacontext.LambdaContext{AwsRequestID: requestID})
	limit := time.Minute
	if hangs {
		limit = edge.FrameTimeout + reserves[c.Function]
	}
	return context.WithTimeout(ctx, limit)
}

// reserves are what functions keep of their time, to answer and to hand over what is left: see packages edge and chat. (Push keeps 2 s more, and
// so has 2 s here to work.)
var reserves = map[string]time.Duration{
	"notify": 2 * time.Second, "record": 2 * time.Second, "sweep": 2 * time.Second, "push": 5 * time.Second,
}

// isBatch: nobody waits for the function's answer but Lambda.
func isBatch(function string) bool { return reserves[function] > 0 }

func number(value any) float64 { n, _ := value.(float64); return n }

// output is what functions have written to standard output.
type output struct {
	path string
	mu   sync.Mutex
	read int
	all  map[string]map[string]any // by request id
}

// captureLog has standard output kept, of functions that are made from now until the test ends.
func captureLog(t *testing.T) *output {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	former := os.Stdout
	os.Stdout = file
	t.Cleanup(func() {
		os.Stdout = former
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	return &output{path: file.Name(), all: map[string]map[string]any{}}
}

// lines are all so far.
func (l *output) lines(t *testing.T) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole <= l.read { // another test has read on
		return l.all
	}
	for line := range bytes.Lines(text[l.read:whole]) {
		var parsed map[string]any
		if json.Unmarshal(line, &parsed) == nil {
			id, _ := parsed["request"].(string)
			l.all[id] = parsed
		}
	}
	l.read = whole
	return l.all
}

func (l *output) line(t *testing.T, requestID string) map[string]any {
	t.Helper()
	all := l.lines(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	line := all[requestID]
	if line == nil {
		t.Fatalf("the invocation %s is not in the log", requestID)
	}
	return line
}
