// The parts of the demo page that need no browser; test/page.ts drives the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameLog } from "../demo/src/frame_log.js";
import { accountOf, windowsOf, type Person } from "../demo/src/scene.js";
import { countdown, ServerClock, span } from "../demo/src/server_clock.js";

const place = { server_id: "s1", channel_id: "c1" };
const key = { ...place, timestamp: 1, msg_server_id: "m1" };
const sent = JSON.stringify({ action: "send", ...place, msg_id: "7d3f", msg_body: "the code", push_content: "the code, too" });
const answer = JSON.stringify({ type: "response", action: "send", res_code: 200, message: { ...key, msg_id: "7d3f", msg_body: "the code" } });
const notice = JSON.stringify({ type: "notices", notices: [{ event: "message", message: { ...key, msg_id: "7d3f", msg_body: "the code" } }] });
const history = JSON.stringify({ type: "response", action: "history", messages: [{ ...key, msg_attach: "the code" }, { ...key, msg_server_id: "m2", msg_body: "stays" }] });

function log(...texts: string[]): FrameLog {
  const made = new FrameLog(() => {});
  for (const text of texts) made.add("alice’s phone", "received", text);
  return made;
}

test("what was revoked is erased in every frame, also in the send that knew no server id", () => {
  const frames = log(sent, answer, notice, history);
  frames.erase(key);
  assert.ok(frames.frames.every(({ text, erased }) => !text.includes("the code") && erased));
  assert.ok(frames.frames.at(-1)!.text.includes("stays"));
});

test("a frame that comes after the revoke is erased as it comes", () => {
  const frames = log(answer);
  frames.erase(key);
  for (const late of [sent, notice, history]) frames.add("bob’s desk", "received", late);
  assert.ok(frames.frames.every(({ text }) => !text.includes("the code")));
});

test("what a frame tells of an end erases, whoever it was told to", () => {
  const update = { ...key, status: 1, version: 2, update_timestamp: 2 };
  for (const told of [{ updates: [update] }, { messages: [{ ...update, msg_body: "the code" }] }, { message: { ...update, status: 2 } }]) {
    const frames = log(sent, answer, notice, history, JSON.stringify(told));
    assert.ok(frames.frames.every(({ text }) => !text.includes("the code")), JSON.stringify(told));
    assert.ok(frames.frames[3]!.text.includes("stays"));
  }
});

test("the answer to a send comes after the revoke, and the send before it is erased", () => {
  const frames = log(sent);
  frames.erase(key);
  frames.add("alice’s phone", "received", answer);
  assert.ok(frames.frames.every(({ text, erased }) => !text.includes("the code") && erased));
});

test("another message with the same ids in another channel stays", () => {
  const frames = log(notice);
  frames.erase({ ...key, channel_id: "c2" });
  assert.ok(frames.frames[0]!.text.includes("the code"));
});

test("what is no frame is shown as it is, and the oldest frames go", () => {
  const frames = log("no JSON", "null", "[1]");
  assert.deepEqual(frames.frames.map(({ label, text }) => [label, text.replaceAll(/\s/g, "")]), [["?", "noJSON"], ["?", "null"], ["?", "[1]"]]);
  for (let i = 0; i < 400; i++) frames.add("x", "sent", "{}");
  assert.deepEqual([frames.frames.length, frames.frames[0]!.number, frames.passed], [300, 104, 403]);
});

test("a countdown shows 0:00 at its end and never before", () => {
  for (const [ms, text] of [[120_000, "2:00"], [119_999, "2:00"], [1, "0:01"], [0, "0:00"], [-5, "0:00"], [3_599_001, "1:00:00"], [61_000, "1:01"]] as const) assert.equal(countdown(ms), text);
  for (const [ms, text] of [[-1, "at any time"], [0, "never"], [200, "for 200 ms"], [120_000, "for 2 min"], [3_600_000, "for 1 h"], [1500, "for 1.5 s"]] as const) assert.equal(span(ms), text);
});

test("the server's time holds whatever the machine's clock says, and the quickest answer counts", async (t) => {
  const clock = new ServerClock();
  t.mock.method(Date, "now", () => 0);
  let passed = 1_000;
  t.mock.method(performance, "now", () => passed);
  await clock.ask(async () => ((passed += 10), 5_000));
  assert.equal(clock.now(), 5_005);
  await clock.ask(async () => ((passed += 500), 9_000));
  assert.equal(clock.now(), 5_505, "a slow answer says less");
  passed += 1_000;
  assert.equal(clock.now(), 6_505);
});

test("a token names its account, and what is none names nobody", () => {
  const token = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
  assert.equal(accountOf(token({ sub: "zoë" })), "zoë");
  for (const none of ["", "a.b.c", "eyJ", token({}), token({ sub: 7 }), token({ sub: "" }), token(null)]) assert.equal(accountOf(none), undefined);
});

test("a channel's window holds, then the one for all of them, then the default", () => {
  const person: Person = { accid: "a", nick: "A", token: () => "", windows: { c1: { own: 5 }, "*": { own: 7, others: 9 } } };
  assert.deepEqual([windowsOf(person, "c1"), windowsOf(person, "c2"), windowsOf({ ...person, windows: {} }, "c1")], [{ own: 5 }, { own: 7, others: 9 }, { own: 120_000 }]);
});
