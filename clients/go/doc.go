// Package unsend is a client of an Unsend deployment: it sends messages to
// channels, takes them back, reads history, and is told what others do.
//
//	client, err := unsend.Dial(ctx, unsend.Options{
//		URL:      "wss://example.execute-api.eu-west-1.amazonaws.com/live",
//		Token:    func(ctx context.Context) (string, error) { return login.Token(ctx) },
//		DeviceID: "tablet",
//	})
//	...
//	sent, err := client.Send(ctx, unsend.SendRequest{ServerID: "s1", ChannelID: "c1", Content: unsend.Content{Body: "hi"}})
//	_, err = client.Revoke(ctx, unsend.RevokeRequest{MessageKey: sent.MessageKey})
//
// # Requests
//
// Every request waits for its own answer, until its context ends or
// Options.RequestTimeout has passed, whichever comes first. Any number of requests may be under way at
// once. A refusal is an *[Error] with QChat's code. A request whose answer did not
// come may have been carried out: repeat it. A send repeats safely with the same MsgID, a
// revoke always.
//
// # Notices
//
// What other devices do arrives on [Client.Notices] in the order in which it was received. Read it
// all the time. When Options.NoticeBuffer notices are waiting and one more comes, the connection
// ends with [ErrSlowConsumer]: a device that misses a notice silently would go on showing
// a message that was taken back. A device is not told of its own acts; their answers tell it.
//
// # The end of a connection
//
// [Client.Done] is closed when the connection has ended, [Client.Err] says why, and Notices is closed after
// the last notice that was received. Nothing reconnects by itself: Dial again, and read
// history to learn what was missed. [View] takes messages in any order, as often as they come.
package unsend
