import type { Socket, SocketConstructor } from "../src/connection.js";

/** What stands at the other end of a client's sockets. */
export interface Endpoint {
  /** A client dials: accept or refuse it, now or later. */
  dialed(socket: FakeSocket): void;
  /** A client sent a frame. */
  received(socket: FakeSocket, text: string): void;
}

/** A WebSocket in memory. What it delivers is delivered at once. */
export class FakeSocket implements Socket {
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  state: "dialing" | "open" | "closed" = "dialing";

  constructor(readonly url: string, readonly protocols: string[], readonly endpoint: Endpoint) {
    queueMicrotask(() => endpoint.dialed(this));
  }

  send(text: string): void {
    if (this.state !== "open") throw new Error("the socket is not open");
    queueMicrotask(() => this.endpoint.received(this, text));
  }

  close(): void {
    this.state = "closed";
  }

  accept(): void {
    if (this.state !== "dialing") return;
    this.state = "open";
    this.onopen?.({});
  }

  deliver(text: string): void {
    if (this.state === "open") this.onmessage?.({ data: text });
  }

  /** The connection ends, or never comes about. */
  drop(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.onclose?.({ code: 1006 });
  }
}

/** The constructor to hand to a client. */
export function socketsTo(endpoint: Endpoint): SocketConstructor {
  return class extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, endpoint);
    }
  };
}
