import { backoff, sleep, type Clock } from "./clock.js";
import { codeOf, type Connection } from "./connection.js";
import { UnsendError, type ErrorKind } from "./errors.js";
import { erased, hasEnded, isId, isMessage, isObject, tagOf, type Answer, type HistoryPage, type HistoryRequest, type Message, type Notice, type Operation, type Request, type Subscribed } from "./frames.js";
import type { Shelf } from "./store.js";
import { View } from "./view.js";

/** Where a message was learned of. */
export type Source = "notice" | "sync" | "history" | "answer";

/** What is told of messages. */
export interface SyncEvents {
  received(notice: Notice): void;
  updated(notice: Notice): void;
  changed(view: View): void;
  /** A message has ended, known or not: no copy of its text may stay. */
  ended(message: Message): void;
  failed(kind: ErrorKind): void;
}

interface Server {
  id: string;
  cursor?: string;
  /** The stamps of the channels whose history was read, or of which nothing is kept. */
  access: Map<string, string>;
  delivery: string;
  views: Map<string, View>;
  /** What the application subscribed to. */
  wanted: Set<string>;
  /** What is subscribed to on this connection. */
  asked: Set<string>;
  running?: Promise<void> | undefined;
  again: boolean;
  failures: number;
  soon: boolean;
  /** When the last sync is due that is to find what the server's index did not have, on the monotonic clock. */
  settles: number;
  /** It is to be kept: soon, or when what is going on has been gone through. */
  saving: boolean;
  urgent: boolean;
}

/** The server's index may lag so far behind, in ms, and a later sync tells what it did not have. */
const lag = 75_000;
/** A message may be told so much later, in ms, than ones with a later time, or not at all then: a notice is tried again for 15 minutes. */
const overlap = 960_000;
/** Requests that nobody waits for are at most so many in so many ms: half of what an account may send. */
const [paced, pace] = [10, 10_000];
/** An answer of sync says `more` at most so often before the rest waits for the next one. */
const mostPages = 1_000;
/** After every tag. */
const last = "\uffff";
/** Channels of one subscribe, and messages of a page. */
const mostAtOnce = 100;

/** Keeps the views of the servers: applies what is told, and finds out what was not. */
export class Syncs {
  readonly servers = new Map<string, Server>();
  readonly #asked: number[] = [];

  constructor(readonly connection: Connection, readonly clock: Clock, readonly shelf: Shelf, readonly limit: number, readonly events: SyncEvents) {}

  /** Reads what an earlier client kept. None of it is shown before the first sync: it may have been taken back. */
  load(): void {
    for (const id of this.shelf.keys("server#")) {
      const kept = this.shelf.get("server#" + id);
      const server = this.server(id);
      if (!isObject(kept) || typeof kept.cursor !== "string" || !isObject(kept.access) || !isObject(kept.channels)) continue;
      server.cursor = kept.cursor;
      for (const [channel, stamp] of Object.entries(kept.access)) server.access.set(channel, String(stamp));
      for (const [channel, row] of Object.entries(kept.channels)) this.#loadView(this.view(id, channel), row);
    }
  }

