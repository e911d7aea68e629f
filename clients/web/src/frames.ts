// The frames of the protocol, with the names that they have there. docs/asyncapi.yaml describes them, and their limits.

/** The statuses of a message. From 10000 on they are the application's own. */
export const Status = { normal: 0, revoked: 1, deleted: 2 } as const;

/** A message's key. Times are ms of the server's clock. */
export interface MessageKey {
  server_id: string;
  channel_id: string;
  timestamp: number;
  msg_server_id: string;
}

/** Names another message of the same channel. */
export type MessageRef = Pick<MessageKey, "timestamp" | "msg_server_id">;

/** What an operator says with a revoke. Everybody who sees the channel sees it. */
export interface UpdateInfo {
  postscript?: string;
  extension?: string;
  push_content?: string;
  push_payload?: string;
}

/** Who took a message back, and what they said. */
export interface Operation extends UpdateInfo {
  operator_id: string;
  operator_nick?: string;
  operator_client_type: number;
}

/** What a revoke erases. */
export interface Content {
  msg_body?: string;
  msg_attach?: string;
  msg_ext?: string;
  mention_all?: boolean;
  mention_accids?: string[];
  mention_role_ids?: string[];
  push_content?: string;
  push_payload?: string;
}

/**
 * A message as this account may see it. A revoked one has no content. One that was taken back before this device knew it has its
 * key, status and version alone.
 */
export interface Message extends MessageKey, Content {
  status: number;
  version: number;
  update_timestamp: number;
  msg_id?: string;
  msg_type?: number;
  from_accid?: string;
  from_nick?: string;
  from_client_type?: number;
  from_device_id?: string;
  reply_to?: MessageRef;
  update_ope_info?: Operation;
  /** 1: told to all who see the channel, 2: to its subscribers. */
  notify_reason?: number;
}

/** Asks to send a message. msg_body or msg_attach must be there. */
export interface SendRequest extends Content {
  server_id: string;
  channel_id: string;
  /** Makes the send repeatable for 24 h. Left out, the client makes one. */
  msg_id?: string;
  msg_type?: number;
  reply_to?: MessageRef;
}

/** Asks to take a message back. */
export interface RevokeRequest extends MessageKey {
  update_info?: UpdateInfo;
}

/** Asks to take 1 to 100 messages of a channel back. */
export interface RevokeBatchRequest {
  server_id: string;
  channel_id: string;
  messages: MessageRef[];
  update_info?: UpdateInfo;
}

/** What became of one message of a batch: its version where it is taken back, else why not. */
export interface RevokeOutcome extends MessageRef {
  res_code: number;
  version?: number;
  update_timestamp?: number;
  reason?: string;
  retryable?: boolean;
}

/** Asks for a page of a channel: older than its newest message where nothing else is said. */
export interface HistoryRequest {
  server_id: string;
  channel_id: string;
  direction?: "older" | "newer";
  /** A former page's `next`. Excludes timestamp. */
  cursor?: string;
  /** Where to begin, in ms. */
  timestamp?: number;
  /** 1 to 100. */
  limit?: number;
}

/** A page in the order of the walk; no `next` at the end. */
export interface HistoryPage {
  messages: Message[];
  next?: string;
}

/** What became of one channel of a subscribe. */
export interface Subscribed {
  channel_id: string;
  res_code: number;
  reason?: string;
}

/** Tells what somebody did. */
export interface Notice {
  event: string;
  res_code: number;
  update_info?: UpdateInfo;
  message: Message;
}

/** A request of any action. */
export type Request = { action: string } & Record<string, unknown>;

/** An answer of any action, as it came: its members are still to be checked. */
export type Answer = Record<string, unknown>;

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tells whether a value has what a message needs to be placed and judged. */
export function isMessage(value: unknown): value is Message {
  return isObject(value) && ["server_id", "channel_id", "msg_server_id"].every((name) => isId(value[name])) &&
    ["timestamp", "status", "version", "update_timestamp"].every((name) => Number.isSafeInteger(value[name]) && (value[name] as number) >= 0) &&
    ["msg_id", "msg_body", "msg_attach", "msg_ext", "from_accid", "from_nick", "from_device_id"].every((name) => ["string", "undefined"].includes(typeof value[name])) &&
    (value.update_ope_info === undefined || isObject(value.update_ope_info));
}

/** Tells whether a value may be an id. '#' never is in one, so that it may separate them. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("#");
}

/** Tells whether the message was taken back or deleted. */
export function hasEnded(message: { status: number }): boolean {
  return message.status === Status.revoked || message.status === Status.deleted;
}

/** A message's name in its server: it orders messages as their channel does. Also the tag to show its notification with. */
export function tagOf(key: MessageKey): string {
  return [key.server_id, key.channel_id, String(key.timestamp).padStart(15, "0"), key.msg_server_id].join("#");
}

const content = ["msg_body", "msg_attach", "msg_ext", "mention_all", "mention_accids", "mention_role_ids", "push_content", "push_payload"];

/** The message without its content. */
export function erased(message: Message): Message {
  return Object.fromEntries(Object.entries(message).filter(([name]) => !content.includes(name))) as unknown as Message;
}
