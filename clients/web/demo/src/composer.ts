import { hasEnded, type Message } from "../../src/index.js";
import type { Device } from "./device.js";
import { h, icon } from "./dom.js";

/** Where a message is written. What is written is the library's draft, which has a quote for as long as the original is shown. */
export class Composer {
  readonly #quote = h("div", { class: "replying" });
  readonly #text: HTMLTextAreaElement;
  readonly element: HTMLFormElement;
  #shown: unknown;

  constructor(readonly device: Device) {
    this.#text = h("textarea", { rows: 1, maxLength: 5000, oninput: () => this.#typed(), onkeydown: (event: KeyboardEvent) => this.#pressed(event) });
    this.element = h("form", { class: "composer", onsubmit: (event: Event) => (event.preventDefault(), this.#send()) },
      this.#quote, this.#text, h("button", { class: "send", type: "submit", "aria-label": "Send", title: "Send (Enter)" }, icon("send")));
  }

  reply(message: Message): void {
    const { timestamp, msg_server_id } = message;
    this.device.draft = { msg_body: this.#text.value, reply_to: { timestamp, msg_server_id } };
    this.show();
    this.#text.focus();
  }

  /** Shows the draft of the channel that is shown. */
  show(): void {
    const { channel, title, draft } = this.device;
    if (this.#text.value !== draft.msg_body) this.#text.value = draft.msg_body;
    const quoted = draft.reply_to && this.device.replied(draft.reply_to);
    const shown = JSON.stringify([channel, draft.reply_to, draft.quote, quoted && hasEnded(quoted)]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#text.placeholder = `Message #${channel}`;
    this.#text.setAttribute("aria-label", `Message to ${channel} from ${title}`);
    this.#showQuote();
  }

  #showQuote(): void {
    const { reply_to, quote } = this.device.draft;
    this.#quote.hidden = !reply_to;
    if (!reply_to) return this.#quote.replaceChildren();
    const original = this.device.replied(reply_to);
    const text = quote ?? (original && hasEnded(original) ? "The original was revoked" : "An earlier message");
    const cancel = h("button", { class: "icon-only", type: "button", "aria-label": "Do not reply", title: "Do not reply (Escape)", onclick: () => this.#drop() }, icon("close"));
    this.#quote.replaceChildren(icon("reply"), h("span", {}, h("b", {}, "Reply to "), text), cancel);
  }

  #typed(): void {
    this.device.draft = { ...this.device.draft, msg_body: this.#text.value };
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "Escape") this.#drop();
  }

  #drop(): void {
    this.device.draft = { msg_body: this.#text.value };
    this.show();
    this.#text.focus();
  }

  #send(): void {
    const draft = this.device.draft;
    if (draft.msg_body.trim() === "") return;
    this.device.draft = { msg_body: "" };
    this.show();
    void this.device.send(draft);
  }
}
