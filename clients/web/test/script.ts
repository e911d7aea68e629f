// Plays the scripts of clients/conformance, whose README.md describes them.
import assert from "node:assert/strict";
import { Client, hasEnded, memoryStore, tagOf, type ClientOptions, type MessageKey, type Notice, type Store, type UnsendError } from "../src/index.js";
import { socketsTo, type Endpoint, type FakeSocket } from "./fake_socket.js";
import { ManualClock } from "./manual_clock.js";

type Json = any;
type Step = Record<string, Json>;

export interface Script {
  name: string;
  why: string;
  options?: Partial<ClientOptions>;
  messages?: Record<string, Json>;
  steps: Step[];
}

interface Rule {
  to: Json;
  answer?: Json;
  raw?: string;
  drop?: boolean;
  times?: number;
}

/** Tells whether everything in want is in got. */
function matches(want: Json, got: Json): boolean {
  if (want === null || typeof want !== "object") return want === got;
  if (Array.isArray(want)) return Array.isArray(got) && want.length === got.length && want.every((each, i) => matches(each, got[i]));
  return got !== null && typeof got === "object" && Object.keys(want).every((name) => matches(want[name], got[name]));
}

/** A store that fails when it is told to. */
class MoodyStore implements Store {
  mood: "works" | "full" | "refuses" = "works";
  readonly inner = memoryStore();
  get = (key: string): string | undefined => this.inner.get(key);
  keys = (): string[] => this.inner.keys().reverse(); // a store has no order
  set(key: string, value: string): void {
    if (this.mood !== "works") throw new Error("QuotaExceededError");
    this.inner.set(key, value);
  }
  delete(key: string): void {
    if (this.mood === "refuses") throw new Error("SecurityError");
    this.inner.delete(key);
  }
  holds = (text: string): boolean => this.keys().some((key) => this.get(key)!.includes(text));
}

const rules: Rule[] = [
  { to: { action: "ping" }, answer: { server_time: 1_767_225_600_000 } },
  { to: { action: "sync" }, answer: { updates: [], cursor: "now", access: { c1: "stamp" }, delivery: "all" } },
  { to: { action: "history" }, answer: { messages: [] } },
  { to: { action: "subscribe" }, answer: { channels: "$asked" } },
  { to: { action: "unsubscribe" }, answer: { channels: "$asked" } },
];

const erased = ["msg_body", "msg_attach", "msg_ext", "mention_all", "mention_accids", "mention_role_ids", "push_content", "push_payload"];

/** One play of a script. */
export class Play implements Endpoint {
  readonly clock = new ManualClock();
  readonly store = new MoodyStore();
  rules = rules.map((rule) => ({ ...rule }));
  sockets: FakeSocket[] = [];
  accepts = true;
  token: string = "token";
  tokens: boolean[] = [];
  frames: Json[] = [];
  callbacks: Json[] = [];
  errors: string[] = [];
  closed: string[] = [];
  results = new Map<string, { value?: Json; error?: UnsendError; settled: boolean }>();
  client: Client;
  #ids = 0;

  constructor(readonly script: Script) {
    this.client = this.#start();
  }

  #start(other: Partial<ClientOptions> = {}): Client {
    const tell = (kind: string) => (notice: Notice) => void this.callbacks.push([kind, this.#nameOf(notice.message)]);
    return new Client({
      url: "wss://unsend.invalid/live", accid: "alice", servers: ["s1"], store: this.store, ...this.script.options, ...other,
      token: (refused) => this.#token(refused), WebSocket: socketsTo(this), clock: this.clock, newId: () => `id${++this.#ids}`,
      onReceive: tell("received"), onUpdated: tell("updated"), onError: (error) => void this.errors.push(error.kind),
      closeNotification: (tag) => void this.closed.push(tag),
    });
  }

  #token(refused: boolean): Promise<string> {
    this.tokens.push(refused);
    if (this.token === "fails") return Promise.reject(new Error("SECRET"));
    return this.token === "hangs" ? new Promise(() => {}) : Promise.resolve(this.token);
  }

  dialed(socket: FakeSocket): void {
    if (!this.accepts) return socket.drop();
    for (const other of this.sockets) other.drop();
    this.sockets.push(socket);
    socket.accept();
  }

