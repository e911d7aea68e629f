/** Time and chance, so that tests decide about them. */
export interface Clock {
  /** Wall time in ms. It may jump. */
  now(): number;
  /** ms since some moment. It never goes back, and may stand still while the machine sleeps. */
  monotonic(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  /** From 0 to less than 1. */
  random(): number;
}

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
  random: () => Math.random(),
};

/** How long to wait before try number n (from 0): at most 30 s, and never the same for everybody. */
export function backoff(clock: Clock, n: number): number {
  return Math.min(30_000, 1_000 * 2 ** Math.min(n, 5)) * (0.5 + clock.random() / 2);
}

/** Resolves after some ms. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms));
}

/** The promise's value, or the error when that does not come in time. */
export function within<T>(clock: Clock, ms: number, late: Error, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(late), ms);
    promise.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

/** A clock whose timers all end together. */
export class Timers implements Clock {
  readonly #running = new Set<unknown>();
  #ended = false;

  constructor(readonly clock: Clock) {}

  now = (): number => this.clock.now();
  monotonic = (): number => this.clock.monotonic();
  random = (): number => this.clock.random();

  setTimeout(run: () => void, ms: number): unknown {
    if (this.#ended) return undefined;
    const timer = this.clock.setTimeout(() => (this.#running.delete(timer), run()), ms);
    this.#running.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    if (this.#running.delete(timer)) this.clock.clearTimeout(timer);
  }

  /** Ends the timers that run, and lets no other begin. */
  end(): void {
    this.#ended = true;
    for (const timer of [...this.#running]) this.clearTimeout(timer);
  }
}
