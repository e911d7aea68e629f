import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const most = 7.25 * 1024;

test("the library is small", async (t) => {
  const entry = new URL("../../dist/index.js", import.meta.url).pathname;
  const result = await build({ entryPoints: [entry], bundle: true, minify: true, format: "esm", target: "es2022", write: false });
  const bytes = result.outputFiles[0]!.contents;
  const size = gzipSync(bytes, { level: 9 }).length;
  t.diagnostic(`${size} bytes minified and gzipped, ${bytes.length} minified`);
  assert.ok(size <= most, `${size} bytes, and ${most} are allowed`);
});
