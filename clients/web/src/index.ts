export { Client, type ClientOptions, type Draft } from "./client.js";
export { systemClock, type Clock } from "./clock.js";
export type { Socket, SocketConstructor, State, TokenSource } from "./connection.js";
export { UnsendError, type ErrorKind } from "./errors.js";
export { hasEnded, Status, tagOf } from "./frames.js";
export type {
  Content, HistoryPage, HistoryRequest, Message, MessageKey, MessageRef, Notice, Operation, RevokeBatchRequest, RevokeOutcome, RevokeRequest,
  SendRequest, Subscribed, UpdateInfo,
} from "./frames.js";
export { notificationsOf } from "./notifications.js";
export { localStore, memoryStore, type Store } from "./store.js";
export { View } from "./view.js";
