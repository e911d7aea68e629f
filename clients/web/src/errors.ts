/**
 * - `refused`: by the server, with its code
 * - `closed`: the client was closed; what was under way is kept in the store, and the next client goes on with it
 * - `disconnected`, `timeout`: the request may have been carried out; repeat it
 * - `unanswered`: it was repeated for an hour without an answer, and may have been carried out
 * - `full`: too many requests are waiting for an answer
 * - `frame`: the server sent what is no frame, or a part that is not as it must be
 * - `token`: the token callback failed, or took too long
 * - `connect`: no connection came about
 * - `store`: the store refused to write or to delete
 * - `callback`: a callback of the application threw
 */
export type ErrorKind = "refused" | "closed" | "disconnected" | "timeout" | "unanswered" | "full" | "frame" | "token" | "connect" | "store" | "callback";

/** The only error of this library. It holds no text of a message, and no token. */
export class UnsendError extends Error {
  /** QChat's code, for `refused`; else 0. */
  readonly code: number;
  /** The request's field that is to blame, dotted; empty where none is. */
  readonly field: string;
  /** The same request can succeed later. */
  readonly retryable: boolean;

  constructor(readonly kind: ErrorKind, reason = "", refusal: { code?: number; field?: string; retryable?: boolean } = {}) {
    super(reason ? `${kind}: ${reason}` : kind);
    this.name = "UnsendError";
    this.code = refusal.code ?? 0;
    this.field = refusal.field ?? "";
    this.retryable = refusal.retryable ?? (kind === "disconnected" || kind === "timeout");
  }
}
