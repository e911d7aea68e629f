import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Client, hasEnded, memoryStore, tagOf } from "../src/index.js";
import { socketsTo } from "./fake_socket.js";
import { ManualClock, settle } from "./manual_clock.js";
import { ModelServer } from "./model_server.js";

const runs = Number(process.env.UNSEND_INTERLEAVINGS ?? 1_000);

/** What can happen, more often what makes the others matter. n picks one of those there are, or how long something takes. */
const act = fc.record({
  what: fc.constantFrom("send", "send", "send", "revoke", "revoke", "deliver", "deliver", "repeat", "lose", "own", "own", "take back", "drop", "look", "look", "pass", "pass", "slow", "losing", "restart", "crash", "open"),
  n: fc.nat(1_000),
});
type Act = { what: string; n: number };

/** A client over a model server, and what must hold at every moment. */
class World {
  readonly clock = new ManualClock();
  readonly server: ModelServer;
  readonly store = memoryStore();
  readonly #textOf = new Map<string, string>();
  #texts = 0;
  #ids = 0;
  #events: string[] = [];
  client: Client;

  constructor(isLarge: boolean) {
    this.server = new ModelServer(this.clock, isLarge);
    this.client = this.#start();
  }

  #start(): Client {
    this.#events = [];
    const client = new Client({
      url: "wss://unsend.invalid", accid: "alice", servers: ["s1"], store: this.store, clock: this.clock, token: () => "token",
      WebSocket: socketsTo(this.server), newId: () => `id${this.#ids++}`,
      onReceive: ({ message }) => this.#tell("received", tagOf(message)),
      onUpdated: ({ message }) => this.#tell("updated", tagOf(message)),
      // A subscription is refused where sight of the channel was lost a moment ago.
      onError: ({ kind }) => assert.ok(this.server.isLarge && kind === "refused", `it tells of ${kind}`),
    });
    client.connect();
    client.openChannel("s1", "c1");
    return client;
  }

  #tell(kind: string, tag: string): void {
    assert.ok(!this.#events.includes("updated " + tag), `${kind} after updated`);
    // What was forgotten with the sight of the channel may be told again.
    if (!this.server.everHidden) assert.ok(!this.#events.includes(`${kind} ${tag}`), `${kind} twice`);
    this.#events.push(`${kind} ${tag}`);
  }

  async act({ what, n }: Act): Promise<void> {
    const { server, client } = this;
    const text = `text${this.#texts++};`;
    switch (what) {
      case "send": server.send(text); break;
      case "revoke": server.revoke(n); break;
      case "deliver": server.deliver(n); break;
      case "repeat": server.repeat(n); break;
      case "lose": server.lose(n); break;
      case "own": client.send({ server_id: "s1", channel_id: "c1", msg_body: text }).catch(() => {}); break;
      case "take back": this.#takeBack(n); break;
      case "drop": server.drop(); break;
      case "look": server.look(n % 3 > 0); break;
      case "slow": server.slow = n % 2 === 0; break;
      case "losing": server.losing = n % 2 === 0; break;
      case "open": n % 2 ? client.openChannel("s1", "c1") : client.closeChannel("s1", "c1"); break;
      case "restart": client.close(); this.client = this.#start(); break;
      case "crash": await settle(), server.drop(), await settle(), this.clock.forget(); this.client = this.#start(); break;
      default: await this.#pass(n * (n % 2 ? 300 : 3_000));
    }
    await this.clock.pass(1);
    this.check();
  }

  /** Nothing is on its way for longer than 2 s. */
  async #pass(ms: number): Promise<void> {
    await this.clock.pass(Math.min(ms, 2_000));
    this.server.deliverAll();
    this.server.slow = false;
    await this.clock.pass(ms);
  }

  #takeBack(n: number): void {
    const { messages } = this.client.view("s1", "c1");
    const message = messages[n % (messages.length || 1)];
    if (message) this.client.revoke(message).catch(() => {});
  }

  /** What the client was told has ended shows no text, and none is stored. */
  check(): void {
    const { told, named } = this.server;
    const stored = (keys: string[]) => keys.map((key) => this.store.get(key)!).join();
    const [all, views] = [stored(this.store.keys()), stored(this.store.keys().filter((key) => key.includes("#server#")))];
    for (const m of this.client.view("s1", "c1").kept) assert.ok(!told.has(tagOf(m)) || m.msg_body === undefined, `${m.msg_body} is kept`);
    for (const row of this.server.truth) {
      const text = this.#textOf.get(row.msg_server_id) ?? row.msg_body!;
      this.#textOf.set(row.msg_server_id, text);
      // An outbox knows its message by msg_id.
      const where = named.has(tagOf(row)) ? all : told.has(tagOf(row)) ? views : "";
      assert.ok(!where.includes(text), `${text} is stored`);
    }
  }

  /** The application reads older pages, to the first. */
  async scrollUp(): Promise<void> {
    let cursor: string | undefined;
    do {
      const page = await this.client.history({ server_id: "s1", channel_id: "c1", ...(cursor !== undefined && { cursor }) });
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /** The network is well again. */
  async recover(reconnects: boolean): Promise<void> {
    this.server.look(true);
    this.server.losing = this.server.slow = false;
    this.client.openChannel("s1", "c1");
    if (reconnects) this.server.drop();
    await this.#pass(900_000); // with some heartbeats, after which a sync finds what no connection told
    this.check();
  }
}

/** What a channel's truth is, in the terms of a view. */
const shown = (messages: readonly { msg_server_id: string; status: number; msg_body?: string }[]) =>
  messages.map((m) => (hasEnded(m) ? `${m.msg_server_id} is gone` : `${m.msg_server_id} ${m.msg_body}`));

test(`in ${runs} interleavings the view equals the truth`, async () => {
  await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 40 }), fc.boolean(), fc.boolean(), async (acts, isLarge, reconnects) => {
    const world = new World(isLarge);
    for (const each of acts) await world.act(each);
    await world.recover(reconnects);
    const { messages } = world.client.view("s1", "c1");
    const truth = shown(world.server.truth);
    assert.deepEqual(shown(messages), truth.slice(truth.length - messages.length), "the newest messages, without a gap");
    assert.ok(messages.length >= Math.min(truth.length, 3), "a page at least");
    await world.scrollUp();
    assert.deepEqual(shown(world.client.view("s1", "c1").messages), truth);
    assert.deepEqual(world.client.pending("s1", "c1"), []);
    world.client.close();
  }), { numRuns: runs, includeErrorInReport: true });
});
