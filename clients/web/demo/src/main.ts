import { ConnectDialog } from "./connect_dialog.js";
import { h, icon } from "./dom.js";
import { FramesPanel } from "./frames_panel.js";
import { PersonCard, titleOf } from "./person_card.js";
import { localScene, type Person, type Scene } from "./scene.js";
import { ServerClock } from "./server_clock.js";
import { themeButton } from "./theme.js";

/** The page: the people of a scene, and the frames that pass. */
class Page {
  #scene: Scene | undefined;
  #clock = new ServerClock();
  readonly #cards = new Map<string, PersonCard>();
  readonly #frames = new FramesPanel();
  readonly #people = h("main", { class: "people" });
  readonly #others = h("div", { class: "others", role: "group", "aria-label": "Show another person" });
  readonly #where = h("p", { class: "where" });
  readonly #dialog = new ConnectDialog((scene) => this.show(scene));

  constructor() {
    document.body.append(
      h("header", { class: "top" },
        h("h1", {}, icon("revoke"), "Unsend"), this.#where, this.#others,
        h("button", { class: "plain", type: "button", onclick: () => this.#dialog.open() }, "Connect…"), themeButton()),
      this.#people, this.#frames.element, this.#dialog.element);
    setInterval(() => this.#tick(), 250);
  }

  show(scene: Scene): void {
    for (const card of this.#cards.values()) card.close();
    this.#cards.clear();
    this.#people.replaceChildren();
    this.#frames.clear();
    this.#scene = scene;
    this.#clock = new ServerClock();
    this.#where.textContent = scene.server;
    for (const person of scene.people.slice(0, scene.shown)) this.#add(person);
    this.#offer();
  }

  /** Nobody is here yet. */
  empty(problem = ""): void {
    this.#people.replaceChildren(h("section", { class: "empty" },
      h("h2", {}, "No deployment yet"),
      h("p", {}, problem || "This page shows what a revoke does on every device. It needs the WebSocket URL of a deployment, and a token for each person."),
      h("button", { class: "primary", type: "button", onclick: () => this.#dialog.open() }, "Connect to a deployment")));
  }

  #add(person: Person): void {
    const events = {
      revoked: this.#frames.log.erase.bind(this.#frames.log),
      frame: (device: { title: string }, direction: "sent" | "received", text: string) => this.#frames.log.add(device.title, direction, text),
    };
    const card = new PersonCard(this.#scene!, person, this.#clock, events, () => this.#remove(person));
    this.#cards.set(person.accid, card);
    this.#people.append(card.element);
  }

  #remove(person: Person): void {
    this.#cards.get(person.accid)?.close();
    this.#cards.delete(person.accid);
    this.#offer();
    this.#others.querySelector("button")?.focus();
  }

  /** Who is not shown can be. */
  #offer(): void {
    const hidden = this.#scene!.people.filter(({ accid }) => !this.#cards.has(accid));
    this.#others.replaceChildren(...hidden.map((person) => {
      const title = titleOf(person);
      return h("button", { class: "chip", type: "button", "aria-label": `Show ${person.nick}, ${title.toLowerCase()}`, title, onclick: () => (this.#add(person), this.#offer()) }, icon("plus"), person.nick);
    }));
  }

  #tick(): void {
    for (const card of this.#cards.values()) card.tick();
  }
}

const page = new Page();
try {
  const scene = await localScene();
  if (scene) page.show(scene);
  else page.empty();
} catch {
  page.empty("The local stack does not answer: is scripts/dev up? Then load this page again.");
}
