import { h, icon } from "./dom.js";
import { accountOf, type Person, type Scene } from "./scene.js";

interface TokenRow {
  element: HTMLElement;
  token: HTMLInputElement;
  moderates: HTMLInputElement;
}

/** Asks for another deployment. What is typed here is kept in memory alone, and is gone with the page. */
export class ConnectDialog {
  readonly #url = h("input", { id: "url", type: "url", required: true, pattern: "wss?://.+", placeholder: "wss://….execute-api.eu-central-1.amazonaws.com/live", autocomplete: "off" });
  readonly #server = h("input", { id: "server", required: true, maxLength: 64, placeholder: "harbour", autocomplete: "off" });
  readonly #own = h("input", { id: "own", type: "number", min: "0", max: "86400", value: "120", required: true });
  readonly #others = h("input", { id: "others", type: "number", min: "0", max: "86400", value: "120", required: true });
  readonly #tokens = h("div", { class: "tokens" });
  readonly #problem = h("p", { class: "failure", role: "alert" });
  readonly #rows: TokenRow[] = [];
  readonly element: HTMLDialogElement;

  constructor(readonly connect: (scene: Scene) => void) {
    for (let i = 0; i < 2; i++) this.#add();
    this.element = h("dialog", { "aria-labelledby": "connect-title", onclose: () => this.#forget() }, h("form", { method: "dialog", onsubmit: (event: Event) => this.#submit(event) },
      h("h2", { id: "connect-title" }, "Connect to a deployment"),
      field("WebSocket URL", this.#url), field("Server", this.#server),
      h("fieldset", {}, h("legend", {}, "Tokens, one for each person"), this.#tokens,
        h("button", { class: "plain", type: "button", onclick: () => this.#add().token.focus() }, icon("plus"), "Another person")),
      h("fieldset", { class: "pair" }, h("legend", {}, "Revoke windows, in seconds (for the countdown; the server decides)"), field("Own messages", this.#own), field("Others’ messages", this.#others)),
      this.#problem,
      h("p", { class: "hint" }, "Tokens stay in this page’s memory and go to that URL alone."),
      h("div", { class: "buttons" }, h("button", { class: "plain", type: "button", onclick: () => this.element.close() }, "Cancel"), h("button", { class: "primary", type: "submit" }, "Connect"))));
  }

  /** No token stays behind, whether it was used or not. */
  #forget(): void {
    for (const { token } of this.#rows) token.value = "";
  }

  open(): void {
    this.#problem.textContent = "";
    this.element.showModal();
    this.#url.focus();
  }

  #add(): TokenRow {
    const n = this.#rows.length + 1;
    const token = h("input", { type: "password", autocomplete: "off", spellcheck: false, required: n === 1, "aria-label": `Token of person ${n}`, placeholder: "eyJ…" });
    const moderates = h("input", { type: "checkbox" });
    const row = { token, moderates, element: h("div", { class: "token" }, token, h("label", {}, moderates, "moderator")) };
    this.#rows.push(row);
    this.#tokens.append(row.element);
    return row;
  }

  #submit(event: Event): void {
    const people: Person[] = [];
    for (const { token, moderates } of this.#rows.filter((row) => row.token.value.trim() !== "")) {
      const secret = token.value.trim();
      const accid = accountOf(secret);
      if (!accid || people.some((other) => other.accid === accid)) {
        event.preventDefault();
        this.#problem.textContent = accid ? "Two tokens are of the same account." : "A token is no JWT with a sub.";
        return token.focus();
      }
      const windows = { own: this.#own.valueAsNumber * 1000, ...(moderates.checked && { others: this.#others.valueAsNumber * 1000 }) };
      people.push({ accid, nick: accid, windows: { "*": windows }, token: () => secret });
    }
    this.connect({ url: this.#url.value.trim(), server: this.#server.value.trim(), people });
  }
}

function field(name: string, input: HTMLInputElement): HTMLElement {
  return h("div", { class: "field" }, h("label", { for: input.id }, name), input);
}
