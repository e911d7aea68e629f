import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { build } from "esbuild";
import { FakeSocket } from "./fake_socket.js";

const root = new URL("../../", import.meta.url); // clients/web
const folder = new URL("build/readme/", root);

/** Answers as a deployment with one message would. */
const endpoint = {
  dialed: (socket: FakeSocket) => socket.accept(),
  received(socket: FakeSocket, text: string) {
    const { action, request_id, msg_body, msg_id } = JSON.parse(text);
    const message = { server_id: "s1", channel_id: "c1", timestamp: 1, msg_server_id: "m", msg_id, from_accid: "alice", version: 1, update_timestamp: 1 };
    const answers: Record<string, object> = {
      sync: { updates: [], cursor: "x", access: { c1: "stamp" }, delivery: "all" },
      history: { messages: [] },
      send: { message: { ...message, status: 0, msg_body } },
      revoke: { message: { ...message, status: 1, version: 2 } },
    };
    setImmediate(() => socket.deliver(JSON.stringify({ type: "response", action, request_id, res_code: 200, ...answers[action] })));
  },
};

test("the README's example compiles against the published types, and runs", async (t) => {
  const readme = readFileSync(new URL("../../README.md", root), "utf8");
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1];
  assert.ok(example, "README.md has no example");
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("example.ts", folder), example);
  writeFileSync(new URL("tsconfig.json", folder), JSON.stringify({
    extends: "../../tsconfig.json",
    compilerOptions: { noEmit: true, rootDir: "../..", module: "ESNext", moduleResolution: "Bundler", types: [], paths: { unsend: ["../../dist/index.d.ts"] } },
    files: ["example.ts"],
  }));
  const { pathname } = folder;
  execFileSync(process.execPath, [new URL("node_modules/typescript/bin/tsc", root).pathname, "-p", pathname], { stdio: ["ignore", "inherit", "inherit"] });
  await build({ entryPoints: [pathname + "example.ts"], bundle: true, format: "esm", outfile: pathname + "example.mjs", tsconfigRaw: "{}", alias: { unsend: new URL("dist/index.js", root).pathname },
    footer: { js: "client.close();" } });

  const said: string[] = [];
  t.mock.method(console, "log", (line: string) => said.push(line));
  t.mock.method(globalThis, "fetch", async () => new Response("token"));
  Object.assign(globalThis, {
    addEventListener: () => {},
    WebSocket: class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, endpoint);
      }
    },
  });
  await import(pathname + "example.mjs");
  assert.deepEqual(said.filter((line) => line !== ""), ["the code is 4711", "(taken back)"]);
});
