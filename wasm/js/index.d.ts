// Types of the CaseHug-Clio SDK for Node.

export interface Config {
  clientId: string;
  clientSecret: string;
  /** Clio's host root, e.g. `https://app.clio.com`. `http` for loopback addresses only. */
  clioUrl: string;
  /** The root key: `id` of 1 to 128 bytes of `A-Z a-z 0-9 _ - . :`; `key` 32 bytes as 64 hexadecimal digits or as base64. */
  sealingKey: { id: string; key: string };
  /** How long Clio may still execute a request that was given up on. Default: 120. */
  settleSeconds?: number;
  /** How long Clio's lists may not show yet what Clio has created. Default: 60. */
  indexDelaySeconds?: number;
  /** For one call to Clio. Default: 30. */
  requestTimeoutSeconds?: number;
  /**
   * Takes what this SDK tells, an entry at a time: ids, counts and codes, no client data and no
   * secret. Called between the SDK's own steps, never after `close()` has resolved, nor after an
   * open that failed. What it throws, or a promise of it that rejects, is dropped.
   */
  log?: (entry: LogEntry) => void;
  /** The least grave entries wanted. `info`: what happens. `debug`: each call. Default: `warn`. */
  logLevel?: LogLevel;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LogEntry {
  level: LogLevel;
  /** The part of the SDK that speaks, e.g. `casehug_clio::clio::call`. */
  target: string;
  /** `what happened key=value key=value`. */
  message: string;
}

/** Who asks, as the host authenticated them. */
export interface Actor {
  user: string;
  firm: string;
  role: 'admin' | 'member';
}

type Async<T> = T | PromiseLike<T>;

export interface Key {
  firm: string;
  collection: string;
  id: string;
}

export interface StoredRecord {
  /** May be left out unless a scan spans firms. */
  firm?: string;
  id: string;
  version: string;
  /** Milliseconds since 1970 on the store's clock. */
  dueAt?: number | null;
  /** Any text, NUL included; returned as it was given. */
  body: string;
}

export type Scan =
  /** `from <= id < until`, ordered by the UTF-8 bytes of the id (not as JavaScript compares strings). */
  | { kind: 'ids'; firm: string; collection: string; from: string; until: string | null; descending: boolean; limit: number }
  /** `dueAt <= now` on the store's clock, earliest first; `firm` null: of all firms. */
  | { kind: 'due'; firm: string | null; collection: string; limit: number };

/** `expect`: the version that must be there, null: no record. A key occurs at most once in a commit. */
export type Write =
  | (Key & { kind: 'put'; expect: string | null; version: string; dueInMs: number | null; body: string })
  | (Key & { kind: 'delete'; expect: string })
  | (Key & { kind: 'check'; expect: string | null });

/**
 * Persistence. `commit` does all writes or none; `done` means durable, and `at` is the store's clock, to which `dueInMs` was added. An exception, or
 * anything but the documented answers, means that it is unknown what happened: the SDK reads again.
 */
export interface Store {
  get(key: Key): Async<StoredRecord | null | undefined>;
  scan(scan: Scan): Async<StoredRecord[]>;
  commit(writes: Write[]): Async<{ status: 'done'; at: number } | { status: 'conflict' }>;
}

export interface DocumentName {
  firm: string;
  matter: string;
  document: string;
  upload: string;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Holds signatures and client data: never log it. */
  url: string;
  headers: [string, string][];
  /** Bytes; or bytes of a document, which the transport reads itself: exactly `len` from `offset`, and nothing after them if `last`. */
  body: Uint8Array | (DocumentName & { offset: number; len: number; last: boolean }) | null;
  /** For the whole exchange. */
  timeoutMs: number;
  /** On the clock of `monotonic()`: writing must not begin later. */
  notAfter: number | null;
  /** The largest answer body in bytes. */
  maxResponse: number;
}

export interface HttpResponse {
  status: number;
  headers: [string, string][];
  body: Uint8Array;
}

/** Sends one request, written at most once; throws `HttpFailure`. The whole contract: `core/src/ports/http.rs`. Settle when `signal` aborts. */
export interface HttpTransport {
  send(request: HttpRequest, signal: AbortSignal): Async<HttpResponse>;
}

export interface IntakeSource {
  /** The text of the intake (docs/intake-format.md); may throw `IntakeError`. */
  load(firm: string, matter: string): Async<string>;
  /** The document as it is now, read afresh. `revision` changes whenever the bytes do and holds no client data. */
  stat(document: DocumentName): Async<{ len: number; revision: string; status: string; origin: string }>;
}

export interface DocumentReader {
  /** Fills the front of the buffer; the number of bytes, 0 only at the end. */
  read(buffer: Uint8Array): Async<number>;
  close?(): Async<void>;
}

export interface DocumentBytes {
  open(document: DocumentName, offset: number): Async<DocumentReader>;
}

/** A failure; the codes are in core/src/error/codes.rs. No field holds client data or a secret. */
export class CasehugClioError extends Error {
  readonly code: string;
  readonly number: number;
  readonly kind: string;
  readonly retry: 'never' | 'retry' | 'retry_after' | 'refresh_then_retry' | 'probe_first';
  readonly retryAfterMs?: number;
  readonly context: Record<string, string>;
  /** Of what was refused: never its value. */
  readonly path?: string;
}

export class HttpFailure extends Error {
  constructor(
    kind:
      | 'connect' | 'tls' | 'timeout' | 'lost' | 'not_after' | 'response_too_large'
      | 'body_short' | 'body_long' | 'body_unreadable' | 'refused' | 'other',
    sent: 'no' | 'maybe',
  );
}

export class IntakeError extends Error {
  constructor(
    code:
      | 'matter_unknown' | 'intake_malformed' | 'intake_invalid' | 'intake_unreadable' | 'document_missing' | 'document_unreadable',
  );
}

export class NodeHttp implements HttpTransport {
  constructor(documents: DocumentBytes, options?: { ca?: string | string[] });
  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpResponse>;
}

export class FolderIntake implements IntakeSource, DocumentBytes {
  constructor(root: string);
  load(firm: string, matter: string): Promise<string>;
  stat(document: DocumentName): Promise<{ len: number; revision: string; status: string; origin: string }>;
  open(document: DocumentName, offset: number): Promise<DocumentReader>;
}

/** Milliseconds that never jump back and go on while the machine is suspended. */
export function monotonic(): number;

/** Every method rejects with `CasehugClioError`; shapes are those of the C ABI and of `sync-intake --json`. */
export class Sdk {
  private constructor();
  static open(config: Config, ports: { store: Store; http: HttpTransport; intake: IntakeSource }): Promise<Sdk>;
  beginConnect(actor: Actor, redirectUri: string): Promise<{ authorize_url: string }>;
  finishConnect(actor: Actor, callbackQuery: string): Promise<Record<string, unknown>>;
  connection(actor: Actor): Promise<Record<string, unknown> | null>;
  planMatter(actor: Actor, matter: string): Promise<{ calls: { least: number; most: number } }>;
  syncMatter(actor: Actor, matter: string): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}
