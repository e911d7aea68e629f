import { Client, hasEnded, memoryStore, tagOf, UnsendError, type Draft, type Message, type MessageKey, type MessageRef, type SendRequest, type State, type UpdateInfo, type View } from "../../src/index.js";
import { windowsOf, type DeviceName, type Person, type Scene } from "./scene.js";
import type { ServerClock } from "./server_clock.js";
import { Wire, type Direction } from "./wire.js";

/** What a device found when it came back: messages by their tags. */
export interface CaughtUp {
  added: Set<string>;
  revoked: Set<string>;
}

export interface DeviceEvents {
  /** Something that is shown has changed. */
  changed(): void;
  /** A message was taken back, and this device knows. */
  revoked(message: MessageKey): void;
  frame(device: Device, direction: Direction, text: string): void;
}

/** Tells a page's devices from those of other tabs: a second one with the same name takes the place of the first. */
const page = crypto.randomUUID().slice(0, 4);
const clientTypes: Record<DeviceName, number> = { phone: 1, desk: 4 };
/** Messages of one page of the history that the user asks for. */
const pageSize = 20;

/** One device of a person: the library's client, on a network that can be cut, and what the pane shows beside the messages. */
export class Device {
  readonly wire = new Wire((direction, text) => this.#passed(direction, text));
  /** The channels that the account sees, as the last sync said. */
  channels: string[] = [];
  channel = "";
  /** Not a member, or banned: the last sync was refused. */
  isRefused = false;
  /** No connection came about, though the network is there. */
  isUnreachable = false;
  /** What was found on coming back, until the next time or until it is closed. */
  caughtUp: CaughtUp | undefined;
  /** Why the last send was refused. */
  refusal: string | undefined;
  readonly unread = new Map<string, number>();
  /** Why a message could not be taken back, by its tag. */
  readonly failures = new Map<string, string>();
  readonly #client: Client;
  /** The messages that were shown, and stood or not, when the network was cut. */
  #left: Map<string, Message> | undefined;

  constructor(readonly scene: Scene, readonly person: Person, readonly name: DeviceName, readonly clock: ServerClock, readonly events: DeviceEvents) {
    this.#client = new Client({
      url: scene.url, accid: person.accid, token: person.token, servers: [scene.server],
      deviceId: `${name}-${page}`, clientType: clientTypes[name], store: memoryStore(), pingEvery: 60_000,
      WebSocket: this.wire.WebSocket,
      onState: (state) => this.#entered(state),
      onChanged: () => events.changed(),
      onReceive: ({ message }) => this.#received(message),
      onUpdated: ({ message }) => hasEnded(message) && events.revoked(message),
      closeNotification: (tag) => events.revoked(keyOf(tag)), // called for each, also for what no view knows
      onError: ({ kind }) => this.#failed(kind),
    });
    this.#client.connect();
  }

  get title(): string {
    return `${this.person.nick}’s ${this.name}`;
  }

  get state(): State | "offline" {
    return this.wire.isUp ? this.#client.state : "offline";
  }

  get view(): View {
    return this.#client.view(this.scene.server, this.channel);
  }

  get pending(): SendRequest[] {
    return this.#client.pending(this.scene.server, this.channel);
  }

  get draft(): Draft {
    return this.#client.draft(this.scene.server, this.channel) ?? { msg_body: "" };
  }

  set draft(draft: Draft) {
    this.#client.setDraft(this.scene.server, this.channel, draft.msg_body || draft.reply_to ? draft : undefined);
  }

  /** The message that another one replies to, as this device knows it. */
  replied(ref: MessageRef): Message | undefined {
    return this.view.messages.find((message) => message.timestamp === ref.timestamp && message.msg_server_id === ref.msg_server_id);
  }

  isOwn(message: Message): boolean {
    return message.from_accid === this.person.accid;
  }

  /** For how long this person may take the message back, in ms; 0: never. */
  windowOf(message: Message): number {
    const { own, others = 0 } = windowsOf(this.person, message.channel_id);
    // A moderator's window is for any message, their own among them.
    if (!this.isOwn(message)) return others;
    return own < 0 || others < 0 ? -1 : Math.max(own, others);
  }

  show(channel: string): void {
    this.caughtUp = this.refusal = undefined;
    if (channel !== this.channel) this.#turnTo(channel);
    this.events.changed();
  }

  #turnTo(channel: string): void {
    if (this.channel) this.#client.closeChannel(this.scene.server, this.channel);
    this.channel = channel;
    this.unread.delete(channel);
    this.#client.openChannel(this.scene.server, channel);
    if (this.#left) this.#left = this.view.messages.length > 0 ? this.#shown() : undefined; // of a channel that was not known all is new
  }

  goOffline(): void {
    this.#left = this.#shown();
    this.caughtUp = undefined;
    this.isUnreachable = false;
    this.wire.cut();
    this.events.changed();
  }

  comeBack(): void {
    this.wire.mend();
    this.#client.wake();
    this.events.changed();
  }

  /** Sends what is written. While the device is offline it waits. */
  async send({ msg_body, reply_to }: Draft): Promise<void> {
    this.refusal = undefined;
    const draft: Draft = { msg_body, ...(reply_to && { reply_to }) }; // no quote: it may be revoked before the answer
    const { scene: { server }, channel } = this;
    const sending = this.#client.send({ server_id: server, channel_id: channel, ...draft });
    this.events.changed();
    try {
      await sending;
      this.isRefused = false;
    } catch (error) {
      this.refusal = reasonOf(error);
      if (this.channel === channel && this.draft.msg_body === "") this.draft = draft; // not lost
      await this.#wasRefused(error);
    }
    this.events.changed();
  }

  async revoke(message: Message, update_info: UpdateInfo): Promise<void> {
    this.failures.delete(tagOf(message));
    try {
      this.events.revoked(await this.#client.revoke({ ...message, update_info }));
    } catch (error) {
      this.failures.set(tagOf(message), reasonOf(error));
      await this.#wasRefused(error);
    }
    this.events.changed();
  }

  /** Reads the page before what is shown. */
  async readEarlier(): Promise<void> {
    const { scene: { server }, channel, view } = this;
    const oldest = view.messages[0];
    try {
      await this.#client.history({ server_id: server, channel_id: channel, direction: "older", limit: pageSize, ...(oldest && { timestamp: oldest.timestamp }) });
    } catch (error) {
      this.refusal = reasonOf(error);
    }
    this.events.changed();
  }

  close(): void {
    this.#client.close();
  }

  #entered(state: State): void {
    if (state === "open") {
      this.isUnreachable = false;
      void this.#opened();
    }
    this.events.changed();
  }

  async #opened(): Promise<void> {
    try {
      await this.clock.ask(() => this.#client.ping());
    } catch {
      // another device has asked, or the next connection will
    }
    await this.#lookAround();
    this.#compare();
    this.events.changed();
  }

  /** Syncs, and finds out whether the account is let in at all. */
  async #lookAround(): Promise<void> {
    try {
      await this.#client.sync(this.scene.server);
      this.isRefused = false;
    } catch (error) {
      if (codeOf(error) === 403) this.isRefused = true;
    }
  }

  /** A refusal may mean that the account was banned, or has left. */
  async #wasRefused(error: unknown): Promise<void> {
    if (codeOf(error) === 403) await this.#lookAround();
  }

  /** Tells what is different from what was shown before. */
  #compare(): void {
    if (!this.#left || this.state !== "open") return;
    const [before, now] = [this.#left, this.#shown()];
    this.#left = undefined;
    const found = (is: (message: Message, known: Message | undefined) => boolean) => new Set([...now].filter(([tag, message]) => is(message, before.get(tag))).map(([tag]) => tag));
    this.caughtUp = {
      added: found((message, known) => !known && message.from_device_id !== this.#client.deviceId), // what waited here is no news
      revoked: found((message, known) => known !== undefined && !hasEnded(known) && hasEnded(message)),
    };
  }

  #shown(): Map<string, Message> {
    return new Map(this.view.messages.map((message) => [tagOf(message), message]));
  }

  #received(message: Message): void {
    if (message.channel_id !== this.channel) this.unread.set(message.channel_id, (this.unread.get(message.channel_id) ?? 0) + 1);
    this.events.changed();
  }

  #failed(kind: string): void {
    if (this.wire.isUp && (kind === "connect" || kind === "token")) this.isUnreachable = true;
    this.events.changed();
  }

  #passed(direction: Direction, text: string): void {
    this.events.frame(this, direction, text);
    if (direction === "received" && text.includes('"access"')) this.#sees(text);
  }

  /** Which channels there are is told by the stamps in an answer of sync. */
  #sees(text: string): void {
    const { access, action } = JSON.parse(text) as { access?: object; action?: string };
    if (action !== "sync" || !access) return;
    const named = (this.scene.channels ?? []).filter((channel) => channel in access);
    this.channels = [...named, ...Object.keys(access).filter((channel) => !named.includes(channel)).sort()];
    if (!this.channels.includes(this.channel) && this.channels[0]) queueMicrotask(() => this.show(this.channels[0]!));
  }
}

/** The key that a tag is made of: no id has a '#' in it. */
function keyOf(tag: string): MessageKey {
  const [server_id, channel_id, timestamp, msg_server_id] = tag.split("#") as [string, string, string, string];
  return { server_id, channel_id, timestamp: Number(timestamp), msg_server_id };
}

function codeOf(error: unknown): number {
  return error instanceof UnsendError ? error.code : 0;
}

const reasons: Record<number, string> = {
  403: "no permission",
  404: "no such message",
  405: "too long",
  416: "too many requests at once",
  508: "message recall time exceeded",
};

/** What a person is told of a failure. */
function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code) return `${code}: ${reasons[code] ?? "refused"}`;
  return error instanceof UnsendError ? error.kind : "failed";
}