  received(socket: FakeSocket, text: string): void {
    const frame = JSON.parse(text);
    this.frames.push(frame);
    const rule = this.rules.find(({ to, times }) => times !== 0 && matches(to, frame));
    assert.ok(rule, `no rule answers ${text}`);
    if (rule.times !== undefined) rule.times--;
    if (rule.drop) return socket.drop();
    if (rule.raw !== undefined) return socket.deliver(rule.raw);
    if (rule.answer === undefined) return;
    const answer = { type: "response", action: frame.action, request_id: frame.request_id, res_code: 200, ...rule.answer };
    if (answer.channels === "$asked") answer.channels = frame.channel_ids.map((channel_id: string) => ({ channel_id, res_code: 200 }));
    socket.deliver(JSON.stringify(answer));
  }

  /** Plays the steps, each at rest before the next. */
  async run(): Promise<void> {
    for (const [i, step] of this.script.steps.entries()) {
      try {
        await this.#step(this.#filled(step) as Step);
        await this.clock.pass(0);
      } catch (error) {
        throw new Error(`step ${i + 1}, ${JSON.stringify(step)}: ${(error as Error).message}`, { cause: error });
      }
    }
    this.client.close();
    await this.clock.pass(0);
    assert.equal(this.clock.running, 0, "timers are left behind");
    assert.ok(this.sockets.every(({ state }) => state === "closed"), "a connection is left open");
  }

