// The demo page in a browser, on a deployment, as e2e/page_test.go starts it: UNSEND_SCENE tells where all of it is.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Locator, type Page } from "playwright-core";

interface Scene {
  /** The page, where it shows the sample community. */
  page: string;
  browser: string;
  /** A folder for pictures. */
  pictures: string;
  /** A community of this test alone. Its windows are those below. */
  url: string;
  server: string;
  alice: string;
  bob: string;
  tokens: { alice: string; bob: string };
  /** POST there, and bob is banned. */
  ban: string;
}

const scene = JSON.parse(process.env.UNSEND_SCENE ?? "") as Scene;
const windows = { own: 4, others: 60 }; // s, as e2e/page_test.go sets them
const archived = 105; // messages, as it fills the channel archive
const patience = 15_000;
const wide = { width: 1440, height: 900 };
const narrow = { width: 360, height: 760 };
/** Makes the texts of this run unlike those of others, which the sample community keeps. */
const n = String(1000 + Math.floor(Math.random() * 9000));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser: Browser;
let page: Page;
const complaints: string[] = [];
const asked = new Set<string>();

before(async () => {
  // Chromium wants no root, except without its sandbox.
  browser = await chromium.launch({ executablePath: scene.browser, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [], timeout: patience });
  page = await browser.newPage({ viewport: wide, colorScheme: "light", reducedMotion: "reduce" });
  page.setDefaultTimeout(patience);
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => asked.add(new URL(request.url()).origin));
  page.on("websocket", (socket) => asked.add(new URL(socket.url()).origin));
  await page.goto(scene.page);
});

after(() => browser?.close());

const device = (title: string) => page.getByRole("region", { name: title, exact: true });
const message = (title: string, text: string) => device(title).getByRole("listitem").filter({ hasText: text }).last();
const field = (title: string) => device(title).getByRole("textbox", { name: /^Message to/ });
const network = (title: string) => device(title).getByRole("switch");
const note = (title: string) => device(title).getByRole("status");
const [phone, desk, bobsPhone, bobsDesk] = ["Alice’s phone", "Alice’s desk", "Bob’s phone", "Bob’s desk"] as const;
const everybody = [phone, desk, bobsPhone, bobsDesk];

async function shows(what: Locator, text?: string | RegExp): Promise<void> {
  await (text === undefined ? what : what.filter({ hasText: text })).first().waitFor();
}

async function say(title: string, text: string): Promise<void> {
  await field(title).fill(text);
  await field(title).press("Enter");
}

async function toldTo(titles: string[], text: string): Promise<void> {
  for (const title of titles) await shows(message(title, text).locator("time")); // a message that waits has none
}

async function revoke(title: string, text: string, reason: string): Promise<void> {
  await message(title, text).getByRole("button", { name: /^Revoke/ }).click();
  await page.getByRole("textbox", { name: /^Reason/ }).fill(reason);
  await page.keyboard.press("Enter");
}

/** The text is nowhere: not in what is shown, not in what is folded, not in a field. */
async function isGone(text: string): Promise<void> {
  const found = await page.evaluate((text) => {
    const holds = (element: Element) => element.outerHTML.includes(text) || ((element as HTMLInputElement).value ?? "").toString().includes(text);
    const innermost = [...document.querySelectorAll("*")].filter((element) => holds(element) && ![...element.children].some(holds));
    return innermost.map((element) => `${element.tagName} in ${element.closest("li")?.textContent}`);
  }, text);
  assert.deepEqual(found, [], "a revoked text is still in the page");
}

async function picture(name: string): Promise<void> {
  await page.screenshot({ path: `${scene.pictures}/${name}.png` });
}

