import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** 0.5 KiB more than at first: subscriptions that are refused or left, reads that fail, and answers that are older than a revoke. */
const most = 7.75 * 1024;

test("the library is small", async (t) => {
  const entry = new URL("../../dist/index.js", import.meta.url).pathname;
  const result = await build({ entryPoints: [entry], bundle: true, minify: true, format: "esm", target: "es2022", write: false });
  const bytes = result.outputFiles[0]!.contents;
  const size = gzipSync(bytes, { level: 9 }).length;
  t.diagnostic(`${size} bytes minified and gzipped, ${bytes.length} minified`);
  assert.ok(size <= most, `${size} bytes, and ${most} are allowed`);
});

/** The demo page with the library in it: less than what one of its pictures has. */
const mostOfThePage = 24 * 1024;

test("the demo page is small, and fetches nothing from elsewhere", (t) => {
  const folder = new URL("../../demo/dist/", import.meta.url);
  const files = readdirSync(folder).map((name) => ({ name, bytes: readFileSync(new URL(name, folder)) }));
  assert.deepEqual(files.map(({ name }) => name).sort(), ["demo.css", "demo.json", "index.html", "main.js"]);
  const size = files.reduce((sum, { bytes }) => sum + gzipSync(bytes, { level: 9 }).length, 0);
  t.diagnostic(`${size} bytes gzipped: ${files.map(({ name, bytes }) => `${name} ${gzipSync(bytes, { level: 9 }).length}`).join(", ")}`);
  assert.ok(size <= mostOfThePage, `${size} bytes, and ${mostOfThePage} are allowed`);
  for (const { name, bytes } of files) {
    const addresses = bytes.toString().match(/\b(https?|wss?):\/\/[\w.-]+\w/g) ?? [];
    assert.deepEqual([...new Set(addresses)].filter((address) => !["http://www.w3.org", "https://www.w3.org"].includes(address)), [], name);
  }
});
