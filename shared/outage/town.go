package outage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"

	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/edge"
	"unsend/shared/gateway"
	"unsend/shared/queue"
	"unsend/shared/queue/form"
	"unsend/shared/wire"
)

// Channel is one of each case's server.
const Channel = "c1"

// ServerID, Alice and Bob are the case's own: alice is a member of the server, bob one who may revoke there.
func (c *Case) ServerID() string { return "s-" + c.ID }
func (c *Case) Alice() string    { return "alice-" + c.ID }
func (c *Case) Bob() string      { return "bob-" + c.ID }

// Must ends the test on an error; its first argument is a result that does not matter.
func (c *Case) Must(_ any, err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// Prepared repeats a write of a preparation while the endpoint is busy, as on a machine that is.
func (c *Case) Prepared(write func() error) {
	c.Helper()
	for range tries {
		if err := write(); chat.CodeOf(err) != chat.Busy {
			c.Must(nil, err)
			return
		}
	}
	c.Fatal("the endpoint has no time for the preparation")
}

// Act is one of the back end's at the time.
func (c *Case) Act(action chat.Action, at time.Time) chat.Act {
	return chat.Act{At: at, Action: action, Door: chat.APIDoor}
}

// Found makes the case's server, with a channel, alice and bob: as copies of rows that the store has written once, since there are hundreds of cases.
func (c *Case) Found() {
	c.Helper()
	c.Prepared(func() error { return c.model.copyFor(c.Context(), c.ID) })
}

// Secret is what messages of these tests say: no log may.
const Secret = "SECRET"

// Send stores a message of alice's, sent so long ago.
func (c *Case) Send(id string, age time.Duration) chat.Message {
	c.Helper()
	now := time.Now().Add(-age)
	var sent chat.Sent
	c.Prepared(func() (err error) {
		sent, err = c.Store.PutMessage(c.Context(), chat.Message{
			MessageKey: chat.MessageKey{ServerID: c.ServerID(), ChannelID: Channel, Timestamp: now.UnixMilli(), MsgServerID: id + "-" + c.ID},
			MsgID:      id, From: chat.Actor{AccountID: c.Alice(), Device: "phone"}, Version: 1, UpdatedAt: now.UnixMilli(), Content: chat.Content{Body: Secret},
		}, now)
		return err
	})
	return sent.Message
}

// Revoke takes a message of alice's back.
func (c *Case) Revoke(m chat.Message) {
	c.Helper()
	c.Prepared(func() error {
		_, err := c.Store.RevokeMessage(c.Context(), chat.RevokeWrite{Key: m.MessageKey, Now: time.Now(),
			Revocation: chat.Revocation{Operator: chat.Actor{AccountID: c.Alice(), Device: "phone"}}})
		return err
	})
}

// Messages are the rows of the case's channel.
func (c *Case) Messages() []chat.Message {
	c.Helper()
	page, err := c.Store.History(c.Context(), chat.HistoryQuery{ServerID: c.ServerID(), ChannelID: Channel, Limit: 100, Now: time.Now()})
	c.Must(page, err)
	return page.Messages
}

// Sessions keeps who is connected, without the outage.
func (c *Case) Sessions() *chat.Sessions {
	return &chat.Sessions{Store: c.Store, Gateway: c.Gateway(), Clock: time.Now, MaxConnections: 10}
}

// Gateway is that of the cloud's connections.
func (c *Case) Gateway() *gateway.Gateway { return gateway.New(c.signing(), c.Cloud.URL+"/live") }

func (c *Case) signing() aws.Config {
	return aws.Config{Region: region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: accessKey}, nil
	})}
}

// Connection is one of a device that began so long ago.
func (c *Case) Connection(account, device string, age time.Duration) chat.Connection {
	return chat.Connection{
		ID: device + age.String() + "-" + c.ID + "=", AccountID: account, DeviceID: device, ClientType: chat.Web,
		ConnectedAt: time.Now().Add(-age).UnixMilli(), TokenExpiresAt: time.Now().Add(time.Hour).UnixMilli(),
	}
}