  async #step(step: Step): Promise<void> {
    const [verb] = Object.keys(step) as [string];
    const handler = this.#verbs[verb];
    assert.ok(handler, `there is no step ${verb}`);
    await handler(step[verb], step);
  }

  readonly #verbs: Record<string, (value: Json, step: Step) => unknown> = {
    // What happens to the client.
    server: (added: Rule[]) => (this.rules = [...added.map((rule) => ({ ...rule })), ...this.rules]),
    accept: (value: boolean) => (this.accepts = value),
    token: (value: string) => (this.token = value),
    store: (mood: MoodyStore["mood"]) => (this.store.mood = mood),
    corrupt: (text: string) => this.store.keys().forEach((key) => this.store.inner.set(key, text)),
    push: (notices: Json[]) => this.#deliver(JSON.stringify({ type: "notices", notices })),
    raw: (text: string) => this.#deliver(text),
    drop: () => this.sockets.at(-1)!.drop(),
    pass: (ms: number) => this.clock.pass(ms),
    sleep: (ms: number) => this.clock.sleep(ms),
    // What the application does.
    connect: () => this.client.connect(),
    wake: () => this.client.wake(),
    restart: () => (this.client.close(), (this.client = this.#start())),
    account: (accid: string) => (this.client.close(), (this.client = this.#start({ accid }))),
    crash: () => (this.sockets.at(-1)?.close(), this.clock.forget(), (this.client = this.#start())),
    open: (channel: string) => this.client.openChannel("s1", channel),
    leave: (channel: string) => this.client.closeChannel("s1", channel),
    draft: (draft: Json) => this.client.setDraft("s1", "c1", draft ?? undefined),
    call: (method: string, step) => this.#call(method, step.with ?? [], step.as ?? method),
    // What must be so.
    sent: (want: Json, step) => this.#sent(want, step.times ?? 1),
    view: (want: Json[], step) => this.#view(want, step.channel ?? "c1"),
    callbacks: (want: Json[]) => assert.deepEqual(this.callbacks.splice(0), want),
    errors: (want: string[]) => assert.deepEqual(this.errors.splice(0), want),
    tokens: (want: boolean[]) => assert.deepEqual(this.tokens.splice(0), want),
    dials: ([least, most]: [number, number]) => {
      const { length } = this.tokens.splice(0);
      assert.ok(length >= least && length <= most, `${length} attempts`);
    },
    state: (want: string) => assert.equal(this.client.state, want),
    stored: (text: string, step) => assert.equal(this.store.holds(text), step.is),
    drafted: (want: Json) => assert.deepEqual(this.client.draft("s1", "c1") ?? null, want),
    pending: (want: string[]) => assert.deepEqual(this.client.pending("s1", "c1").map((send) => send.msg_id), want),
    closed: (names: string[]) => assert.deepEqual(this.closed.splice(0), names.map((name) => tagOf(this.#message(name)))),
    result: (name: string, step) => this.#result(name, step),
  };

  #deliver(text: string): void {
    this.sockets.at(-1)!.deliver(text);
  }

  #call(method: string, args: Json[], name: string): void {
    const result: { value?: Json; error?: UnsendError; settled: boolean } = { settled: false };
    this.results.set(name, result);
    (this.client as Json)[method](...args).then(
      (value: Json) => Object.assign(result, { value, settled: true }),
      (error: UnsendError) => Object.assign(result, { error, settled: true }),
    );
  }

  #result(name: string, step: Step): void {
    const result = this.results.get(name)!;
    if (step.pending) return assert.equal(result.settled, false, "it has ended");
    assert.equal(result.settled, true, "it has not ended");
    if (step.error) return assert.ok(matches(step.error, { ...result.error, kind: result.error?.kind }), `it is ${result.error ?? JSON.stringify(result.value)}`);
    assert.equal(result.error, undefined);
    assert.ok(matches(step.is, result.value), `it is ${JSON.stringify(result.value)}`);
  }

  #sent(want: Json, times: number): void {
    const fitting = this.frames.filter((frame) => matches(want, frame));
    assert.equal(fitting.length, times, `of ${JSON.stringify(this.frames)}`);
    this.frames = this.frames.filter((frame) => !fitting.includes(frame));
  }

  #view(want: Json[], channel: string): void {
    const { messages } = this.client.view("s1", channel);
    assert.deepEqual(messages.map((m) => (hasEnded(m) ? null : m.msg_body)), want);
    for (const m of messages) if (hasEnded(m)) assert.ok(!erased.some((name) => name in m), "a text is left");
  }

  #nameOf(key: MessageKey): string {
    return Object.keys(this.script.messages ?? {}).find((name) => tagOf(this.#message(name)) === tagOf(key)) ?? tagOf(key);
  }

  #message(name: string): Json {
    const message = this.script.messages?.[name];
    assert.ok(message, `there is no message ${name}`);
    return {
      server_id: "s1", channel_id: "c1", msg_id: name, msg_server_id: name, msg_type: 0, from_accid: "bob", from_client_type: 16, status: 0, version: 1,
      update_timestamp: message.timestamp, ...message,
    };
  }

  readonly #templates: Record<string, (name: string) => Json> = {
    $sent: (name) => this.#message(name),
    $revoked: (name) => ({ ...Object.fromEntries(Object.entries(this.#message(name)).filter(([key]) => !erased.includes(key))), ...this.#ended(name) }),
    $update: (name) => ({ ...this.#templates.$key!(name), ...this.#ended(name) }),
    $notice: (name) => ({ event: "message", res_code: 200, message: { ...this.#message(name), notify_reason: 1 } }),
    $revocation: (name) => ({ event: "message_updated", res_code: 200, update_info: {}, message: { ...this.#templates.$revoked!(name), notify_reason: 1 } }),
    $ref: (name) => (({ timestamp, msg_server_id }) => ({ timestamp, msg_server_id }))(this.#message(name)),
    $key: (name) => (({ server_id, channel_id, timestamp, msg_server_id }) => ({ server_id, channel_id, timestamp, msg_server_id }))(this.#message(name)),
  };

  #ended(name: string): Json {
    return { status: 1, version: 2, update_timestamp: this.#message(name).timestamp + 1, update_ope_info: { operator_id: "carol", operator_client_type: 16 } };
  }

  /** The value with the messages that its templates stand for; what stands beside a template goes into the message. */
  #filled(value: Json): Json {
    if (Array.isArray(value)) return value.map((each) => this.#filled(each));
    if (value === null || typeof value !== "object") return value;
    const rest = Object.fromEntries(Object.entries(value).filter(([name]) => !(name in this.#templates)).map(([name, each]) => [name, this.#filled(each)]));
    const template = Object.keys(value).find((name) => name in this.#templates);
    return template ? { ...this.#templates[template]!(value[template]), ...rest } : rest;
  }
}
