/** How long a message may be taken back, in ms: -1 without limit, 0 never. */
export interface Windows {
  own: number;
  /** Of others' messages; absent where the account may not take them back. */
  others?: number;
}

/** An account that the page shows. */
export interface Person {
  accid: string;
  nick: string;
  banned?: boolean;
  owner?: boolean;
  /** By channel; `*` holds where a channel is not named. They only draw the countdown: the server decides. */
  windows: Record<string, Windows>;
  token: (refused: boolean) => string | Promise<string>;
}

/** A deployment and the people that the page can show there. */
export interface Scene {
  url: string;
  server: string;
  people: Person[];
  /** The channels in their order. Those that are not named come last. */
  channels?: string[];
  /** So many are shown at first; all where it is left out. */
  shown?: number;
}

/** Devices that each person has. */
export const deviceNames = ["phone", "desk"] as const;
export type DeviceName = (typeof deviceNames)[number];

/** How long the page's own host may take to answer, in ms. */
const patience = 10_000;

/** What `scripts/dev` tells its own page. On another host the file is empty, and there is no scene. */
export async function localScene(): Promise<Scene | undefined> {
  const told = (await ask("demo.json")) as Partial<Scene>;
  if (typeof told.url !== "string" || typeof told.server !== "string" || !Array.isArray(told.people)) return undefined;
  const people = told.people.map((person) => ({ ...person, token: () => localToken(person.accid) }));
  return { url: told.url, server: told.server, people, channels: told.channels ?? [], shown: 2 };
}

/** Asks scripts/dev for a token. The name goes in the body and the token stays in memory: neither is in a URL. */
async function localToken(accid: string): Promise<string> {
  const { token } = (await ask("token", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ accid }) })) as { token: string };
  return token;
}

async function ask(path: string, options: RequestInit = {}): Promise<unknown> {
  const answer = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** The account that a JWT is for. Only the server can tell whether it is good; this names what is shown. */
export function accountOf(token: string): string | undefined {
  try {
    const claims = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(claims), (letter) => letter.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" && sub !== "" ? sub : undefined;
  } catch {
    return undefined;
  }
}

/** The windows of a person in a channel. */
export function windowsOf(person: Person, channel: string): Windows {
  return person.windows[channel] ?? person.windows["*"] ?? { own: 120_000 };
}
