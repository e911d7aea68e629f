import { tagOf, type SendRequest } from "../../src/index.js";
import { Composer } from "./composer.js";
import type { CaughtUp, Device } from "./device.js";
import { h, icon } from "./dom.js";
import { MessageRow } from "./message_row.js";
import { windowsOf, type Windows } from "./scene.js";
import { span } from "./server_clock.js";

const states = { open: "Online", connecting: "Connecting", closed: "Closed", offline: "Offline" } as const;
/** So near to its end, in pixels, a list follows what comes. */
const nearEnd = 80;

/** A device, as its owner sees it. */
export class DevicePane {
  readonly element: HTMLElement;
  readonly #state = h("span", { class: "state" });
  readonly #power: HTMLButtonElement;
  readonly #channels = h("div", { class: "channels", role: "group" });
  readonly #rights = h("p", { class: "rights" });
  readonly #list = h("ol", { class: "messages" });
  readonly #log: HTMLElement;
  readonly #earlier: HTMLButtonElement;
  readonly #pending = h("ol", { class: "pending" });
  readonly #note = h("div", { class: "note", role: "status" });
  readonly #composer: Composer;
  readonly #rows = new Map<string, MessageRow>();
  #channel = "";
  /** The end of the messages is in sight, and stays so. */
  #follows = true;
  #drawn = "";