/** Everybody can use it: axe finds nothing. In dark only the colours are different. */
async function isAccessible(where: string): Promise<void> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate(async (options) => {
      const { violations } = await (globalThis as any).axe.run(document, options);
      return violations.map((v: any) => `${v.id}: ${v.nodes.map((n: any) => n.target.join(" ")).slice(0, 3).join(", ")}`) as string[];
    }, colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {});
    assert.deepEqual(found, [], `${where}, ${colorScheme}`);
    await picture(`${where}-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

test("the sample community: two people with two devices each are online", async () => {
  for (const title of everybody) await shows(device(title), "Online");
  for (const title of everybody) await shows(device(title).getByRole("button", { name: "#general", pressed: true }));
});

test("what one device sends, the others show", async () => {
  await say(phone, `Wind is up to 6 at buoy ${n}. Who takes the dinghies in?`);
  await toldTo(everybody, `Wind is up to 6 at buoy ${n}`);
  assert.equal(await field(phone).inputValue(), "");
  await say(bobsDesk, `I can, with boat ${n}, after the briefing.`);
  await toldTo(everybody, `with boat ${n}`);
  await shows(message(phone, `Wind is up to 6 at buoy ${n}`).getByRole("button", { name: /^Revoke/ }), /Revoke [12]:\d\d/);
  await shows(message(bobsPhone, `Wind is up to 6 at buoy ${n}`).getByRole("button", { name: /^Revoke/ }), /Revoke (59:\d\d|1:00:00)/);
  assert.equal(await message(phone, `with boat ${n}`).getByRole("button", { name: /^Revoke/ }).count(), 0, "alice is no moderator");
});

test("the sender revokes, with the keyboard alone", async () => {
  await say(desk, `The spare key is in locker ${n}`);
  await toldTo(everybody, `in locker ${n}`);
  await field(desk).press("Shift+Tab"); // Reply
  await page.keyboard.press("Shift+Tab"); // Revoke
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape"); // not yet
  await shows(message(desk, `in locker ${n}`).getByRole("button", { name: /^Revoke/ }));
  await page.keyboard.press("Enter");
  await page.keyboard.type(`locker ${n} is no secret now`);
  await page.keyboard.press("Enter");
  for (const title of [phone, desk]) await shows(message(title, `Revoked by you: locker ${n} is no secret now`));
  for (const title of [bobsPhone, bobsDesk]) await shows(message(title, `Revoked by Alice: locker ${n} is no secret now`));
  await isGone(`is in locker ${n}`);
});

test("a moderator revokes another's message, and every quote of it is empty", async () => {
  const original = (title: string) => device(title).getByRole("listitem").filter({ has: page.locator(".body", { hasText: `The gate code is ${n}` }) });
  const replyTo = (title: string) => original(title).getByRole("button", { name: /^Reply/ }).click();
  await say(phone, `The gate code is ${n}`);
  await toldTo(everybody, `The gate code is ${n}`);
  await replyTo(bobsPhone);
  await say(bobsPhone, `Please change it tonight, ${n} is out.`);
  await toldTo(everybody, `Please change it tonight, ${n} is out.`);
  await shows(message(desk, `Please change it tonight, ${n} is out.`).locator("blockquote"), `The gate code is ${n}`);
  await replyTo(desk); // a draft quotes it, too
  await shows(device(desk).locator(".replying"), `The gate code is ${n}`);
  await original(bobsDesk).getByRole("button", { name: /^Revoke/ }).click();
  await picture("revoking");
  await page.getByRole("textbox", { name: /^Reason/ }).fill(`${n} belongs in #crew-room`);
  await page.keyboard.press("Enter");
  for (const title of [phone, desk]) await shows(message(title, `Revoked by Bob: ${n} belongs in #crew-room`), "You");
  for (const title of [bobsPhone, bobsDesk]) await shows(message(title, `Revoked by you: ${n} belongs in #crew-room`), "Alice");
  for (const title of everybody) await shows(message(title, `Please change it tonight, ${n} is out.`).locator("blockquote"), "The original was revoked");
  await shows(device(desk).locator(".replying"), "The original was revoked");
  await isGone(`The gate code is ${n}`);
  await field(desk).press("Escape");
  await device(desk).locator(".replying").waitFor({ state: "hidden" });
});

