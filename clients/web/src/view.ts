import { erased, hasEnded, tagOf, type Message, type MessageKey } from "./frames.js";

/**
 * A channel as this device shows it: its newest messages, from answers, notices, syncs and history, in any order and any
 * number of times.
 *
 * - What was taken back stays so: revoked beats new, whichever comes first.
 * - What was taken back has no content, not even in memory.
 * - What is known already changes nothing.
 *
 * A message in doubt is not shown until it is told of once more: one that was read from the store, until the first sync, and one in a
 * channel that the account had lost sight of, until the history was read again.
 */
export class View {
  /** Shown by the application: kept complete. */
  opened = false;
  /** The connection, by its number, on which the history was read: since then notices keep it complete. None where they are not all told. */
  caughtUp: number | undefined;
  /** Up to here, in ms, it was complete when it was last read, or kept so; undefined where that is not known. */
  knownTo: number | undefined;
  /** The tag of the oldest message from which on nothing is left out. What is older is kept, and not shown. */
  from = "";
  /** What is older than this tag is not shown until the history was read: how far back a read has come, where what is known need not adjoin it. */
  readTo = "";
  #hidden = false;
  readonly #messages = new Map<string, Message>();
  readonly #doubts = new Set<string>();
  #sorted: readonly Message[] | undefined;

  constructor(readonly server_id: string, readonly channel_id: string, readonly limit: number) {}

  /** The messages, oldest first. The same array until something changes. */
  get messages(): readonly Message[] {
    return (this.#sorted ??= this.#hidden ? [] : this.#tags().filter((tag) => tag >= this.from && tag >= this.readTo && !this.#doubts.has(tag)).map((tag) => this.#messages.get(tag)!));
  }

  /** All that is kept, in doubt or not, oldest first. */
  get kept(): readonly Message[] {
    return this.#tags().map((tag) => this.#messages.get(tag)!);
  }

  /** The time of the newest of them, in ms; 0 where there is none. */
  get newestAt(): number {
    return this.kept.at(-1)?.timestamp ?? 0;
  }

  /** The message as it is known, in doubt or not. */
  get(key: MessageKey): Message | undefined {
    return this.#messages.get(tagOf(key));
  }

  /** Nothing is left out from this tag on. */
  reach(from: string): void {
    this.from = from;
    this.#sorted = undefined;
  }

  /** A read has come so far back; empty: to what is known, or to its end. */
  reads(to: string): void {
    this.readTo = to;
    this.#sorted = undefined;
  }

  /** Takes a message of this channel, and tells whether anything is different now. */
  apply(message: Message): "added" | "updated" | undefined {
    const tag = tagOf(message);
    const known = this.#messages.get(tag);
    if (this.#doubts.delete(tag)) this.#sorted = undefined;
    if (known && !beats(message, known)) return undefined;
    this.#messages.set(tag, hasEnded(message) ? erased(message) : message);
    this.#sorted = undefined;
    this.#evict();
    if (known) return "updated";
    return this.#messages.has(tag) ? "added" : undefined;
  }

  /** Hides all texts until each is told of again. What was taken back is beyond doubt. */
  doubt(): void {
    for (const [tag, message] of this.#messages) if (!hasEnded(message)) this.#doubts.add(tag);
    this.#sorted = undefined;
  }

  /** The account sees the channel. */
  show(): void {
    this.#hidden = false;
    this.#sorted = undefined;
  }

  /** Ends all doubts: nothing was taken back but what is known. */
  trust(): void {
    this.#doubts.clear();
    this.#sorted = undefined;
  }

  /** Forgets what is still in doubt: it was not in the history. */
  settle(): void {
    for (const tag of this.#doubts) this.#messages.delete(tag);
    this.trust();
  }

  /** Forgets every text, and that there were any. That something was taken back is kept, against a text that comes late. */
  drop(): void {
    this.forget();
    this.doubt();
    this.settle();
  }

  /** Forgets how far it was complete: the next read is of the newest page. */
  forget(): void {
    this.knownTo = this.caughtUp = undefined;
  }

  /** The account lost sight of the channel: nothing is shown, and no text is kept. */
  hide(): void {
    this.drop();
    this.#hidden = true;
  }

  #tags(): string[] {
    return [...this.#messages.keys()].sort();
  }

  /** Evicts the oldest: a late text that is older than all of a full view is not taken in either. */
  #evict(): void {
    if (this.#messages.size <= this.limit) return;
    const [oldest] = this.#tags();
    this.#messages.delete(oldest!);
    this.#doubts.delete(oldest!);
  }
}

/**
 * Tells whether a message is further on its way than what is known of it, then the later version, then the one that says more.
 * Versions alone do not decide, so that a revoke holds against a server that counts wrongly.
 */
function beats(message: Message, known: Message): boolean {
  for (const rank of [stage, (m: Message) => m.version, completeness]) {
    if (rank(message) !== rank(known)) return rank(message) > rank(known);
  }
  return false;
}

function stage(message: Message): number {
  return hasEnded(message) ? message.status : 0;
}

function completeness(message: Message): number {
  return Number(message.from_accid !== undefined) + Number(message.update_ope_info !== undefined);
}
