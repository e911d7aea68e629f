import { hasEnded, tagOf, type Message } from "../src/index.js";
import type { Endpoint, FakeSocket } from "./fake_socket.js";
import type { ManualClock } from "./manual_clock.js";

type Json = any;

/** Something on its way to a client. */
interface Flight {
  socket: FakeSocket;
  frame: Json;
  revocation: boolean;
}

const me = "alice";
const overlap = 60_000;
const indexLag = 30_000;
const pageSize = 3;

/**
 * What a deployment does with one channel, as plainly as it can be said: the truth is a list of messages, an index of updates lags behind
 * it, and what is on its way is delivered when and in which order the test says.
 */
export class ModelServer implements Endpoint {
  readonly truth: Message[] = [];
  readonly flights: Flight[] = [];
  /** What a client has been told has ended, by tag. */
  readonly told = new Set<string>();
  /** And with its msg_id, which a sync does not tell. */
  readonly named = new Set<string>();
  sees = true;
  everHidden = false;
  /** Answers are on their way for a while. */
  slow = false;
  /** The next answers to sends and revokes are lost with their connection. */
  losing = false;
  #socket: FakeSocket | undefined;
  #isSubscribed = false;
  #stamp = 0;

  /** A large server tells its subscribers alone. */
  constructor(readonly clock: ManualClock, readonly isLarge: boolean) {}

  dialed(socket: FakeSocket): void {
    this.drop();
    this.#socket = socket;
    socket.accept();
  }

  drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isSubscribed = false;
    this.flights.splice(0);
    socket?.drop();
  }

  received(socket: FakeSocket, text: string): void {
    const frame = JSON.parse(text);
    const answer = this.#answer(frame);
    if (this.losing && ["send", "revoke"].includes(frame.action)) return this.drop();
    const flight = { socket, frame: { type: "response", action: frame.action, request_id: frame.request_id, res_code: 200, ...answer }, revocation: false };
    if (this.slow) this.flights.push(flight);
    else this.#land(flight);
  }

  /** Somebody else sends. */
  send(text: string): void {
    this.#push(this.#store({ msg_id: `other${this.truth.length}`, msg_body: text, from_accid: "bob" }));
  }

  /** Somebody else takes a message back. */
  revoke(n: number): void {
    const row = this.truth[n % (this.truth.length || 1)];
    if (row && !hasEnded(row)) this.#push(this.#end(row, "carol"));
  }

  /** The account loses sight of the channel, or regains it. */
  look(sees: boolean): void {
    if (sees !== this.sees) this.#stamp++;
    this.sees = sees;
    if (!sees) this.everHidden = true;
  }

  /** One of those on their way arrives. */
  deliver(n: number): void {
    const [flight] = this.flights.splice(n % (this.flights.length || 1), 1);
    if (flight) this.#land(flight);
  }

  /** One of them comes twice. */
  repeat(n: number): void {
    const flight = this.flights[n % (this.flights.length || 1)];
    if (flight) this.#land(flight);
  }

  /** A revocation that is on its way does not arrive. */
  lose(n: number): void {
    const i = n % (this.flights.length || 1);
    if (this.flights[i]?.revocation) this.flights.splice(i, 1);
  }

  deliverAll(): void {
    while (this.flights.length > 0) this.deliver(0);
  }

  #land({ socket, frame }: Flight): void {
    if (socket.state !== "open") return;
    const messages: Message[] = [frame.message, ...(frame.notices ?? []).map((n: Json) => n.message), ...(frame.updates ?? []), ...(frame.messages ?? [])];
    for (const m of messages) {
      if (!m || !hasEnded(m)) continue;
      this.told.add(tagOf(m));
      if (m.msg_id !== undefined) this.named.add(tagOf(m));
    }
    socket.deliver(JSON.stringify(frame));
  }

  #push(message: Message): void {
    if (!this.#socket || !this.sees || (this.isLarge && !this.#isSubscribed)) return;
    const revocation = hasEnded(message);
    const notice = { event: revocation ? "message_updated" : "message", res_code: 200, message: { ...message, notify_reason: 1 } };
    this.flights.push({ socket: this.#socket, frame: { type: "notices", notices: [notice] }, revocation });
  }

  #store(sent: { msg_id: string; msg_body: string; from_accid: string }): Message {
    const known = this.truth.find((row) => row.msg_id === sent.msg_id);
    if (known) return known;
    const now = this.clock.now();
    const row: Message = { server_id: "s1", channel_id: "c1", timestamp: now, msg_server_id: String(this.truth.length).padStart(3, "0"), status: 0, version: 1, update_timestamp: now, ...sent };
    this.truth.push(row);
    return row;
  }

  #end(row: Message, operator: string): Message {
    if (!hasEnded(row)) {
      delete row.msg_body;
      Object.assign(row, { status: 1, version: 2, update_timestamp: this.clock.now(), update_ope_info: { operator_id: operator, operator_client_type: 4 } });
    }
    return row;
  }

  #answer(frame: Json): Json {
    if (frame.action === "ping") return { server_time: this.clock.now() };
    if (frame.action === "sync") return this.#sync(frame.cursor);
    if (frame.action === "unsubscribe") this.#isSubscribed = false;
    if (frame.action === "subscribe") this.#isSubscribed = this.sees;
    if (frame.channel_ids) return { channels: frame.channel_ids.map((channel_id: string) => ({ channel_id, res_code: this.sees || frame.action === "unsubscribe" ? 200 : 403 })) };
    if (!this.sees) return { res_code: 403, reason: "no permission", retryable: false };
    if (frame.action === "history") return this.#history(frame.cursor);
    if (frame.action === "send") return { message: { ...this.#store({ msg_id: frame.msg_id, msg_body: frame.msg_body, from_accid: me }) } };
    const row = this.truth.find((m) => m.msg_server_id === frame.msg_server_id);
    return row ? { message: { ...this.#end(row, me) } } : { res_code: 404, reason: "no such message", retryable: false };
  }

  #history(cursor: string | undefined): Json {
    const older = this.truth.map((row) => ({ ...row })).reverse();
    const from = cursor === undefined ? 0 : older.findIndex((row) => row.msg_server_id === cursor) + 1;
    const messages = older.slice(from, from + pageSize);
    return from + pageSize < older.length ? { messages, next: messages.at(-1)!.msg_server_id } : { messages };
  }

  #sync(cursor: string | undefined): Json {
    const now = this.clock.now();
    const [since, skip] = (cursor ?? `${now}.0`).split(".").map(Number) as [number, number];
    const found = this.truth.filter((row) => hasEnded(row) && row.update_timestamp >= since && row.update_timestamp <= now - indexLag).slice(skip);
    const updates = this.sees ? found.slice(0, pageSize).map(({ msg_id: _, from_accid: __, ...update }) => update) : [];
    if (found.length > pageSize) return { updates, cursor: `${since}.${skip + pageSize}`, more: true };
    return { updates, cursor: `${now - overlap}.0`, access: this.sees ? { c1: `stamp${this.#stamp}` } : {}, delivery: this.isLarge ? "subscribers" : "all" };
  }
}
