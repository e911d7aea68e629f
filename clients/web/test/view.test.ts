import assert from "node:assert/strict";
import { test } from "node:test";
import { View, type Message } from "../src/index.js";

const update: Message = { server_id: "s1", channel_id: "c1", timestamp: 1, msg_server_id: "m", status: 1, version: 2, update_timestamp: 5 };

test("what says more of the same state completes it", () => {
  const view = new View("s1", "c1", 10);
  const whole = { ...update, from_accid: "bob", update_ope_info: { operator_id: "carol", operator_client_type: 4 } };
  assert.equal(view.apply(update), "added");
  assert.equal(view.apply(whole), "updated");
  assert.equal(view.apply(update), undefined);
  assert.deepEqual(view.messages, [whole]);
});

test("the messages are the same array until something changes", () => {
  const view = new View("s1", "c1", 10);
  view.apply(update);
  const { messages } = view;
  view.apply(update);
  assert.equal(view.messages, messages);
  view.apply({ ...update, msg_server_id: "n" });
  assert.notEqual(view.messages, messages);
});
