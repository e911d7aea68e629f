import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Play, type Script } from "./script.js";

const folder = new URL("../../../conformance/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
if (files.length === 0) throw new Error("there are no scripts");

for (const file of files) {
  for (const script of JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Script[]) {
    test(`${file}: ${script.name}`, () => new Play(script).run());
  }
}
