import { hasEnded, tagOf, type Message } from "../../src/index.js";
import type { Device } from "./device.js";
import { h, icon } from "./dom.js";
import { revokeForm } from "./revoke_form.js";
import { countdown, timeOfDay } from "./server_clock.js";

/** Asks for an answer to a message. */
export type Reply = (message: Message) => void;

/** A message as one device shows it. */
export class MessageRow {
  readonly element = h("li", { class: "message", tabIndex: -1 });
  #shown: unknown[] = [];
  #form: HTMLFormElement | undefined;
  #message!: Message;
  readonly #left = h("span", { class: "left" });
  readonly #of = h("span", { class: "unseen" });
  readonly #button: HTMLButtonElement;

  constructor(readonly device: Device, readonly reply: Reply) {
    this.#button = h("button", { class: "action revoke", type: "button", onclick: () => this.#ask() }, icon("revoke"), h("span", {}, "Revoke"), " ", this.#left, this.#of);
  }

  /** Shows the message as it is now. What is the same stays, so that focus does. */
  show(message: Message): void {
    const { activeElement } = document;
    const quoted = message.reply_to && this.device.replied(message.reply_to);
    const failure = this.device.failures.get(tagOf(message));
    const { added, revoked } = this.device.caughtUp ?? {};
    const isNews = Boolean(added?.has(tagOf(message)) || revoked?.has(tagOf(message)));
    const shown = [message, quoted, failure, isNews];
    if (shown.every((value, i) => value === this.#shown[i]) && this.#shown.length > 0) return;
    const wasThere = this.#shown.length > 0;
    this.#shown = shown;
    this.#message = message;
    const hadFocus = this.element.contains(activeElement);
    if (hasEnded(message)) this.#form = undefined;
    this.element.replaceChildren(...this.#parts(message, quoted, failure, isNews));
    this.element.className = ["message", this.device.isOwn(message) ? "own" : "", hasEnded(message) ? "gone" : "", isNews ? "news" : "", wasThere && hasEnded(message) ? "just-gone" : ""].join(" ").trim();
    this.tick();
    if (hadFocus) this.#refocus(activeElement as HTMLElement);
  }

  /** What had the focus keeps it, where it is still there: else the message has it, and not the page's beginning. */
  #refocus(focused: HTMLElement): void {
    (this.element.contains(focused) ? focused : this.element).focus({ preventScroll: true });
  }

  /** Counts down. The button stays when time is up: the server decides, and says why. */
  tick(): void {
    if (!this.#button.isConnected) return;
    const window = this.device.windowOf(this.#message);
    const left = window < 0 ? Infinity : this.#message.timestamp + window - this.device.clock.now();
    const text = left === Infinity ? "" : left > 0 ? countdown(left) : "too late";
    if (this.#left.textContent === text) return;
    this.#left.textContent = text;
    this.#button.classList.toggle("late", left <= 0);
    this.#button.title = left > 0 ? "Take this message back, for everybody" : "508: message recall time exceeded";
    this.#left.ariaHidden = String(left > 0); // a name that changes each second is read out each second
    this.#of.textContent = `: message of ${this.#author()}, ${timeOfDay(this.#message.timestamp)}`;
  }

  #author(): string {
    return this.device.isOwn(this.#message) ? "you" : nickOf(this.#message);
  }

  #parts(message: Message, quoted: Message | undefined, failure: string | undefined, isNews: boolean): Node[] {
    const news = isNews ? h("span", { class: "mark" }, "while away") : undefined;
    const head = h("div", { class: "by" }, h("b", {}, this.device.isOwn(message) ? "You" : nickOf(message)), " ", h("time", {}, timeOfDay(message.timestamp)), news);
    if (hasEnded(message)) return [head, h("p", { class: "tombstone" }, icon("revoke"), h("span", {}, tombstone(message, this.device)))];
    return [
      head,
      ...(message.reply_to ? [quote(quoted)] : []),
      h("p", { class: "body" }, message.msg_body ?? "(no text)"),
      ...(failure ? [h("p", { class: "failure", role: "alert" }, failure)] : []),
      this.#form ?? this.#actions(message),
    ];
  }

  #actions(message: Message): Node {
    const reply = h("button", { class: "action", type: "button", "aria-label": `Reply to ${this.#author()}, ${timeOfDay(message.timestamp)}`, onclick: () => this.reply(message) }, icon("reply"), h("span", {}, "Reply"));
    return h("div", { class: "actions" }, this.device.windowOf(message) === 0 ? undefined : this.#button, reply);
  }

  #ask(): void {
    const message = this.#message;
    this.device.failures.delete(tagOf(message));
    this.#form = revokeForm({
      cancel: () => this.#answered(message),
      revoke: (postscript) => {
        this.#answered(message);
        void this.device.revoke(message, postscript ? { postscript } : {});
      },
    });
    this.#again(message);
    this.#form.querySelector("input")!.focus();
  }

  #answered(message: Message): void {
    this.#form = undefined;
    this.#again(message);
    this.#button.focus();
  }

  #again(message: Message): void {
    this.#shown = [];
    this.show(message);
  }
}

function nickOf(message: Message): string {
  return message.from_nick || message.from_accid || "somebody";
}

/** A quote is made of ids alone, so it shows what is left of the original. */
function quote(quoted: Message | undefined): Node {
  if (!quoted) return h("blockquote", { class: "quote missing" }, "An earlier message");
  if (hasEnded(quoted)) return h("blockquote", { class: "quote missing" }, "The original was revoked");
  return h("blockquote", { class: "quote" }, h("b", {}, nickOf(quoted)), " ", quoted.msg_body ?? "");
}

/** Says who took a message back, which need not be who wrote it, and why. */
function tombstone(message: Message, device: Device): string {
  const operation = message.update_ope_info;
  if (!operation) return "This message was revoked";
  const who = operation.operator_id === device.person.accid ? "you" : operation.operator_nick || operation.operator_id;
  return `Revoked by ${who}${operation.postscript ? `: ${operation.postscript}` : ""}`;
}
