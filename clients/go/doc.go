// Package unsend is a client of an Unsend deployment: it sends messages to
// channels, takes them back, reads history, and is told what others do.
//
// A [Session] is one device of an account that stays connected, repeats what has no answer, and shows channels in which
// nothing that was taken back is ever shown. A [Client] is one connection, and what it is told is yours to make sense of.
//
// # Sessions
//
// [NewSession] reads what an earlier session kept, [Session.Run] connects and does all the work until its context ends or [Session.Close],
// and nothing of the session runs after that. Calls may come before Run: they wait for it, where they can be repeated.
//
//   - Sends and revokes are repeated until they are answered, for at most an hour, over connections and sessions; a send keeps its MsgID.
//   - A heartbeat goes every four minutes. A connection that ended is made again after 0.5 s to 30 s.
//   - A sync follows on connecting and after subscribing, again 75 s after each, and every third heartbeat. Where the sight of a channel may have
//     changed its texts are hidden until its history was read again.
//   - [Session.OpenChannel] keeps a channel complete. The subscriptions that a large server asks for are made, and ended, by themselves.
//     Where one is refused, which is told as [Failed], each sync reads the channel and asks again.
//   - A revoke deletes every copy of the text: in the channel, the [Store], the outbox and the events that wait to be taken.
//     A [Draft]'s quote is what the channel shows. Close notifications on [MessageEnded]. A message's send that got no answer is known by
//     MsgID, which a sync does not tell: where only a sync tells of its revoke, its copy goes when the repeated send is answered.
//
// When things go wrong:
//
//   - What the server sends and cannot be read is passed over, told as [Failed] with [ErrUnreadable], and a sync follows within a second:
//     it may have been a revocation. Where it is an update of a sync, every text of the server is dropped and the history read again.
//   - An unknown event counts by its message's status.
//   - A token that has expired is replaced: what was refused with 403, where a ping is refused, too, is repeated with a new one.
//   - A token function that fails, or takes longer than RequestTimeout, is told as a *[TokenError] and called again, at the pace of connecting.
//   - No answer in time fails what is not repeated with [ErrNoAnswer]; where nothing at all was heard the connection is replaced.
//   - A machine that slept: a heartbeat that is a minute late by the wall clock replaces the connection. [Session.Wake] looks at once.
//   - A clock that jumps ahead may replace a connection, and give up a send before its hour; one that is set back does nothing to a session that
//     runs, and the next session gives up a send that seems to be from the future.
//   - A store that is full: what it does not take is deleted there, kept in memory, told as a *[StoreError], and tried again with each heartbeat.
//     Where it does not even delete, an old text stays in it beside a cursor that is as old: the next session syncs from there before it shows
//     anything. A revoke of the last minute before may be known to its sync 75 s later only, as with whatever happened while nobody ran.
//   - What is stored and cannot be read is as if it were not there. Where a store cannot say what it has, nothing of the channels is read from it,
//     and how far they are known is stored once it can.
//
// # Connections
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
// a message that was taken back. What of a frame cannot be read is passed over. A device is not told of its own acts; their answers tell it.
//
// # The end of a connection
//
// [Client.Done] is closed when the connection has ended, [Client.Err] says why, and Notices is closed after
// the last notice that was received. Nothing reconnects by itself: Dial again, and
// Sync to learn what was missed. [View] takes messages in any order, as often as they come.
package unsend
