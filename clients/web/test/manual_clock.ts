import type { Clock } from "../src/clock.js";

interface Timer {
  at: number;
  run: () => void;
}

/** Lets everything that waits for nothing but promises go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Time that passes when a test says so. */
export class ManualClock implements Clock {
  wall = 1_767_225_600_000;
  readonly #timers = new Set<Timer>();
  #passed = 0;

  /** random gives the chances; one half where it is left out. */
  constructor(readonly random: () => number = () => 0.5) {}

  now = (): number => this.wall;
  monotonic = (): number => this.#passed;

  setTimeout(run: () => void, ms: number): unknown {
    const timer = { at: this.#passed + ms, run };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Whoever set a timer is no more. */
  forget(): void {
    this.#timers.clear();
  }

  /** How many timers run. */
  get running(): number {
    return this.#timers.size;
  }

  /** Lets time pass, each timer at its moment. */
  async pass(ms: number): Promise<void> {
    const end = this.#passed + ms;
    await settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#go(next.at);
      this.#timers.delete(next);
      next.run();
      await settle();
    }
    this.#go(end);
  }

  /** The machine sleeps: wall time passes, and timers stand still. */
  sleep(ms: number): void {
    this.wall += ms;
  }

  #go(to: number): void {
    this.wall += Math.max(0, to - this.#passed);
    this.#passed = Math.max(this.#passed, to);
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && (!first || timer.at < first.at)) first = timer;
    return first;
  }
}
