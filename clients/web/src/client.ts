import { systemClock, Timers, type Clock } from "./clock.js";
import { Connection, type SocketConstructor, type State, type TokenSource } from "./connection.js";
import { UnsendError, type ErrorKind } from "./errors.js";
import { isMessage, isObject, tagOf, Status, type Answer, type HistoryPage, type HistoryRequest, type Message, type MessageKey, type MessageRef, type Notice, type Request, type RevokeBatchRequest, type RevokeOutcome, type RevokeRequest, type SendRequest, type Subscribed } from "./frames.js";
import { Outbox } from "./outbox.js";
import { memoryStore, Shelf, type Store } from "./store.js";
import { Syncs } from "./sync.js";
import type { View } from "./view.js";

/** A reply, or a message, that is not sent yet. `quote` is given, never kept: the text that it replies to, for as long as the channel's view shows it. */
export interface Draft {
  msg_body: string;
  reply_to?: MessageRef;
  quote?: string;
}

export interface ClientOptions {
  /** The deployment's WebSocket URL, wss://… */
  url: string;
  /** The account. It is the tokens' `sub`, and keeps the store's accounts apart. */
  accid: string;
  /** Called for each attempt to connect, and for a new token when the last one was refused or has expired. */
  token: TokenSource;
  /** The servers to sync. Those that a notice or a call names come on top. */
  servers?: string[];

  /** Names this client instance. Left out, it is a new one, so that each tab, also a duplicated one, is a device of its own. */
  deviceId?: string;
  /** QChat's client type; 16, the web, where it is left out. */
  clientType?: number;
  /** Where to keep what is to outlive this client; memory where it is left out. */
  store?: Store;
  /** Messages that are kept of a channel, the newest; 500 where it is left out. */
  keep?: number;

  /** QChat's RegRecvCb: somebody sent a message. Each is told once, and none that is known to have been taken back. */
  onReceive?: (notice: Notice) => void;
  /** QChat's RegUpdatedCb: a message was taken back (or edited), told by a notice or found out by a sync. Each is told once. */
  onUpdated?: (notice: Notice) => void;
  /** A view has changed: show its messages again. */
  onChanged?: (view: View) => void;
  onState?: (state: State) => void;
  /** Something went wrong that no call stands for. The client goes on. */
  onError?: (error: UnsendError) => void;
  /** Closes notifications that were shown with the tag of a message, `tagOf(message)`. */
  closeNotification?: (tag: string) => void;

  WebSocket?: SocketConstructor;
  clock?: Clock;
  newId?: () => string;
  /** How often to send a heartbeat, in ms: 4 minutes where it is left out, and less than 10. */
  pingEvery?: number;
  /** How long an answer, a token or a connection may take, in ms: 15,000 where it is left out. */
  timeout?: number;
}

/** Syncs come after so many heartbeats. */
const beatsPerSync = 3;

/**
 * A client of one account: one connection that is kept up, requests that are repeated until they are answered, and views of channels
 * in which nothing that was taken back is ever shown.
 */
