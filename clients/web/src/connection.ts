import { backoff, within, type Clock } from "./clock.js";
import { UnsendError, type ErrorKind } from "./errors.js";
import { isObject, type Answer, type Request } from "./frames.js";

/** What this library needs of a WebSocket: the browser's, Node's, and that of the package `ws` have it. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(): void;
}

/** Opens a WebSocket. */
export type SocketConstructor = new (url: string, protocols: string[]) => Socket;

/** Gives a token for the account. `refused`: no connection came about with the last one, or it has expired; get a new one. */
export type TokenSource = (refused: boolean) => string | Promise<string>;

/** `connecting` also while waiting for the next attempt. */
export type State = "closed" | "connecting" | "open";

export interface ConnectionOptions {
  url: string;
  token: TokenSource;
  WebSocket: SocketConstructor;
  clock: Clock;
  /** How long an answer, a token or the opening of a connection may take, in ms. */
  timeout: number;
  /** How often to send a heartbeat, in ms. API Gateway ends connections that are silent for 10 minutes. */
  pingEvery: number;
}

/** What a connection tells of. */
export interface ConnectionEvents {
  state(state: State): void;
  notices(notices: unknown[]): void;
  beat(): void;
  failed(kind: ErrorKind): void;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: UnsendError): void;
}

/** A connection that lasted so long, in ms, was a good one: the next attempt begins anew. */
const settled = 10_000;
/** A timer that is late by so much, in ms, tells that the machine slept. */
const overslept = 60_000;

/** Keeps one WebSocket open for as long as it is wanted: heartbeat, deadlines, reconnecting. */
export class Connection {
  state: State = "closed";
  /** Counts the connections that opened. */
  number = 0;

  #socket: Socket | undefined;
  #attempt = 0; // names the attempt that is current; what others still hear is ignored
  #failures = 0;
  #refused = false;
  #openedAt = 0;
  #heardAt = 0;
  #timer: unknown;
  #lastId = 0;
  readonly #waiting = new Map<string, Waiting>();

  constructor(readonly options: ConnectionOptions, readonly events: ConnectionEvents) {}

  /** Connects, and connects again, until stop. */
  start(): void {
    if (this.state !== "closed") return;
    this.#enter("connecting");
    void this.#dial();
  }

  /** Ends the connection; requests under way are rejected. */
  stop(): void {
    this.#abandon("closed");
    this.#enter("closed");
  }

  /** Looks at once whether the connection lives, or tries the next one: call it when the network is back or the page is shown. */
  wake(): void {
    if (this.state === "open") void this.#beat(this.#attempt);
    else if (this.state === "connecting" && !this.#socket) this.#redial(0);
  }

  /** Sends a request and gives its answer. A refusal is an error of the kind `refused`. */
  async request(frame: Request): Promise<Answer> {
    const { number } = this;
    try {
      return await this.#ask(frame);
    } catch (error) {
      if (frame.action === "ping" || codeOf(error) !== 403) throw error;
      // A permission is missing, or the token has expired: then a ping is refused, too. Without an answer neither is known.
      const ping = await this.#ask({ action: "ping" }).then(() => undefined, (reason: UnsendError) => reason);
      if (codeOf(ping) !== 403) throw ping?.retryable ? ping : error;
      if (number === this.number) this.#renew();
      throw new UnsendError("disconnected", "the token has expired");
    }
  }

  #renew(): void {
    this.#refused = true;
    this.#lost(this.#attempt);
  }

  async #dial(): Promise<void> {
    const attempt = ++this.#attempt;
    const { clock, timeout, token, url, WebSocket } = this.options;
    let kind: ErrorKind = "token";
    try {
      const pass = await within(clock, timeout, new UnsendError("timeout"), Promise.resolve(this.#refused).then(token));
      if (attempt !== this.#attempt) return;
      kind = "connect";
      this.#listen(attempt, new WebSocket(url, ["bearer", pass]));
      this.#timer = clock.setTimeout(() => this.#lost(attempt), timeout);
    } catch {
      // Not even the cause is told: it may hold the token.
      if (attempt === this.#attempt) this.#fail(kind);
    }
  }

  #listen(attempt: number, socket: Socket): void {
    this.#socket = socket;
    socket.onopen = () => attempt === this.#attempt && this.#opened(attempt);
    socket.onmessage = (event) => attempt === this.#attempt && this.#hear(event.data);
    socket.onclose = () => this.#lost(attempt);
    socket.onerror = () => this.#lost(attempt);
  }

  #opened(attempt: number): void {
    const { clock } = this.options;
    clock.clearTimeout(this.#timer);
    this.#refused = false;
    this.number++;
    this.#openedAt = this.#heardAt = clock.monotonic();
    this.#scheduleBeat(attempt);
    this.#enter("open");
  }

  #scheduleBeat(attempt: number): void {
    const { clock, pingEvery } = this.options;
    const due = clock.now() + pingEvery;
    this.#timer = clock.setTimeout(() => {
      if (attempt !== this.#attempt) return;
      if (clock.now() - due > overslept) return this.#redial(0); // it has ended at the other side, most likely
      this.#scheduleBeat(attempt);
      void this.#beat(attempt);
    }, pingEvery);
  }