test("a device that was offline catches up, and sends what waited", async () => {
  await say(phone, `Lunch for boat ${n} is at one`);
  await toldTo(everybody, `Lunch for boat ${n} is at one`);
  await network(bobsPhone).click();
  await shows(note(bobsPhone), "Offline");
  await revoke(phone, `Lunch for boat ${n} is at one`, `boat ${n} eats at noon`);
  await say(desk, `Lunch for boat ${n} is at noon`);
  await toldTo([phone, desk, bobsDesk], `Lunch for boat ${n} is at noon`);
  await say(bobsPhone, `Boat ${n} is coming`);
  await shows(message(bobsPhone, "waits for the network"), `Boat ${n} is coming`);
  assert.equal(await message(bobsPhone, `Lunch for boat ${n} is at one`).count(), 1, "it cannot know");
  await isAccessible("offline");
  await network(bobsPhone).click();
  await shows(note(bobsPhone), "caught up: 1 new, 1 revoked");
  await shows(message(bobsPhone, `Revoked by Alice: boat ${n} eats at noon`), "while away");
  await toldTo(everybody, `Boat ${n} is coming`);
  await isGone(`Lunch for boat ${n} is at one`);
});

test("the frames are there, and what was revoked is erased in them", async () => {
  await page.locator("summary").filter({ hasText: "Frames" }).click();
  await shows(page.locator(".frame-list li.erased"));
  await page.locator(".frame-list li.erased").first().locator("summary").click();
  await shows(page.locator(".frame-list pre:visible"), "[erased]");
  await page.getByLabel("Of", { exact: true }).selectOption(bobsPhone);
  assert.deepEqual(await page.locator(".frame-list li:visible .who:nth-of-type(2)").evaluateAll((all) => [...new Set(all.map((each) => each.textContent))]), [bobsPhone]);
  await page.getByLabel("Of", { exact: true }).selectOption("");
  await isAccessible("frames");
  await page.locator("summary").filter({ hasText: "Frames" }).first().click();
});

test("everybody can use it, on a wide and on a narrow screen, in dark and in light", async () => {
  await isAccessible("wide");
  await page.setViewportSize(narrow);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
  await isAccessible("narrow");
  await page.setViewportSize(wide);
  await page.getByRole("button", { name: "Dark theme" }).click();
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
  await page.getByRole("button", { name: "Dark theme", pressed: true }).click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), undefined, "the system decides again");
});

test("what comes in another channel is counted", async () => {
  await device(bobsDesk).getByRole("button", { name: "#crew-room" }).click();
  await shows(field(bobsDesk).and(page.getByPlaceholder("Message #crew-room")));
  await say(desk, `High tide for boat ${n}`);
  await device(bobsDesk).getByRole("button", { name: "#general 1 unread" }).click();
  await toldTo([bobsDesk], `High tide for boat ${n}`);
  await device(phone).getByRole("button", { name: "#tide-table" }).click();
  await say(phone, "May I?");
  await shows(note(phone), "403: no permission");
  assert.equal(await field(phone).inputValue(), "May I?", "what was refused is not lost");
});

test("who is banned is shown nothing", async () => {
  await page.getByRole("button", { name: "Show Mallory, banned" }).click();
  for (const title of ["Mallory’s phone", "Mallory’s desk"]) {
    await shows(note(title), "403");
    assert.equal(await device(title).getByRole("listitem").count(), 0);
  }
  await page.getByRole("button", { name: "Hide Mallory" }).click();
});

const [hers, his] = [`${scene.alice}’s phone`, `${scene.bob}’s desk`] as const;

test("another deployment: its URL and tokens are asked for, and kept in memory alone", async () => {
  await page.getByRole("button", { name: "Connect…" }).click();
  await isAccessible("connect");
  await page.getByLabel("WebSocket URL").fill(scene.url);
  await page.getByLabel("Server", { exact: true }).fill(scene.server);
  await page.getByLabel("Token of person 1").fill("no token");
  await page.getByLabel("Own messages").fill(String(windows.own));
  await page.getByLabel("Others’ messages").fill(String(windows.others));
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await shows(page.getByRole("dialog").getByRole("alert"), "no JWT");
  await page.getByLabel("Token of person 1").fill(scene.tokens.alice);
  await page.getByLabel("Token of person 2").fill(scene.tokens.bob);
  await page.getByLabel("moderator").nth(1).check();
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  for (const title of [hers, his]) await shows(device(title), "Online");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, document.documentElement.outerHTML, [...document.querySelectorAll("input")].map(({ value }) => value)]));
  for (const token of Object.values(scene.tokens)) assert.equal(kept.includes(token), false, "a token is in the page, its URL or a store");
});

