import type { Socket, SocketConstructor } from "../../src/index.js";

export type Direction = "sent" | "received";

/** The network of one device: shows what passes, and can be cut. */
export class Wire {
  #isUp = true;
  readonly #sockets = new Set<WiredSocket>();

  constructor(readonly passed: (direction: Direction, text: string) => void) {}

  get isUp(): boolean {
    return this.#isUp;
  }

  /** What the client opens its connections with. */
  get WebSocket(): SocketConstructor {
    const open = (url: string, protocols: string[]) => this.#open(url, protocols);
    return function (url: string, protocols: string[]) {
      return open(url, protocols);
    } as unknown as SocketConstructor;
  }

  /** Takes the device off the network. */
  cut(): void {
    this.#isUp = false;
    for (const socket of [...this.#sockets]) socket.end();
  }

  /** Puts it back. */
  mend(): void {
    this.#isUp = true;
  }

  #open(url: string, protocols: string[]): Socket {
    const socket = new WiredSocket(this.passed, () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    if (this.#isUp) socket.open(url, protocols);
    else setTimeout(() => socket.end()); // as it is without a network: it fails, a little later
    return socket;
  }
}

class WiredSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  #real: WebSocket | undefined;

  constructor(readonly passed: Wire["passed"], readonly ended: () => void) {}

  open(url: string, protocols: string[]): void {
    const real = (this.#real = new WebSocket(url, protocols));
    real.onopen = (event) => this.onopen?.(event);
    real.onclose = () => this.end();
    real.onmessage = ({ data }) => {
      this.passed("received", String(data));
      this.onmessage?.({ data });
    };
  }

  send(text: string): void {
    this.#real!.send(text);
    this.passed("sent", text);
  }

  close(): void {
    this.ended();
    const real = this.#real;
    if (real) real.onopen = real.onclose = real.onmessage = null;
    real?.close();
  }

  /** The connection has ended, or never came about. */
  end(): void {
    this.close();
    this.onclose?.({});
  }
}