  async #beat(attempt: number): Promise<void> {
    try {
      await this.#ask({ action: "ping" });
      this.events.beat();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (codeOf(error) === 403) this.#renew();
      else if (codeOf(error) === 0) this.#lost(attempt);
    }
  }

  #lost(attempt: number): void {
    if (attempt !== this.#attempt) return;
    if (this.state !== "open") return this.#fail("connect");
    if (this.options.clock.monotonic() - this.#openedAt >= settled) this.#failures = 0;
    this.#redial(this.#pause());
  }

  /** No connection came about. A browser does not tell why; the token may be it. */
  #fail(kind: ErrorKind): void {
    this.#refused = true;
    this.#redial(this.#pause());
    this.events.failed(kind);
  }

  #pause(): number {
    return backoff(this.options.clock, this.#failures++);
  }

  #redial(ms: number): void {
    this.#abandon("disconnected");
    this.#timer = this.options.clock.setTimeout(() => void this.#dial(), ms);
    this.#enter("connecting");
  }

  #abandon(kind: "closed" | "disconnected"): void {
    this.#attempt++;
    this.options.clock.clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    try {
      socket?.close();
    } catch {
      // it is given up either way
    }
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.reject(new UnsendError(kind));
  }

  #enter(state: State): void {
    if (state === this.state) return;
    this.state = state;
    this.events.state(state);
  }

  #ask(frame: Request): Promise<Answer> {
    const { clock, timeout } = this.options;
    const [attempt, sentAt] = [this.#attempt, clock.monotonic()];
    if (this.state !== "open") return Promise.reject(new UnsendError(this.state === "closed" ? "closed" : "disconnected"));
    return new Promise((resolve, reject) => {
      const id = String(++this.#lastId);
      const timer = clock.setTimeout(() => {
        this.#waiting.delete(id);
        reject(new UnsendError("timeout"));
        if (this.#heardAt <= sentAt) this.#lost(attempt); // nobody is at the other end
      }, timeout);
      const done = <T>(end: (value: T) => void) => (value: T) => (clock.clearTimeout(timer), end(value));
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) });
      try {
        this.#socket!.send(JSON.stringify({ ...frame, request_id: id }));
      } catch {
        this.#lost(attempt);
      }
    });
  }

  #hear(text: unknown): void {
    this.#heardAt = this.options.clock.monotonic();
    const frame = parse(text);
    if (frame?.type === "response") this.#answer(String(frame.request_id), frame);
    else if (frame?.type === "notices" && Array.isArray(frame.notices)) this.events.notices(frame.notices);
    else if (frame && frame.type === undefined && typeof frame.message === "string") this.#gatewayFailed();
    else this.events.failed("frame");
  }

  #answer(id: string, frame: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id); // a second answer finds nobody
    if (frame.res_code === 200) waiting?.resolve(frame);
    else waiting?.reject(refusal(frame));
  }

  /**
   * API Gateway speaks for a function that could not, in a frame without the id of the request. Where a single one is under way it
   * is that one's; else each runs into its own deadline.
   */
  #gatewayFailed(): void {
    if (this.#waiting.size !== 1) return;
    for (const id of this.#waiting.keys()) this.#answer(id, { res_code: 503, reason: "gateway", retryable: true });
  }
}

function parse(text: unknown): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text as string);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refusal(frame: Answer): UnsendError {
  if (!Number.isInteger(frame.res_code)) return new UnsendError("frame");
  const code = frame.res_code as number;
  return new UnsendError("refused", `${code} ${frame.reason}`, {
    code, field: typeof frame.field === "string" ? frame.field : "", retryable: frame.retryable === true,
  });
}

/** The code of a refusal; 0 for any other error. */
export function codeOf(error: unknown): number {
  return error instanceof UnsendError ? error.code : 0;
}
