import type { MessageKey } from "../../src/index.js";
import type { Direction } from "./wire.js";

/** A frame that has passed. `text` is what is shown of it. */
export interface Frame {
  number: number;
  at: number;
  device: string;
  direction: Direction;
  label: string;
  /** What it is about, where it is one channel. */
  channel: string | undefined;
  code: number | undefined;
  text: string;
  erased: boolean;
}

/** So many are kept. */
const most = 300;
const mark = "[erased]";
const content = ["msg_body", "msg_attach", "msg_ext", "push_content", "push_payload", "mention_accids", "mention_role_ids"];

type Json = Record<string, unknown>;

/** The frames of all devices. What was taken back is erased here, too, in all of them and in those that come late. */
export class FrameLog {
  readonly #frames: { frame: Frame; value: unknown }[] = [];
  /** Names of messages that were taken back, by the server's id and the sender's. */
  readonly #gone = new Set<string>();
  #passed = 0;

  constructor(readonly changed: (frame: Frame) => void) {}

  get frames(): Frame[] {
    return this.#frames.map(({ frame }) => frame);
  }

  /** How many have passed. */
  get passed(): number {
    return this.#passed;
  }

  add(device: string, direction: Direction, text: string): void {
    const value = parse(text);
    const frame: Frame = { number: ++this.#passed, at: Date.now(), device, direction, ...title(value), text: "", erased: false };
    this.#frames.push({ frame, value });
    if (this.#frames.length > most) this.#frames.shift();
    // Whatever a frame tells of an end is enough: a sync's update, a page of history, somebody's answer.
    const before = this.#gone.size;
    walk(value, (object) => hasEnded(object) && this.#learn(object));
    this.#link(value);
    if (this.#gone.size > before) this.#showAll();
    else this.#show(frame, value);
  }

  /** A message was taken back: its text goes from every frame. */
  erase(message: MessageKey): void {
    const before = this.#gone.size;
    this.#learn({ server_id: message.server_id, channel_id: message.channel_id, msg_server_id: message.msg_server_id });
    if (this.#gone.size > before) this.#showAll();
  }

  #learn(object: Json): void {
    for (const name of names(object)) this.#gone.add(name);
  }

  /** A send is known by the sender's id alone, which stands beside the server's in the answer to it. */
  #link(value: unknown): void {
    walk(value, (object) => typeof object.msg_server_id === "string" && this.#gone.has(names(object)[0]!) && this.#learn(object));
  }

  #showAll(): void {
    for (const { value } of this.#frames) this.#link(value);
    for (const { frame, value } of this.#frames) this.#show(frame, value);
  }

  clear(): void {
    this.#frames.length = 0;
  }

  #show(frame: Frame, value: unknown): void {
    walk(value, (object) => {
      const [isGone, texts] = [names(object).some((name) => this.#gone.has(name)), content.filter((name) => name in object)];
      if (isGone) for (const name of texts) object[name] = mark;
    });
    const text = typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
    if (text === frame.text) return;
    Object.assign(frame, { text, erased: text.includes(mark) });
    this.changed(frame);
  }
}

/** Tells whether an object is a message that was taken back or deleted. */
function hasEnded({ msg_server_id, status }: Json): boolean {
  return typeof msg_server_id === "string" && (status === 1 || status === 2);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function title(value: unknown): Pick<Frame, "label" | "channel" | "code"> {
  const frame = (typeof value === "object" && value !== null ? value : {}) as Json;
  const notices = Array.isArray(frame.notices) ? (frame.notices as Json[]) : undefined;
  const channels = new Set<string>();
  walk(value, ({ channel_id }) => typeof channel_id === "string" && channels.add(channel_id));
  return {
    label: notices ? [...new Set(notices.map((notice) => String(notice.event)))].join(", ") : String(frame.action ?? "?"),
    channel: channels.size === 1 ? [...channels][0] : undefined,
    code: typeof frame.res_code === "number" ? frame.res_code : undefined,
  };
}

function serverName(...ids: unknown[]): string {
  return ids.join("#");
}

/** The names of the message that an object is, or asks to send. */
function names(object: Json): string[] {
  const found: string[] = [];
  if (typeof object.msg_server_id === "string") found.push(serverName(object.server_id, object.channel_id, object.msg_server_id));
  if (typeof object.msg_id === "string") found.push(serverName(object.server_id, object.channel_id, "sent", object.msg_id));
  return found;
}

function walk(value: unknown, visit: (object: Json) => void): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) visit(value as Json);
  for (const each of Object.values(value)) walk(each, visit);
}