export class Client {
  readonly deviceId: string;
  readonly #options: ClientOptions;
  readonly #timers: Timers;
  readonly #shelf: Shelf;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #syncs: Syncs;
  readonly #newId: () => string;
  #beats = 0;
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#newId = options.newId ?? (() => globalThis.crypto.randomUUID());
    this.deviceId = options.deviceId ?? this.#newId();
    this.#timers = new Timers(options.clock ?? systemClock);
    this.#shelf = new Shelf(options.store ?? memoryStore(), options.accid, () => this.#failed("store"));
    this.#connection = this.#connect();
    this.#outbox = new Outbox(this.#connection, this.#timers, this.#shelf, this.#newId, (frame, answer) => this.#answered(frame, answer));
    this.#syncs = new Syncs(this.#connection, this.#timers, this.#shelf, options.keep ?? 500, {
      received: (notice) => this.#call(options.onReceive, notice),
      updated: (notice) => this.#call(options.onUpdated, notice),
      changed: (view) => this.#call(options.onChanged, view),
      ended: (message) => this.#ended(message),
      failed: (kind) => this.#failed(kind),
    });
    for (const id of options.servers ?? []) this.#syncs.server(id);
    this.#syncs.load();
    this.#outbox.load();
  }

  #connect(): Connection {
    const { url, token, clientType = 16, pingEvery = 240_000, timeout = 15_000 } = this.#options;
    const WebSocket = this.#options.WebSocket ?? (globalThis.WebSocket as SocketConstructor | undefined);
    if (!WebSocket) throw new UnsendError("connect", "this platform has no WebSocket: pass one");
    const address = new URL(url);
    address.searchParams.set("device_id", this.deviceId);
    address.searchParams.set("client_type", String(clientType));
    return new Connection({ url: address.href, token, WebSocket, clock: this.#timers, timeout, pingEvery }, {
      state: (state) => this.#entered(state),
      notices: (notices) => this.#syncs.notices(notices),
      beat: () => this.#beat(),
      failed: (kind) => {
        this.#failed(kind);
        if (kind === "frame") this.#syncs.all(); // it may have told of a revocation
      },
    });
  }

  /** Connects, and stays connected until close. Throws the error `closed` after it. */
  connect(): void {
    if (this.#closed) throw new UnsendError("closed");
    this.#connection.start();
  }

  /** Ends the client for good. What has no answer yet is kept in the store, and the account's next client goes on with it. */
  close(): void {
    this.#closed = true;
    this.#syncs.flush();
    this.#outbox.close();
    this.#connection.stop();
    this.#timers.end();
  }

  /** Looks at once whether the connection lives. Call it when the page is shown again or the network is back. */
  wake(): void {
    this.#connection.wake();
  }

  get state(): State {
    return this.#connection.state;
  }

  /**
   * Sends a message, and gives it as it was stored; without content where it has been taken back since. It is repeated with the same
   * msg_id until it is answered, for at most an hour, over connections and, with a store, restarts. A second send with a msg_id that
   * still waits in its channel is the first one, and has its answer.
   *
   * Errors: refused, unanswered, full, closed.
   */
  async send(request: SendRequest): Promise<Message> {
    return this.#messageOf(await this.#outbox.ask({ action: "send", ...request, msg_id: request.msg_id ?? this.#newId() }));
  }

  /** Takes a message back, and gives it as it is now; with the first operator's result where it was taken back before. It is repeated as a send is. */
  async revoke(request: RevokeRequest): Promise<Message> {
    const { server_id, channel_id, timestamp, msg_server_id, update_info } = request; // a whole message will do, too
    return this.#messageOf(await this.#outbox.ask({ action: "revoke", server_id, channel_id, timestamp, msg_server_id, update_info }));
  }

  /** Takes 1 to 100 messages of a channel back, with a result for each, in their order. It is repeated as a send is. */
  async revokeBatch(request: RevokeBatchRequest): Promise<RevokeOutcome[]> {
    return outcomesOf(await this.#outbox.ask({ action: "revokeBatch", ...request }));
  }

  /**
   * Reads a page of a channel, which its view takes in, and gives its messages as the view knows them then. It should adjoin what the
   * view has: `timestamp` the oldest message's. What is given is the application's own copy: look in the view whether it stands.
   * Beyond the newest `keep` messages the view knows nothing; closeNotification is called for those, too, that end.
   */
  history(request: HistoryRequest): Promise<HistoryPage> {
    return this.#syncs.history(request);
  }

  /** Finds out now what was taken back in a server. It also happens by itself: on connecting and after subscribing, again 75 s after each, and every few heartbeats. */
  sync(serverId: string): Promise<void> {
    return this.#syncs.sync(this.#syncs.server(serverId));
  }

  /** Has this device told of channels of a large server, on this connection and later ones, and answers for each. Opened channels need none. */
  subscribe(serverId: string, channelIds: string[]): Promise<Subscribed[]> {
    return this.#syncs.subscribe(this.#syncs.server(serverId), channelIds);
  }

  /** Ends it. */
  unsubscribe(serverId: string, channelIds: string[]): Promise<Subscribed[]> {
    return this.#syncs.unsubscribe(this.#syncs.server(serverId), channelIds);
  }

  /** Gives the server's time, in ms. */
  async ping(): Promise<number> {
    return Number((await this.#connection.request({ action: "ping" })).server_time);
  }

  /**
   * A channel that is to be shown: its view is read from the history now and kept complete, over connections, until closeChannel. What
   * is known of it and sure is in the view at once: in a large server, where nothing tells of channels that are not shown, nothing is.
   */
  openChannel(serverId: string, channelId: string): View {
    const view = this.#syncs.view(serverId, channelId);
    if (!view.opened) this.#syncs.open(this.#syncs.server(serverId), view);
    return view;
  }

  /** The view of a channel, opened or not. */
  view(serverId: string, channelId: string): View {
    return this.#syncs.view(serverId, channelId);
  }

  /** The channel is not shown any more. */
  closeChannel(serverId: string, channelId: string): void {
    this.#syncs.leave(this.#syncs.server(serverId), this.#syncs.view(serverId, channelId));
  }

  /** The sends of a channel that have no answer yet, oldest first. */
  pending(serverId: string, channelId: string): SendRequest[] {
    const waiting = this.#outbox.frames.filter((f) => f.action === "send" && f.server_id === serverId && f.channel_id === channelId);
    return waiting as unknown as SendRequest[];
  }

  /** Keeps what is being written in a channel; undefined: nothing any more. */
  setDraft(serverId: string, channelId: string, draft: Draft | undefined): void {
    const key = draftKey(serverId, channelId);
    if (!draft) return this.#shelf.delete(key);
    this.#shelf.set(key, { msg_body: draft.msg_body, reply_to: draft.reply_to });
  }

  /** What is being written in a channel. */
  draft(serverId: string, channelId: string): Draft | undefined {
    const draft = this.#shelf.get(draftKey(serverId, channelId));
    if (!isObject(draft) || typeof draft.msg_body !== "string") return undefined;
    const { msg_body } = draft;
    if (!isObject(draft.reply_to)) return { msg_body };
    const reply_to = draft.reply_to as unknown as MessageRef;
    // No copy: what the view does not show, in doubt or out of sight, is not quoted either.
    const quote = this.#syncs.view(serverId, channelId).messages.find((message) => isOf(reply_to, message))?.msg_body;
    return quote === undefined ? { msg_body, reply_to } : { msg_body, reply_to, quote };
  }

  #entered(state: State): void {
    if (state === "open") {
      this.#syncs.opened();
      this.#outbox.wake();
    } else {
      this.#syncs.lost();
    }
    this.#call(this.#options.onState, state);
  }

  #beat(): void {
    this.#shelf.retry();
    if (++this.#beats % beatsPerSync === 0) this.#syncs.all();
  }

  #answered(frame: Request, answer: Answer): void {
    if (isMessage(answer.message)) this.#syncs.take(answer.message, "answer");
    for (const outcome of outcomesOf(answer)) {
      if (outcome.res_code !== 200) continue;
      const { timestamp, msg_server_id, version, update_timestamp } = outcome;
      const message = { server_id: frame.server_id, channel_id: frame.channel_id, timestamp, msg_server_id, status: Status.revoked, version, update_timestamp };
      if (isMessage(message)) this.#syncs.takeUpdate(message, "answer");
    }
  }

  #messageOf({ message }: Answer): Message {
    if (isMessage(message)) return this.#syncs.asKnown(message);
    throw new UnsendError("frame");
  }

  /** Every copy of the text goes: the view has none any more. */
  #ended(message: Message): void {
    if (message.from_accid === this.#options.accid) this.#outbox.ended(message);
    this.#call(this.#options.closeNotification, tagOf(message));
  }

  #failed(kind: ErrorKind): void {
    this.#call(this.#options.onError, new UnsendError(kind));
  }

  /** A callback that throws must not stop what comes after it. */
  #call<T>(callback: ((value: T) => void) | undefined, value: T): void {
    try {
      callback?.(value);
    } catch {
      if ((callback as unknown) !== this.#options.onError) this.#failed("callback");
    }
  }
}

function draftKey(serverId: string, channelId: string): string {
  return `draft#${serverId}#${channelId}`;
}

function isOf(ref: MessageRef, key: MessageKey): boolean {
  return ref.timestamp === key.timestamp && ref.msg_server_id === key.msg_server_id;
}

function outcomesOf(answer: Answer): RevokeOutcome[] {
  return Array.isArray(answer.results) ? answer.results.filter((r): r is RevokeOutcome => isObject(r) && Number.isInteger(r.res_code)) : [];
}
