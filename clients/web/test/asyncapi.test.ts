import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Parser } from "@asyncapi/parser";

// That it says what the frames are is tested where they are made, in shared/wire.
test("docs/asyncapi.yaml is an AsyncAPI document", async () => {
  const text = readFileSync(new URL("../../../../docs/asyncapi.yaml", import.meta.url), "utf8");
  const { document, diagnostics } = await new Parser().parse(text);
  const wrong = diagnostics.filter(({ severity }) => severity <= 1); // errors and warnings
  assert.deepEqual(wrong.map(({ path, message }) => `${path.join(".")}: ${message}`), []);
  assert.equal(document?.operations().all().length, 9);
});
