import { backoff, sleep, type Clock } from "./clock.js";
import type { Connection } from "./connection.js";
import { UnsendError } from "./errors.js";
import { isObject, type Answer, type Message, type Request } from "./frames.js";
import type { Shelf } from "./store.js";

/** How long a request is repeated, in ms. The server knows a msg_id for 24 h. */
const patience = 3_600_000;
/** How many may wait. */
const most = 100;
/** How far a clock may be set back, in ms, before the age of what was kept is no longer known. */
const setBack = 300_000;

interface Entry {
  key: string;
  frame: Request;
  created: number; // wall time
  since: number; // monotonic
  timer?: unknown;
  answer: Promise<Answer>;
  answered: (answer: Answer) => void;
  failed: (error: UnsendError) => void;
}

/**
 * Holds what the server has not answered yet: sends, by their channel and msg_id, and revokes. Each is repeated until it is answered, for at
 * most an hour, over connections and restarts. Sends of a channel go one after the other, in their order.
 */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  readonly #lanes = new Map<string, Promise<unknown>>();
  #wakers: (() => void)[] = [];
  #last = 0;
  #closed = false;

  constructor(readonly connection: Connection, readonly clock: Clock, readonly shelf: Shelf, readonly newId: () => string,
    readonly answered: (frame: Request, answer: Answer) => void) {}

  /** Goes on with what an earlier client left. */
  load(): void {
    const kept = this.shelf.keys("out#").map((key) => ({ key, entry: this.shelf.get("out#" + key) }));
    const readable = kept.filter(({ entry }) => isEntry(entry)) as { key: string; entry: { frame: Request; created: number } }[];
    for (const { key, entry } of readable.sort((a, b) => a.entry.created - b.entry.created)) {
      const isFresh = entry.created - this.clock.now() <= setBack; // else the clock was set back, and its age is unknown
      if (isFresh && this.#entries.size < most && !this.#entries.has(key)) this.#put(key, entry.frame, entry.created).catch(() => {});
      else this.shelf.delete("out#" + key);
    }
    for (const { key, entry } of kept) if (entry !== undefined && !isEntry(entry)) this.shelf.delete("out#" + key);
  }

  /**
   * Asks until there is an answer. Resolves with it; rejects with the refusal, or when the hour has passed. A msg_id that waits already
   * in its channel is not asked again.
   */
  ask(frame: Request): Promise<Answer> {
    if (this.#closed) return Promise.reject(new UnsendError("closed"));
    const key = typeof frame.msg_id === "string" ? keyOf(frame) : this.newId();
    const waiting = this.#entries.get(key);
    if (waiting) return waiting.answer;
    if (this.#entries.size >= most) return Promise.reject(new UnsendError("full"));
    const created = (this.#last = Math.max(this.clock.now(), this.#last + 1)); // none is as old as another
    this.shelf.set("out#" + key, { frame, created });
    return this.#put(key, frame, created);
  }

  /** The frames that wait, oldest first. */
  get frames(): Request[] {
    return [...this.#entries.values()].map((entry) => entry.frame);
  }

  /** The message is known to have ended, so its send was carried out: no copy of its text stays. */
  ended(message: Message): void {
    const entry = this.#entries.get(keyOf(message));
    if (entry) {
      this.#remove(entry);
      entry.answered({ message });
    }
  }

  /** Tries those that wait for a connection. */
  wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }

  /** Keeps what waits for the next client. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.failed(new UnsendError("closed"));
    this.#entries.clear();
    this.wake();
  }

  #put(key: string, frame: Request, created: number): Promise<Answer> {
    const entry = { key, frame, created, since: this.clock.monotonic() } as Entry;
    entry.answer = new Promise((resolve, reject) => ((entry.answered = resolve), (entry.failed = reject)));
    this.#entries.set(key, entry);
    const lane = frame.action === "send" ? `${frame.server_id}#${frame.channel_id}` : key;
    const turn = (this.#lanes.get(lane) ?? Promise.resolve()).then(() => this.#repeat(entry));
    this.#lanes.set(lane, turn);
    void turn.then(() => this.#lanes.get(lane) === turn && this.#lanes.delete(lane));
    this.#expire(entry);
    return entry.answer;
  }

  async #repeat(entry: Entry): Promise<void> {
    for (let tries = 0; this.#holds(entry); tries++) {
      if (this.connection.state !== "open") {
        await new Promise<void>((resolve) => this.#wakers.push(resolve));
        continue;
      }
      try {
        const frame = tries > 0 && entry.frame.action === "send" ? { ...entry.frame, resend_flag: true } : entry.frame;
        const answer = await this.connection.request(frame);
        if (this.#remove(entry)) entry.answered(answer);
        this.answered(entry.frame, answer);
      } catch (error) {
        const { kind, retryable } = error as UnsendError;
        if (!retryable) this.#fail(entry, error as UnsendError);
        else if (kind !== "disconnected") await sleep(this.clock, backoff(this.clock, tries));
      }
    }
  }

  /** Looks every minute, so that it ends in time though a timer stood still. */
  #expire(entry: Entry): void {
    const age = Math.max(this.clock.now() - entry.created, this.clock.monotonic() - entry.since);
    if (age >= patience) this.#fail(entry, new UnsendError("unanswered"));
    else entry.timer = this.clock.setTimeout(() => this.#expire(entry), Math.min(60_000, patience - age));
  }

  #fail(entry: Entry, error: UnsendError): void {
    if (this.#remove(entry)) entry.failed(error);
  }

  #holds(entry: Entry): boolean {
    return this.#entries.get(entry.key) === entry;
  }

  #remove(entry: Entry): boolean {
    if (!this.#holds(entry)) return false;
    this.#entries.delete(entry.key);
    this.clock.clearTimeout(entry.timer);
    this.shelf.delete("out#" + entry.key);
    this.wake(); // whoever waits for a connection looks whether it is still held
    return true;
  }
}

/** A msg_id names a message in its channel alone. */
function keyOf({ server_id, channel_id, msg_id }: Request | Message): string {
  return [server_id, channel_id, msg_id].join("#");
}

function isEntry(value: unknown): value is { frame: Request; created: number } {
  return isObject(value) && isObject(value.frame) && typeof value.frame.action === "string" && Number.isFinite(value.created);
}
