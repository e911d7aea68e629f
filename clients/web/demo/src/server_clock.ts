/**
 * The server's time, which alone decides a window: what it said at a ping, and what has passed since on a clock that nobody sets.
 */
export class ServerClock {
  #base: number | undefined; // server time minus monotonic time
  #error = Infinity; // half of the round trip that told it, in ms

  /** Asks; of several answers the quickest counts. */
  async ask(ping: () => Promise<number>): Promise<void> {
    const sent = performance.now();
    const told = await ping();
    const error = (performance.now() - sent) / 2;
    if (error > this.#error) return;
    this.#error = error;
    this.#base = told - (sent + error);
  }

  /** Now, in ms; the machine's own time until the server was asked. */
  now(): number {
    return this.#base === undefined ? Date.now() : this.#base + performance.now();
  }
}

/** Writes a duration, in ms, as a countdown does: 0:09, 12:00, 1:00:00. What is left of a second is one. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Writes a time of day. */
export function timeOfDay(ms: number): string {
  return new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** Writes a window as a sentence has it. */
export function span(ms: number): string {
  if (ms < 0) return "at any time";
  if (ms === 0) return "never";
  if (ms < 1000) return `for ${ms} ms`;
  for (const [unit, size] of [["h", 3_600_000], ["min", 60_000], ["s", 1000]] as const) if (ms >= size && ms % size === 0) return `for ${ms / size} ${unit}`;
  return `for ${ms / 1000} s`;
}
