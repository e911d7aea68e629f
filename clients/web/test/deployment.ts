// Two devices on a deployment, as e2e/web_test.go starts it: UNSEND_SCENE holds its URL, a server, a channel, and a token of each
// account, whose names it holds, too.
import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { Client, hasEnded, memoryStore, type ClientOptions, type Notice, type SocketConstructor, type View } from "../src/index.js";

interface Scene {
  url: string;
  server: string;
  channel: string;
  alice: { accid: string; token: string };
  bob: { accid: string; token: string };
}

const scene = JSON.parse(process.env.UNSEND_SCENE ?? "") as Scene;
const patience = 20_000;

function client(who: "alice" | "bob", options: Partial<ClientOptions>): Client {
  const { accid, token } = scene[who];
  return new Client({ url: scene.url, accid, token: () => token, servers: [scene.server], WebSocket: WebSocket as unknown as SocketConstructor, ...options });
}

const texts = (view: View) => view.messages.map((m) => (hasEnded(m) ? null : m.msg_body));

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + patience; !holds(); await new Promise((resolve) => setTimeout(resolve, 20))) {
    assert.ok(Date.now() < end, `it did not come about that ${what}`);
  }
}

const [told, store] = [[] as string[], memoryStore()];
const note = ({ event, message }: Notice) => void told.push(`${event} ${message.msg_id}`);
const alice = client("alice", {});
let bob = client("bob", { store, onReceive: note, onUpdated: note });
let view = bob.openChannel(scene.server, scene.channel);
alice.connect();
bob.connect();
const there = { server_id: scene.server, channel_id: scene.channel };

const first = await alice.send({ ...there, msg_id: "first", msg_body: "one" });
const second = await alice.send({ ...there, msg_id: "second", msg_body: "two" });
await eventually("bob sees both", () => texts(view).join() === "one,two");
assert.equal((await alice.send({ ...there, msg_id: "first", msg_body: "one" })).msg_server_id, first.msg_server_id, "a send is repeated");

const gone = await alice.revoke({ ...first, update_info: { postscript: "wrong room" } });
assert.deepEqual([gone.status, gone.msg_body, gone.update_ope_info?.postscript], [1, undefined, "wrong room"]);
await eventually("bob is told", () => told.includes("message_updated first"));
assert.deepEqual(texts(view), [null, "two"]);

bob.close();
const results = await alice.revokeBatch({ ...there, messages: [first, second].map(({ timestamp, msg_server_id }) => ({ timestamp, msg_server_id })) });
assert.deepEqual(results.map((r) => r.res_code), [200, 200]);
await assert.rejects(alice.revoke({ ...there, timestamp: 1, msg_server_id: "none" }), { kind: "refused", code: 404 });
await assert.rejects(alice.send({ server_id: scene.server, channel_id: "none", msg_body: "x" }), { kind: "refused", code: 403 });

bob = client("bob", { store });
view = bob.openChannel(scene.server, scene.channel);
assert.ok(!texts(view).includes("two"), "what is stored is shown after the first sync");
bob.connect();
await eventually("bob, who was away, sees that both are gone", () => texts(view).length === 2 && texts(view).every((text) => text === null));
assert.ok(!store.keys().some((key) => store.get(key)?.includes('"two"')));
assert.deepEqual((await bob.history({ ...there, limit: 1 })).messages.map((m) => m.msg_id), ["second"]);
assert.ok(await bob.ping() > 1_700_000_000_000);
assert.deepEqual((await bob.subscribe(scene.server, [scene.channel])).map((s) => s.res_code), [200]);
assert.deepEqual((await bob.unsubscribe(scene.server, [scene.channel])).map((s) => s.res_code), [200]);
alice.close();
bob.close();
console.log("all is well");