// Connect has the device connected.
func (c *Case) Connect(connection chat.Connection) chat.Connection {
	c.Helper()
	c.Cloud.Open(connection.ID)
	c.Prepared(func() error { return c.Sessions().Connect(c.Context(), connection) })
	return connection
}

// Rows are the connections that the account's rows, and those of the server's audience, name.
func (c *Case) Rows(account string) (own, audience []string) {
	c.Helper()
	connections, err := c.Store.Connections(c.Context(), account, 0)
	c.Must(connections, err)
	for _, connection := range connections {
		own = append(own, connection.ID)
	}
	page, err := c.Store.Audience(c.Context(), chat.Crowd{ServerID: c.ServerID()}, "", 100, 0)
	c.Must(page, err)
	for _, row := range page.Rows {
		if row.Connection.AccountID == account {
			audience = append(audience, row.Connection.ID)
		}
	}
	return own, audience
}

// OnlyConnected checks that exactly these are connected of the account.
func (c *Case) OnlyConnected(account string, ids ...string) {
	c.Helper()
	own, audience := c.Rows(account)
	slices.Sort(ids)
	for _, rows := range [][]string{own, audience} {
		if slices.Sort(rows); !slices.Equal(rows, ids) {
			c.Errorf("%s has the connections %v, and in the audience %v; want %v", account, own, audience, ids)
		}
	}
}

// Frame is a connection's event of the WebSocket API. The members of the body come in pairs, of a name and a value.
func (c *Case) Frame(connection chat.Connection, route string, members ...any) events.APIGatewayWebsocketProxyRequest {
	c.Helper()
	body := map[string]any{"action": route, "request_id": "1"}
	for i := 0; i < len(members); i += 2 {
		body[members[i].(string)] = members[i+1]
	}
	text, err := json.Marshal(body)
	c.Must(text, err)
	event := events.APIGatewayWebsocketProxyRequest{Body: string(text)}
	event.RequestContext.RouteKey, event.RequestContext.RequestID = route, "of the gateway"
	event.RequestContext.ConnectionID, event.RequestContext.ConnectedAt = connection.ID, connection.ConnectedAt
	event.RequestContext.Authorizer = edge.Authorized(connection)
	return event
}

// Answered is the code of a frame's answer, with the code of each part that has one of its own; and the answer.
func (c *Case) Answered(response events.APIGatewayProxyResponse, err error) (code string, answer map[string]any) {
	c.Helper()
	c.Must(nil, err)
	if jsonErr := json.Unmarshal([]byte(response.Body), &answer); jsonErr != nil || response.StatusCode != http.StatusOK {
		c.Fatalf("%v in %d %s", jsonErr, response.StatusCode, response.Body)
	}
	if retryable, refused := answer["retryable"].(bool); refused && retryable != chat.Code(number(answer["res_code"])).Retryable() {
		c.Errorf("retryable is %t in %s", retryable, response.Body)
	}
	return strconv.Itoa(int(number(answer["res_code"]))), answer
}

// PreparedBy is the answer to a frame of the preparation, which is sent until it is answered by 200.
func (c *Case) PreparedBy(h edge.Handler, event events.APIGatewayWebsocketProxyRequest) (answer map[string]any) {
	c.Helper()
	c.Prepared(func() error {
		var code string
		if code, answer = c.Answered(h(c.Context(), event)); code == "200" {
			return nil
		}
		return &chat.Error{Code: chat.Code(number(answer["res_code"])), Reason: "the frame of the preparation"}
	})
	return answer
}

// Parts is the code of an answer in parts, which are its results: the answer's own where all of them have that.
func Parts(code string, results any) string {
	list, _ := results.([]any)
	if len(list) == 0 {
		return code
	}
	var codes []string
	for _, each := range list {
		codes = append(codes, strconv.Itoa(int(number(each.(map[string]any)["res_code"]))))
	}
	if codes = slices.Compact(codes); len(codes) == 1 && codes[0] == code {
		return code
	}
	return code + " with " + strings.Join(codes, ", ") + " each"
}

