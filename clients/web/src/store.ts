/**
 * Where a client keeps what is to outlive it: texts by key. Every method may throw; the client then goes on in memory. What a store
 * refuses to take is deleted there, so that no older state stays behind.
 *
 * An asynchronous medium is read into a memoryStore before the client is made, and written behind it.
 */
export interface Store {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  delete(key: string): void;
  keys(): string[];
}

/** Keeps for as long as the page lives. */
export function memoryStore(): Store {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    delete: (key) => void values.delete(key),
    keys: () => [...values.keys()],
  };
}

/**
 * Keeps in localStorage, where it is at hand, else as long as the page lives. Tabs may share it: each writes what it knows
 * together with how far it knows, and the next client syncs from there.
 */
export function localStore(storage?: Storage): Store {
  try {
    const own = storage ?? globalThis.localStorage;
    void own.length; // throws where the browser refuses storage
    return {
      get: (key) => own.getItem(key) ?? undefined,
      set: (key, value) => own.setItem(key, value),
      delete: (key) => own.removeItem(key),
      keys: () => Array.from({ length: own.length }, (_, i) => own.key(i)).filter((key) => key !== null),
    };
  } catch {
    return memoryStore();
  }
}

/**
 * An account's part of a store, of JSON values. Nothing in it throws: failures are told, what is no JSON is deleted, and what the
 * store refuses is kept in memory.
 */
export class Shelf {
  readonly #prefix: string;
  /** What the store refused to write, as text, or to delete, as undefined. */
  readonly #refused = new Map<string, string | undefined>();

  constructor(readonly store: Store, accid: string, readonly failed: () => void) {
    this.#prefix = `unsend#${accid}#`;
  }

  get(key: string): unknown {
    let text: string | undefined;
    try {
      text = this.#refused.has(key) ? this.#refused.get(key) : this.store.get(this.#prefix + key);
    } catch {
      this.failed(); // it may be read another time
    }
    try {
      return text === undefined ? undefined : JSON.parse(text);
    } catch {
      this.delete(key);
      return undefined;
    }
  }

  /** Keeps the value. Where the store refuses it, it is to hold no earlier one either. */
  set(key: string, value: unknown): void {
    const text = JSON.stringify(value);
    try {
      this.store.set(this.#prefix + key, text);
      this.#refused.delete(key);
    } catch {
      this.failed();
      this.delete(key);
      this.#refused.set(key, text);
    }
  }

  delete(key: string): void {
    this.#refused.delete(key);
    try {
      this.store.delete(this.#prefix + key);
    } catch {
      this.#refused.set(key, undefined);
      this.failed();
    }
  }

  /** Tries again what was refused. */
  retry(): void {
    for (const [key, text] of [...this.#refused]) {
      if (text === undefined) this.delete(key);
      else this.set(key, JSON.parse(text));
    }
  }

  /** The keys that begin so, without what they begin with. */
  keys(kind: string): string[] {
    try {
      const prefix = this.#prefix + kind;
      return this.store.keys().filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    } catch {
      this.failed();
      return [];
    }
  }
}
