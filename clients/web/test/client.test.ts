import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocketServer, WebSocket } from "ws";
import { Client, localStore, memoryStore, notificationsOf, tagOf, type ClientOptions, type Notice, type SocketConstructor, type UnsendError } from "../src/index.js";
import { FakeSocket, socketsTo, type Endpoint } from "./fake_socket.js";
import { ManualClock, settle } from "./manual_clock.js";

/** Accepts everybody and answers nothing. */
class Silent implements Endpoint {
  sockets: FakeSocket[] = [];
  frames: any[] = [];
  dialed(socket: FakeSocket): void {
    this.sockets.push(socket);
    socket.accept();
  }
  received(_: FakeSocket, text: string): void {
    this.frames.push(JSON.parse(text));
  }
}

function make(options: Partial<ClientOptions> = {}): { client: Client; endpoint: Silent; clock: ManualClock; errors: UnsendError[] } {
  const [endpoint, clock, errors] = [new Silent(), new ManualClock(), [] as UnsendError[]];
  const client = new Client({
    url: "wss://unsend.invalid/live?x=1", accid: "alice", token: () => "SECRET", clock, WebSocket: socketsTo(endpoint), onError: (error) => errors.push(error), ...options,
  });
  return { client, endpoint, clock, errors };
}

const message = { server_id: "s1", channel_id: "c1", timestamp: 1000, msg_server_id: "m1", status: 0, version: 1, update_timestamp: 1000, msg_body: "one" };
const notices = (...events: object[]) => JSON.stringify({ type: "notices", notices: events.map((m) => ({ event: "message", res_code: 200, message: m })) });

test("a client names itself and brings its token as a sub-protocol", async () => {
  const { client, endpoint } = make({ deviceId: "tab 1", clientType: 64 });
  client.connect();
  client.connect(); // once is enough
  await settle();
  assert.deepEqual(endpoint.sockets.map((s) => [s.url, s.protocols]), [["wss://unsend.invalid/live?x=1&device_id=tab+1&client_type=64", ["bearer", "SECRET"]]]);
  client.close();
  client.close();
  assert.throws(() => client.connect(), { kind: "closed" });
});

test("each client is a device of its own", () => {
  assert.notEqual(make().client.deviceId, make().client.deviceId);
});

test("no answer brings back the text of what has ended, also where a full view forgets it", async () => {
  const { client, endpoint } = make({ keep: 1 });
  client.connect();
  await settle();
  const socket = endpoint.sockets[0]!;
  const answer = (action: string, rest: object) =>
    socket.deliver(JSON.stringify({ type: "response", res_code: 200, request_id: endpoint.frames.find((frame) => frame.action === action).request_id, ...rest }));
  const page = client.history({ server_id: "s1", channel_id: "c1" });
  await settle();
  const ended = { ...message, status: 1, version: 2 };
  socket.deliver(notices(ended));
  answer("history", { messages: [{ ...message, timestamp: 3000, msg_server_id: "m3" }, { ...ended, timestamp: 2000, msg_server_id: "m2" }, message] });
  assert.deepEqual((await page).messages.map((m) => [m.msg_server_id, m.status, m.msg_body]), [["m3", 0, "one"], ["m2", 1, undefined], ["m1", 1, undefined]]);
  const revoking = client.revoke(message);
  await settle();
  answer("revoke", { message: ended });
  assert.equal("msg_body" in (await revoking), false);
  client.close();
});

test("to open a channel is to be told of what it shows; in a large server that is nothing until it was read", async () => {
  for (const [delivery, texts] of [["all", ["one"]], ["subscribers", []]] as const) {
    const told: unknown[] = [];
    const { client, endpoint } = make({ servers: ["s1"], onChanged: ({ messages }) => told.push(messages.map((m) => m.msg_body)) });
    client.connect();
    await settle();
    const socket = endpoint.sockets[0]!;
    socket.deliver(JSON.stringify({ type: "response", action: "sync", res_code: 200, request_id: endpoint.frames.find((f) => f.action === "sync").request_id, updates: [], cursor: "now", access: { c1: "stamp" }, delivery }));
    await settle();
    socket.deliver(notices(message));
    told.length = 0;
    assert.deepEqual(client.openChannel("s1", "c1").messages.map((m) => m.msg_body), texts);
    assert.deepEqual(told, texts.length > 0 ? [texts] : []);
    client.close();
  }
});

test("a callback that throws stops nothing", async () => {
  const told: string[] = [];
  const { client, endpoint, errors } = make({
    onReceive: ({ message: m }: Notice) => {
      told.push(m.msg_server_id);
      throw new Error("the application's");
    },
    onChanged: () => {
      throw new Error("the application's");
    },
  });
  client.connect();
  await settle();
  endpoint.sockets[0]!.deliver(notices(message, { ...message, msg_server_id: "m2" }));
  assert.deepEqual(told, ["m1", "m2"]);
  assert.deepEqual(new Set(errors.map((e) => e.kind)), new Set(["callback"]));
  client.close();
});

test("an onError that throws stops nothing either", async () => {
  const { client, endpoint } = make({ onError: () => { throw new Error("the application's"); } });
  client.connect();
  await settle();
  endpoint.sockets[0]!.deliver("no JSON");
  endpoint.sockets[0]!.deliver(notices(message));
  assert.equal(client.view("s1", "c1").messages.length, 1);
  client.close();
});