// Streamed is the stream's event of what happened to messages, whose sequence numbers are 1, 2 and so on.
func Streamed(records ...chat.Stored) events.DynamoDBEvent {
	var event events.DynamoDBEvent
	for i, record := range records {
		event.Records = append(event.Records, events.DynamoDBEventRecord{EventName: record.Kind.Name(), Change: events.DynamoDBStreamRecord{
			SequenceNumber: strconv.Itoa(i + 1),
			Keys: map[string]events.DynamoDBAttributeValue{
				"pk": events.NewStringAttribute(record.Key.ServerID + "#" + record.Key.ChannelID),
				"sk": events.NewStringAttribute(fmt.Sprintf("%015d#%s", record.Key.Timestamp, record.Key.MsgServerID)),
			},
		}})
	}
	return event
}

// Queued is the event of a queue's messages, whose ids are 1, 2 and so on.
func Queued(bodies ...string) events.SQSEvent {
	var event events.SQSEvent
	for i, body := range bodies {
		event.Records = append(event.Records, events.SQSMessage{MessageId: strconv.Itoa(i + 1), Body: body})
	}
	return event
}

// AfterStream is what became of a stream's batch of n records.
func (c *Case) AfterStream(n int, response events.DynamoDBEventResponse, err error) string {
	c.Helper()
	var ids []string
	for _, failure := range response.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return c.after(n, ids, err)
}

// AfterQueue is what became of a queue's batch of n messages.
func (c *Case) AfterQueue(n int, response events.SQSEventResponse, err error) string {
	c.Helper()
	var ids []string
	for _, failure := range response.BatchItemFailures {
		ids = append(ids, failure.ItemIdentifier)
	}
	return c.after(n, ids, err)
}

// after: done, again for the whole batch, or for which part.
func (c *Case) after(n int, failures []string, err error) string {
	c.Helper()
	c.Must(nil, err)
	switch len(failures) {
	case 0:
		return "done"
	case n:
		return "again"
	}
	return "again " + strings.Join(failures, " ")
}

// Pushed has what waits in the push queue told, as push does when nothing is down.
func (c *Case) Pushed() {
	c.Helper()
	n := &chat.Notifier{
		Messages: c.Store, Audience: c.Store, Deliveries: c.Store, Rights: c.Store, Sessions: c.Store, Gateway: c.Gateway(),
		Queue: queue.New(c.endpoint(), c.Env[config.PushQueueURL]), Encode: wire.EncodeNotices, Clock: time.Now, Concurrency: 8, Budget: 20 * time.Second,
	}
	for range 20 { // each call goes on with what the one before left
		bodies := c.Cloud.Take(PushQueue)
		if len(bodies) == 0 {
			return
		}
		var tasks []chat.Task
		for _, body := range bodies {
			task, err := form.DecodeTask(body)
			c.Must(task, err)
			tasks = append(tasks, task)
		}
		if report := n.Push(c.Context(), tasks); len(report.Unfinished) > 0 {
			c.Fatalf("push: %v", report.Errs)
		}
	}
	c.Error("there is no end to what waits in the push queue")
}

// endpoint has the cloud's queues.
func (c *Case) endpoint() aws.Config {
	cfg := c.signing()
	cfg.BaseEndpoint = aws.String(c.Cloud.URL)
	return cfg
}

// Gone leaves rows of alice's that no connection has, old enough to be found out.
func (c *Case) Gone() {
	c.Helper()
	c.Cloud.Shut(c.Connect(c.Connection(c.Alice(), "lost", time.Minute)).ID)
}

// Told checks that the connection has got the message.
func (c *Case) Told(connection chat.Connection, m chat.Message) {
	c.Helper()
	if frames := strings.Join(c.Cloud.Frames(connection.ID), " "); !strings.Contains(frames, m.MsgServerID) {
		c.Errorf("%s was told %q", connection.ID, frames)
	}
}