test("earlier messages are read from the history", async () => {
  const archive = device(his).getByRole("button", { name: "#archive", pressed: true }); // the first channel is shown unasked
  await shows(message(his, `message ${archived} of the archive`));
  assert.equal(await device(his).getByRole("listitem").count(), 100);
  const list = await device(his).getByRole("list").first().elementHandle();
  await list!.evaluate((list) => {
    const vanished = ((globalThis as any).vanished = [] as Node[]);
    new MutationObserver((changes) => changes.forEach(({ removedNodes }) => vanished.push(...removedNodes))).observe(list, { childList: true });
  });
  await archive.click();
  await say(his, "Still here?");
  await toldTo([his, hers], "Still here?");
  assert.equal(await page.evaluate(() => (globalThis as any).vanished.length), 0, "asking for the channel that is shown emptied it");
  await device(his).getByRole("button", { name: "Earlier messages" }).click();
  await shows(message(his, "message 1 of the archive"));
  assert.equal(await device(his).getByRole("listitem").count(), archived + 1);
  await device(his).getByRole("button", { name: "Earlier messages" }).waitFor({ state: "hidden" });
  for (const title of [hers, his]) await device(title).getByRole("button", { name: "#lobby" }).click();
});

test("the window runs out: the countdown ends, and the server says 508", async () => {
  await say(hers, "Start at noon");
  await toldTo([hers], "Start at noon");
  const button = message(hers, "Start at noon").getByRole("button", { name: /^Revoke/ });
  await shows(button, /Revoke 0:0[1-4]/);
  await toldTo([his], "Start at noon");
  await shows(button, "too late");
  await button.click();
  await page.getByRole("textbox", { name: /^Reason/ }).press("Enter");
  await shows(message(hers, "Start at noon").getByRole("alert"), "508: message recall time exceeded");
  await shows(message(his, "Start at noon").getByRole("button", { name: /^Revoke/ }), /Revoke 0:[1-5]\d/);
  await picture("too-late");
});

test("who is banned loses what was shown, at the next thing they ask", async () => {
  assert.equal((await fetch(scene.ban, { method: "POST", signal: AbortSignal.timeout(patience) })).status, 204);
  await say(his, "Let me in");
  await shows(note(his), "403");
  await device(his).getByText("Start at noon").waitFor({ state: "detached" });
  await shows(message(hers, "Start at noon"));
  await isAccessible("banned");
});

test("on a host of static files it asks for a deployment", async () => {
  const folder = new URL("../../demo/dist/", import.meta.url);
  const types: Record<string, string> = { html: "text/html", css: "text/css", js: "text/javascript", json: "application/json" };
  const host = createServer((request, answer) => {
    const name = request.url === "/" ? "index.html" : request.url!.slice(1);
    answer.setHeader("content-type", types[name.split(".").at(-1)!]!).end(readFileSync(new URL(name, folder)));
  });
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
  try {
    await page.goto(`http://127.0.0.1:${(host.address() as AddressInfo).port}/`);
    await shows(page.getByRole("heading", { name: "No deployment yet" }));
    await isAccessible("static");
    await page.getByRole("button", { name: "Connect to a deployment" }).click();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  } finally {
    host.close();
    host.closeAllConnections();
  }
});

test("nothing was complained of, and nothing was fetched from elsewhere", () => {
  assert.deepEqual(complaints, []);
  assert.ok([...asked].every((origin) => /^(http|ws):\/\/127\.0\.0\.1:/.test(origin)), `it asked ${[...asked].join(", ")}`);
});