test("errors hold no token and no text", async () => {
  const { client, endpoint, clock, errors } = make({ token: () => Promise.reject(new Error("SECRET")), store: { ...memoryStore(), set: () => { throw new Error("SECRET one"); } } });
  client.connect();
  const sending = client.send({ server_id: "s1", channel_id: "c1", msg_body: "SECRET one" });
  sending.catch((error: UnsendError) => errors.push(error));
  await clock.pass(3_700_000);
  client.close();
  assert.deepEqual(new Set(errors.map((e) => e.kind)), new Set(["store", "token", "unanswered"]));
  for (const error of errors) assert.doesNotMatch(JSON.stringify({ ...error, message: error.message, cause: error.cause ?? "" }), /SECRET|one\b/);
  assert.equal(endpoint.sockets.length, 0);
});

test("at most 100 requests wait for an answer", async () => {
  const { client } = make();
  const request = { server_id: "s1", channel_id: "c1", msg_body: "x" };
  const waiting = Array.from({ length: 100 }, () => client.send(request));
  await assert.rejects(client.send(request), { kind: "full" });
  client.close();
  for (const each of waiting) await assert.rejects(each, { kind: "closed" });
  await assert.rejects(client.send(request), { kind: "closed" });
});

test("a msg_id names a message in its channel alone", async () => {
  const { client } = make();
  const sends = ["c1", "c2", "c1"].map((channel_id) => client.send({ server_id: "s1", channel_id, msg_id: "m1", msg_body: channel_id }));
  assert.deepEqual(["c1", "c2"].map((channel) => client.pending("s1", channel).map((send) => send.msg_body)), [["c1"], ["c2"]]);
  client.close();
  for (const each of sends) await assert.rejects(each, { kind: "closed" });
});

test("closed while the token is fetched, a client opens nothing", async () => {
  let give: (token: string) => void = () => {};
  const { client, endpoint, clock } = make({ token: () => new Promise((resolve) => (give = resolve)) });
  client.connect();
  await settle();
  client.close();
  give("late");
  await clock.pass(60_000);
  assert.equal(endpoint.sockets.length, 0);
  assert.equal(client.state, "closed");
});

test("requests that nobody waits for are at most 10 in 10 s", async () => {
  const servers = Array.from({ length: 25 }, (_, i) => `s${i}`);
  const { client, endpoint, clock } = make({ servers });
  client.connect();
  await clock.pass(9_000);
  assert.equal(endpoint.frames.length, 10);
  await clock.pass(2_000);
  assert.equal(endpoint.frames.length, 20);
  client.close();
});

test("a platform without a WebSocket is told so", () => {
  const options = { url: "wss://unsend.invalid", accid: "alice", token: () => "t" };
  if (globalThis.WebSocket) new Client(options).close();
  else assert.throws(() => new Client(options), { kind: "connect" });
});

test("where the browser refuses localStorage, memory serves", () => {
  const refusing = new Proxy({}, { get: () => { throw new Error("SecurityError"); } }) as Storage;
  const store = localStore(refusing);
  store.set("a", "b");
  assert.deepEqual([store.get("a"), store.keys()], ["b", ["a"]]);
});

test("a read that fails deletes nothing: the next client sends what waited", async () => {
  const store = memoryStore();
  const first = make({ store }).client;
  first.send({ server_id: "s1", channel_id: "c1", msg_id: "m1", msg_body: "one" }).catch(() => {});
  first.setDraft("s1", "c1", { msg_body: "two" });
  first.close();
  const { client, errors } = make({ store: { ...store, get: () => { throw new Error("an I/O error"); } } });
  assert.deepEqual([client.pending("s1", "c1"), client.draft("s1", "c1")], [[], undefined]);
  assert.deepEqual(errors.map((e) => e.kind), ["store", "store"]);
  client.close();
  const last = make({ store }).client;
  assert.deepEqual([last.pending("s1", "c1").map((send) => send.msg_id), last.draft("s1", "c1")], [["m1"], { msg_body: "two" }]);
  last.close();
});

test("localStore keeps in what it is given", () => {
  const values = new Map<string, string>([["other", "x"]]);
  const storage = {
    get length() { return values.size; },
    key: (i: number) => [...values.keys()][i] ?? null,
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
    clear: () => values.clear(),
  };
  const store = localStore(storage);
  store.set("a", "b");
  assert.deepEqual([store.get("a"), store.get("none"), store.keys()], ["b", undefined, ["other", "a"]]);
  store.delete("a");
  assert.deepEqual([...values.keys()], ["other"]);
});

test("notifications with the tag are closed", async () => {
  let closed = 0;
  const asked: unknown[] = [];
  const registration = { getNotifications: async (filter: unknown) => (asked.push(filter), [{ close: () => closed++ }, { close: () => closed++ }]) };
  notificationsOf(registration as unknown as ServiceWorkerRegistration)(tagOf(message));
  await settle();
  assert.deepEqual(asked, [{ tag: "s1#c1#000000000001000#m1" }]);
  assert.equal(closed, 2);
});

test("over a real WebSocket", async () => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "bearer" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const { action, request_id } = JSON.parse(String(data));
      const answer = action === "sync" ? { updates: [], cursor: "x", access: {} } : { message: { ...message, msg_body: "hi" } };
      socket.send(JSON.stringify({ type: "response", action, request_id, res_code: 200, ...answer }));
    });
  });
  const { port } = server.address() as { port: number };
  const client = new Client({ url: `ws://127.0.0.1:${port}`, accid: "alice", token: () => "t", WebSocket: WebSocket as unknown as SocketConstructor });
  client.connect();
  assert.equal((await client.send({ server_id: "s1", channel_id: "c1", msg_body: "hi" })).msg_body, "hi");
  client.close();
  await new Promise((resolve) => server.close(resolve));
});
