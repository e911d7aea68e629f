import { Device, type DeviceEvents } from "./device.js";
import { DevicePane } from "./device_pane.js";
import { h, icon } from "./dom.js";
import { deviceNames, type Person, type Scene } from "./scene.js";
import type { ServerClock } from "./server_clock.js";

/** A person with their devices, side by side. */
export class PersonCard {
  readonly element: HTMLElement;
  readonly #panes: DevicePane[];

  constructor(scene: Scene, readonly person: Person, clock: ServerClock, events: Omit<DeviceEvents, "changed">, leave: () => void) {
    this.#panes = deviceNames.map((name) => {
      const device: Device = new Device(scene, person, name, clock, { ...events, changed: () => this.#soon() });
      return new DevicePane(device);
    });
    this.element = h("article", { class: "person", "aria-label": person.nick },
      h("header", {},
        avatar(person), h("h2", {}, person.nick), h("span", { class: `badge ${titleOf(person).toLowerCase()}` }, titleOf(person)),
        h("button", { class: "icon-only", type: "button", "aria-label": `Hide ${person.nick}`, title: `Hide ${person.nick}`, onclick: leave }, icon("close"))),
      h("div", { class: "devices" }, ...this.#panes.map((pane) => pane.element)));
  }

  #isDue = false;

  /** Draws once for all that one frame changed. */
  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      for (const pane of this.#panes) pane.show();
    });
  }

  tick(): void {
    for (const pane of this.#panes) pane.tick();
  }

  close(): void {
    for (const { device } of this.#panes) device.close();
    this.element.remove();
  }
}

/** What a person is in the server, for a badge. */
export function titleOf(person: Person): string {
  if (person.banned) return "Banned";
  if (person.owner) return "Owner";
  const windows = Object.values(person.windows);
  return windows.length > 0 && windows.every(({ others }) => others !== undefined) ? "Moderator" : "Member";
}

/** The hue is the account's own, so that a person has one colour everywhere. */
function avatar({ accid, nick }: Person): HTMLElement {
  const hue = [...accid].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % 360, 7);
  const element = h("span", { class: "avatar", "aria-hidden": "true" }, [...nick][0] ?? "?");
  element.style.setProperty("--hue", String(hue));
  return element;
}