  constructor(readonly device: Device) {
    this.#composer = new Composer(device);
    this.#power = h("button", { class: "power", type: "button", role: "switch", onclick: () => (device.wire.isUp ? device.goOffline() : device.comeBack()) }, h("span", { class: "knob", "aria-hidden": "true" }));
    this.#earlier = h("button", { class: "earlier plain", type: "button", onclick: () => void device.readEarlier() }, icon("up"), "Earlier messages");
    this.#channels.setAttribute("aria-label", `Channels on ${device.title}`);
    this.#log = h("div", { class: "log", role: "log", tabIndex: 0, "aria-label": `Messages on ${device.title}`, "aria-live": "off" }, this.#earlier, this.#list, this.#pending);
    this.element = h("section", { class: `device ${device.name}`, "aria-label": device.title, onfocusin: () => this.#speak("polite"), onfocusout: () => this.#speak("off") },
      h("header", {}, icon(device.name), h("h3", {}, device.name), this.#state, this.#power),
      this.#channels, this.#rights, this.#log, this.#note, this.#composer.element);
    this.#log.addEventListener("scroll", () => (this.#follows = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < nearEnd));
    new ResizeObserver(() => this.#follow()).observe(this.#log);
    this.show();
  }

  #follow(): void {
    if (this.#follows) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Of several devices that show the same messages only the one in use speaks. */
  #speak(how: "polite" | "off"): void {
    this.#log.setAttribute("aria-live", how);
  }

  show(): void {
    this.#showState();
    this.#showChannels();
    this.#showMessages();
    this.#showNote();
    this.#composer.show();
  }

  /** Time passes. */
  tick(): void {
    for (const row of this.#rows.values()) row.tick();
  }

  #showState(): void {
    const { device } = this;
    const state = device.isUnreachable && device.state === "connecting" ? "Cannot connect" : states[device.state];
    this.element.dataset.state = device.state;
    this.element.classList.toggle("barred", device.isRefused);
    this.#state.textContent = state;
    this.#power.setAttribute("aria-checked", String(device.wire.isUp));
    this.#power.setAttribute("aria-label", `${device.title} is on the network`);
    this.#power.title = device.wire.isUp ? "Take this device offline" : "Put it back on the network";
  }

  #showChannels(): void {
    const { device } = this;
    const drawn = JSON.stringify([device.channels, device.channel, [...device.unread]]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = this.#channels.contains(document.activeElement);
    this.#channels.replaceChildren(...device.channels.map((channel) => this.#channelButton(channel)));
    if (focused) this.#channels.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
    this.#rights.textContent = device.channel && rights(windowsOf(device.person, device.channel));
  }

  #channelButton(channel: string): HTMLButtonElement {
    const { device } = this;
    const unread = device.unread.get(channel);
    const badge = unread ? h("span", { class: "unread" }, String(unread), h("span", { class: "unseen" }, " unread")) : undefined;
    return h("button", { type: "button", class: "channel", "aria-pressed": String(channel === device.channel), onclick: () => device.show(channel) }, `#${channel}`, badge && " ", badge);
  }

  #showMessages(): void {
    const { device } = this;
    if (device.channel !== this.#channel) {
      this.#channel = device.channel;
      this.#rows.clear();
      this.#list.replaceChildren();
      this.#follows = true;
    }
    const messages = device.channel ? device.view.messages : [];
    const tags = messages.map(tagOf);
    for (const [tag, row] of this.#rows) if (!tags.includes(tag)) row.element.remove(), this.#rows.delete(tag);
    let next: ChildNode | null = this.#list.firstChild;
    messages.forEach((message, i) => {
      const row = this.#rowOf(tags[i]!);
      row.show(message);
      if (row.element === next) next = next.nextSibling;
      else this.#list.insertBefore(row.element, next);
      row.tick();
    });
    this.#earlier.hidden = !device.channel || messages.length === 0 || device.view.from === "";
    this.#pending.replaceChildren(...(device.channel ? device.pending : []).map((request) => pendingRow(request, device)));
    this.#follow();
  }

  #rowOf(tag: string): MessageRow {
    let row = this.#rows.get(tag);
    if (!row) this.#rows.set(tag, (row = new MessageRow(this.device, (message) => this.#composer.reply(message))));
    return row;
  }

  #showNote(): void {
    const { device } = this;
    const [kind, text] = this.#noteOf();
    const key = `${kind} ${text}`;
    if (this.#note.dataset.shown === key) return;
    this.#note.dataset.shown = key;
    this.#note.className = `note ${kind}`;
    this.#note.replaceChildren(...(text ? [h("span", {}, text)] : []));
    if (kind === "caught-up") this.#note.append(h("button", { class: "icon-only", type: "button", "aria-label": "Close", onclick: () => ((device.caughtUp = undefined), this.show()) }, icon("close")));
  }

  #noteOf(): [kind: string, text: string] {
    const { device } = this;
    if (device.isRefused) return ["refused", "403: not a member of this server, or banned. Nothing is shown, and what was kept is deleted."];
    if (device.refusal) return ["refused", device.refusal];
    if (device.state === "offline") return ["away", "Offline. This is what the device knew; what you send waits."];
    if (device.isUnreachable && device.state === "connecting") return ["refused", "No connection: is the URL right, and the token good? It is tried again."];
    if (device.caughtUp) return ["caught-up", caughtUp(device.caughtUp)];
    return ["", ""];
  }
}

/** What a person may take back. A moderator's window is for any message, their own among them. */
function rights({ own, others }: Windows): string {
  if (others === undefined) return `Revokes own messages ${span(own)}`;
  return others < 0 || (own >= 0 && others >= own) ? `Revokes anyone’s messages ${span(others)}` : `Revokes own messages ${span(own)}, others’ ${span(others)}`;
}

function pendingRow(request: SendRequest, device: Device): HTMLElement {
  const state = device.state === "offline" ? "waits for the network" : "sending";
  return h("li", { class: "message own waiting" }, h("div", { class: "by" }, h("b", {}, "You"), " ", h("span", {}, state)), h("p", { class: "body" }, request.msg_body ?? ""));
}

function caughtUp({ added, revoked }: CaughtUp): string {
  const parts = [added.size ? `${added.size} new` : "", revoked.size ? `${revoked.size} revoked` : ""].filter((part) => part !== "");
  if (parts.length === 0) return "Back online: nothing was missed.";
  return `Back online, caught up: ${parts.join(", ")}.`;
}