  #loadView(view: View, row: unknown): void {
    if (!isObject(row) || !Array.isArray(row.messages)) return;
    for (const m of row.messages) if (isMessage(m) && m.server_id === view.server_id && m.channel_id === view.channel_id) view.apply(m);
    if (Number.isFinite(row.to)) view.knownTo = row.to as number;
    if (typeof row.from === "string") view.reach(row.from);
    if (typeof row.read === "string") view.reads(row.read);
    view.doubt();
  }

  /** What is known of a server; from now on it is synced. */
  server(id: string): Server {
    let server = this.servers.get(id);
    if (!server) {
      server = { id, access: new Map(), delivery: "all", views: new Map(), wanted: new Set(), asked: new Set(), again: false, failures: 0, soon: false, settles: 0, saving: false, urgent: false };
      this.servers.set(id, server);
    }
    return server;
  }

  /** The view of a channel. */
  view(serverId: string, channelId: string): View {
    const { views } = this.server(serverId);
    let view = views.get(channelId);
    if (!view) views.set(channelId, (view = new View(serverId, channelId, this.limit)));
    return view;
  }

  /** A connection has opened. */
  opened(): void {
    for (const server of this.servers.values()) {
      server.asked.clear();
      server.settles = 0; // those of the last connection do not come
      this.#quietly(server);
      this.#settle(server);
    }
  }

  /** It has ended. */
  lost(): void {
    for (const { views } of this.servers.values()) for (const view of views.values()) this.#leftBehind(view);
  }

  /** Nothing keeps the view complete any more. */
  #leftBehind(view: View): void {
    if (view.caughtUp === this.connection.number) view.knownTo = view.newestAt;
    view.caughtUp = undefined;
  }

  /** Some heartbeats have passed, or something was not understood that may have been a revocation. */
  all(): void {
    for (const server of this.servers.values()) this.#soon(server);
  }

  /** Takes the notices of a frame. What is none is passed over, and may have been a revocation. */
  notices(notices: unknown[]): void {
    for (const notice of notices) {
      if (!isObject(notice) || !isMessage(notice.message)) {
        this.events.failed("frame");
        this.all();
        continue;
      }
      const message = notice.message;
      this.take(message, "notice", notice as unknown as Notice);
      const server = this.server(message.server_id);
      if (!server.access.has(message.channel_id)) this.#soon(server);
    }
  }

  /** Takes a message into its view, tells what that did, and keeps it. */
  take(message: Message, source: Source, notice?: Notice): void {
    const view = this.view(message.server_id, message.channel_id);
    const known = view.get(message);
    const ended = hasEnded(message);
    const shown = view.messages;
    const change = view.apply(message);
    if (ended) this.events.ended(message);
    if (view.messages !== shown) this.events.changed(view);
    if (!change) return;
    this.#save(this.server(message.server_id), ended);
    if (source === "answer" || (known && hasEnded(known)) || (source === "history" && !(known && ended))) return;
    const told = { ...(notice ?? synthesized(message)), message: ended ? erased(message) : message };
    if (change === "added" && !ended) this.events.received(told);
    else this.events.updated(told);
  }

  /** Takes what is known of a message by its ids alone. */
  takeUpdate(update: Message, source: Source): void {
    this.take({ ...this.view(update.server_id, update.channel_id).get(update), ...update }, source);
  }

  /** Syncs a server now, or once more after the sync that is under way. */
  sync(server: Server): Promise<void> {
    server.again = true;
    return (server.running ??= this.#run(server).finally(() => (server.running = undefined)));
  }

  /** Subscribes, on this connection and each later one, and syncs then. */
  async subscribe(server: Server, channels: string[]): Promise<Subscribed[]> {
    for (const id of channels) server.wanted.add(id);
    const results = await this.#subscribe(server, channels, (frame) => this.connection.request(frame));
    for (const { channel_id, res_code } of results) if (res_code !== 200) server.wanted.delete(channel_id);
    this.#quietly(server);
    return results;
  }

  /** Ends subscriptions. One that is needed after all is made again: the server may have seen either first. */
  async unsubscribe(server: Server, channels: string[]): Promise<Subscribed[]> {
    const end = (id: string) => (server.asked.delete(id), this.#misses(server, id));
    for (const id of channels) server.wanted.delete(id), end(id);
    const answer = await this.connection.request({ action: "unsubscribe", server_id: server.id, channel_ids: channels });
    const needed = channels.filter((id) => this.#isNeeded(server, id));
    needed.forEach(end);
    if (needed.length > 0) this.#quietly(server);
    return subscribed(answer);
  }

  /** A channel is to be shown: what is known of it at once, but where nothing told what was taken back. */
  open(server: Server, view: View): void {
    view.opened = true;
    if (this.#isTold(server, view.channel_id)) this.#leftBehind(view); // it is read again: a notice may have come to nothing
    else {
      view.forget();
      if (this.connection.state === "open") view.reads(last);
    }
    if (view.messages.length > 0) this.events.changed(view);
    if (this.connection.state === "open") this.#quietly(server);
  }

  /** A channel is not shown any more: it is subscribed to only where the application wants it. */
  leave(server: Server, view: View): void {
    view.opened = false;
    this.#release(server, view.channel_id);
  }

  #release(server: Server, id: string): void {
    if (server.asked.has(id) && !this.#isNeeded(server, id)) this.unsubscribe(server, [id]).catch(() => {}); // it ends with the connection
  }

  #isNeeded(server: Server, id: string): boolean {
    return server.wanted.has(id) || server.views.get(id)?.opened === true;
  }

  /** What came to a channel may not have been told: the next sync reads it. */
  #misses(server: Server, id: string): void {
    const view = server.views.get(id);
    if (view && server.delivery !== "all") this.#leftBehind(view);
  }

  #isTold(server: Server, id: string): boolean {
    return server.delivery === "all" || server.asked.has(id);
  }

  #quietly(server: Server): void {
    this.sync(server).catch(() => {}); // #run has seen to it
  }

  #soon(server: Server): void {
    if (server.soon) return;
    server.soon = true;
    this.#later(server, 500 + 500 * this.clock.random());
  }

  /** Has a sync come that no lag hides anything from. One does for all of some seconds. */
  #settle(server: Server): void {
    const due = this.clock.monotonic() + lag;
    if (due - server.settles < 5_000) return;
    server.settles = due;
    this.#later(server, lag);
  }

  #later(server: Server, ms: number): void {
    const { number } = this.connection;
    this.clock.setTimeout(() => {
      server.soon = false;
      if (this.connection.state === "open" && number === this.connection.number) this.#quietly(server);
    }, ms);
  }

  async #run(server: Server): Promise<void> {
    while (server.again) {
      server.again = false;
      try {
        await this.#once(server);
        server.failures = 0;
      } catch (error) {
        if (codeOf(error) === 403) this.#leave(server);
        else if ((error as UnsendError).field === "cursor" && server.cursor !== undefined) {
          this.#reset(server); // another release's, perhaps: what it stood for is not known any more
          delete server.cursor;
          server.again = true;
          continue;
        }
        else this.#later(server, backoff(this.clock, server.failures++)); // a new connection syncs anyway
        throw error;
      }
    }
  }

  async #once(server: Server): Promise<void> {
    const { number } = this.connection;
    const access = await this.#pages(server);
    const opened = [...server.views.values()].filter((view) => view.opened && access.has(view.channel_id)).map((view) => view.channel_id);
    const missing = [...new Set([...server.wanted, ...(server.delivery === "all" ? [] : opened)])].filter((id) => !server.asked.has(id));
    if (missing.length > 0) {
      const results = await this.#subscribe(server, missing, (frame) => this.#ask(frame));
      if (results.some(({ res_code }) => res_code !== 200)) this.events.failed("refused");
      for (const { channel_id, res_code } of results) {
        if (res_code === 200) server.again = true; // what was taken back before may have been missed
        this.#release(server, channel_id); // it may have been closed meanwhile
      }
    }
    for (const id of opened) if (!this.#isTold(server, id)) this.#misses(server, id);
    await this.#judge(server, access, number);
  }

  /** Reads what was taken back, to the end, and gives the stamps. */
  async #pages(server: Server): Promise<Map<string, string>> {
    for (let n = 0; n < mostPages; n++) {
      const page = await this.#ask({ action: "sync", server_id: server.id, cursor: server.cursor });
      const updates = Array.isArray(page.updates) ? page.updates : [undefined];
      const readable = updates.filter((u): u is Message => isMessage(u) && u.server_id === server.id && hasEnded(u));
      if (typeof page.cursor !== "string" || (page.more === true ? page.cursor === server.cursor : !isObject(page.access))) return this.#unreadable();
      for (const update of readable) this.takeUpdate(update, "sync");
      // What cannot be read may be of any text that is kept.
      if (readable.length < updates.length) this.events.failed("frame");
      if (page.reset === true || readable.length < updates.length) this.#reset(server);
      server.cursor = page.cursor;
      this.#save(server, false);
      if (page.more === true) continue;
      if (typeof page.delivery === "string") server.delivery = page.delivery;
      return new Map(Object.entries(page.access as object).map(([id, stamp]) => [id, String(stamp)]));
    }
    throw new UnsendError("frame", "sync does not end");
  }

  #unreadable(): never {
    this.events.failed("frame");
    throw new UnsendError("frame");
  }

  #reset(server: Server): void {
    server.access.clear();
    for (const view of server.views.values()) this.#alter(view, () => view.drop());
  }

  /** The account is no member any more, or banned. */
  #leave(server: Server): void {
    server.access.clear();
    for (const view of server.views.values()) this.#alter(view, () => view.hide());
    this.#save(server, true);
  }

  /** Holds what is kept to the stamps: hides, doubts or trusts it, and reads history where it has to. */
  async #judge(server: Server, access: Map<string, string>, number: number): Promise<void> {
    const stale: View[] = [];
    const changed = new Set<string>();
    for (const view of server.views.values()) {
      const stamp = access.get(view.channel_id);
      const same = stamp === server.access.get(view.channel_id);
      this.#alter(view, () => {
        if (stamp === undefined) view.hide();
        else if (same && (!view.opened || view.knownTo !== undefined || view.caughtUp === number)) view.trust();
        else if (view.opened) view.show(), view.doubt();
        else view.show(), view.drop();
      });
      if (stamp === undefined || !view.opened || (same && view.caughtUp === number)) continue;
      stale.push(view);
      if (!same) changed.add(view.channel_id);
    }
    server.access = new Map([...access].filter(([id]) => !changed.has(id))); // theirs when they are read
    this.#save(server, true);
    for (const view of stale) await this.#read(server, view, access.get(view.channel_id)!, number);
  }

  /** Reads the history that is kept, or what came while nobody was told, or the newest page. */
  async #read(server: Server, view: View, stamp: string, number: number): Promise<void> {
    const same = stamp === server.access.get(view.channel_id);
    const known = view.knownTo === undefined ? undefined : same ? view.knownTo - overlap : (view.kept[0]?.timestamp ?? Infinity);
    const wasTold = this.#isTold(server, view.channel_id);
    let oldest: string;
    let newest: number;
    try {
      [oldest, newest] = await this.#walk(view, known ?? Infinity);
    } catch (error) {
      if (codeOf(error) !== 403) throw error;
      this.#alter(view, () => view.hide());
      server.access.delete(view.channel_id); // read anew when it is seen again
      return this.#save(server, true);
    }
    this.#alter(view, () => {
      view.settle();
      view.reads("");
      view.reach(same && known !== undefined && view.from < oldest ? view.from : oldest);
    });
    server.access.set(view.channel_id, stamp);
    view.knownTo = newest;
    view.caughtUp = wasTold && this.#isTold(server, view.channel_id) ? number : undefined;
    this.#save(server, true);
  }

  /**
   * Reads back to some time, or the first message, or as much as is kept. Gives the tag of the oldest, empty for the first, and the
   * newest's time. Pages may be short: a server cuts them by bytes, too.
   */
  async #walk(view: View, until: number): Promise<[oldest: string, newest: number]> {
    const { server_id, channel_id } = view;
    let cursor: unknown;
    let oldest: Message | undefined;
    let newest: number | undefined;
    for (let read = 0; read < this.limit; ) {
      const page = await this.#ask({ action: "history", server_id, channel_id, limit: mostAtOnce, cursor });
      const messages = this.#takePage(page, view);
      read += messages.length;
      oldest = messages.at(-1);
      newest ??= messages[0]?.timestamp ?? 0;
      cursor = page.next;
      if (typeof cursor !== "string" || !oldest) return ["", newest];
      if (oldest.timestamp < until) break;
      const to = view.knownTo !== undefined && oldest.timestamp <= view.knownTo ? "" : tagOf(oldest);
      this.#alter(view, () => view.reads(to));
    }
    return [oldest ? tagOf(oldest) : "", newest ?? 0];
  }

  /** Reads a page for the application. It adjoins what the view has, or so the application says. */
  async history(request: HistoryRequest): Promise<HistoryPage> {
    const page = await this.connection.request({ action: "history", ...request });
    const view = this.view(request.server_id, request.channel_id);
    const messages = this.#takePage(page, view);
    const isFirst = page.next === undefined && request.direction !== "newer";
    const reached = (from: string) => (isFirst ? "" : messages.map(tagOf).reduce((a, b) => (a < b ? a : b), from));
    this.#alter(view, () => (view.reach(reached(view.from)), view.reads(reached(view.readTo))));
    return typeof page.next === "string" ? { messages, next: page.next } : { messages };
  }

  /** Takes the messages of a page that can be read, and gives them. */
  #takePage(page: Answer, view: View): Message[] {
    const { server_id, channel_id } = view;
    if (!Array.isArray(page.messages)) return this.#unreadable();
    const messages = page.messages.filter((m): m is Message => isMessage(m) && m.server_id === server_id && m.channel_id === channel_id);
    if (messages.length < page.messages.length) this.events.failed("frame");
    const known = messages.map((message) => view.get(message)); // a full view may forget it on the way
    for (const message of messages) this.take(message, "history");
    return messages.map((message, i) => this.asKnown(message, known[i]));
  }

  /** What an answer says of a message may be older than what is known: gives it as it is known, and without content where it has ended. */
  asKnown(message: Message, before?: Message): Message {
    const known = this.view(message.server_id, message.channel_id).get(message) ?? (before && hasEnded(before) ? before : message);
    return hasEnded(known) ? erased(known) : known;
  }

  async #subscribe(server: Server, channels: string[], ask: (frame: Request) => Promise<Answer>): Promise<Subscribed[]> {
    const results: Subscribed[] = [];
    for (let i = 0; i < channels.length; i += mostAtOnce) {
      const some = channels.slice(i, i + mostAtOnce);
      const answers = subscribed(await ask({ action: "subscribe", server_id: server.id, channel_ids: some })).filter(({ channel_id }) => some.includes(channel_id));
      results.push(...answers);
      const granted = answers.filter(({ res_code }) => res_code === 200);
      for (const { channel_id } of granted) server.asked.add(channel_id), this.#misses(server, channel_id);
      if (granted.length > 0) this.#settle(server); // the sync that follows at once may not have yet what was taken back just before
    }
    return results;
  }

  /** Asks for what nobody waits for: not too often. */
  async #ask(frame: Request): Promise<Answer> {
    while (this.#asked.length >= paced) {
      const wait = this.#asked[0]! + pace - this.clock.monotonic();
      if (wait > 0) await sleep(this.clock, wait);
      else this.#asked.shift();
    }
    this.#asked.push(this.clock.monotonic());
    return this.connection.request(frame);
  }

  #alter(view: View, work: () => void): void {
    const before = view.messages;
    work();
    const after = view.messages;
    if (before.length !== after.length || before.some((message, i) => message !== after[i])) this.events.changed(view);
  }

  /** Keeps what is known of a server, in one piece: how far it knows never runs ahead of what it knows. */
  #save(server: Server, now: boolean): void {
    if (server.urgent || (server.saving && !now)) return;
    if (now) queueMicrotask(() => server.urgent && this.#write(server)); // once for all of a frame
    else this.clock.setTimeout(() => server.saving && this.#write(server), 1_000);
    server[now ? "urgent" : "saving"] = true;
  }

  #write(server: Server): void {
    const { cursor, access, views, id } = server;
    server.saving = server.urgent = false;
    if (cursor === undefined) return this.shelf.delete("server#" + id);
    const channels = [...views].map(([channel, view]) => {
      const to = view.caughtUp === this.connection.number ? view.newestAt : view.knownTo;
      return [channel, { to, from: view.from, read: view.readTo, messages: view.kept }];
    });
    this.shelf.set("server#" + id, { cursor, access: Object.fromEntries(access), channels: Object.fromEntries(channels) });
  }

  /** Keeps what waits to be kept. */
  flush(): void {
    for (const server of this.servers.values()) if (server.saving || server.urgent) this.#write(server);
  }
}

function synthesized(message: Message): Omit<Notice, "message"> {
  const { operator_id: _, operator_nick: __, operator_client_type: ___, ...update_info } = (message.update_ope_info ?? {}) as Operation;
  return { event: "message_updated", res_code: 200, update_info };
}

function subscribed(answer: Answer): Subscribed[] {
  const list = Array.isArray(answer.channels) ? answer.channels : [];
  return list.filter((c): c is Subscribed => isObject(c) && isId(c.channel_id) && Number.isInteger(c.res_code));
}
