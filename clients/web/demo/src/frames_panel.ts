import { h, icon } from "./dom.js";
import { FrameLog, type Frame } from "./frame_log.js";
import { timeOfDay } from "./server_clock.js";

/** The frames of all devices as they pass, newest first. */
export class FramesPanel {
  readonly log = new FrameLog((frame) => this.#changed(frame));
  readonly #rows = new Map<number, HTMLElement>();
  readonly #list = h("ol", { class: "frame-list" });
  readonly #count = h("span", { class: "count" }, "none yet");
  readonly #device = h("select", { id: "frames-of", onchange: () => this.#filter() }, h("option", { value: "" }, "all devices"));
  readonly element = h("footer", { class: "frames" }, h("details", {},
    h("summary", {}, h("h2", {}, "Frames"), this.#count),
    h("div", { class: "tools" },
      h("label", { for: "frames-of" }, "Of"), this.#device,
      h("button", { class: "plain", type: "button", onclick: () => this.clear() }, "Clear"),
      h("p", {}, "What is revoked is erased here, too.")),
    h("div", { class: "frame-scroll", tabIndex: 0, role: "group", "aria-label": "Frames, newest first" }, this.#list)));

  #changed(frame: Frame): void {
    this.#count.textContent = `${this.log.passed} passed`;
    this.#offer(frame.device);
    const row = this.#rows.get(frame.number);
    if (row) return this.#fill(row, frame);
    const made = h("li", {}, h("details", {}, h("summary", {}, ...summary(frame)), h("pre", { tabIndex: 0 })));
    made.dataset.device = frame.device;
    made.hidden = this.#isHidden(made);
    this.#fill(made, frame);
    this.#rows.set(frame.number, made);
    this.#list.prepend(made);
    this.#forget();
  }

  #fill(row: HTMLElement, frame: Frame): void {
    row.querySelector("pre")!.textContent = frame.text;
    row.classList.toggle("erased", frame.erased);
  }

  /** Rows go with their frames. */
  #forget(): void {
    const first = this.log.frames[0]?.number ?? Infinity;
    for (const [number, row] of this.#rows) {
      if (number >= first) return;
      row.remove();
      this.#rows.delete(number);
    }
  }

  #offer(device: string): void {
    if ([...this.#device.options].some(({ value }) => value === device)) return;
    this.#device.append(h("option", { value: device }, device));
  }

  #filter(): void {
    for (const row of this.#rows.values()) row.hidden = this.#isHidden(row);
  }

  #isHidden(row: HTMLElement): boolean {
    return this.#device.value !== "" && row.dataset.device !== this.#device.value;
  }

  clear(): void {
    this.log.clear();
    this.#rows.clear();
    this.#list.replaceChildren();
  }
}

function summary(frame: Frame): (Node | undefined)[] {
  const sent = frame.direction === "sent";
  return [
    h("time", {}, timeOfDay(frame.at)),
    h("span", { class: `direction ${frame.direction}` }, icon(sent ? "up" : "down"), h("span", { class: "unseen" }, sent ? "sent by " : "received by ")),
    h("span", { class: "who" }, frame.device),
    h("b", {}, frame.label),
    frame.channel === undefined ? undefined : h("span", { class: "who" }, `#${frame.channel}`),
    frame.code === undefined ? undefined : h("span", { class: frame.code === 200 ? "code" : "code bad" }, String(frame.code)),
    h("span", { class: "erased-mark" }, "text erased"),
  ];
}
