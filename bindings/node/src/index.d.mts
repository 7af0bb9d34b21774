// Types of the CaseHug-Clio SDK for Node.
import type { CallOptions, CasehugId, ErrorCode, ErrorKind, Firm, Host, Milliseconds, OutboxEvent, Retry } from './operations.mjs';

export * from './operations.mjs';

export interface Config {
  clientId: string;
  clientSecret: string;
  /**
   * The region of Clio, `us`, `eu`, `ca` or `au`; or for tests and proxies a host root, `http` for
   * loopback addresses only.
   */
  clioUrl: string;
  /**
   * The root key, unless the port `keys` is given. `earlier`: keys by their ids under which
   * something may still be sealed. `id` of 1 to 128 bytes of `A-Z a-z 0-9 _ - . :`; `key` 32 bytes
   * as 64 hexadecimal digits or as base64.
   */
  sealingKey?: { id: string; key: string; earlier?: Record<string, string> };
  /** How long Clio may still execute a request that was given up on. Default: 120. */
  lateExecutionWindowSeconds?: number;
  /** How long Clio's lists may not show yet what Clio has created. Default: 60. */
  indexDelaySeconds?: number;
  /** For one call to Clio. Default: 30. */
  requestTimeoutSeconds?: number;
  /**
   * Where Clio is to deliver webhooks: a public https URL, below which every path with one more
   * segment reaches `handleWebhook`. Without it the status of matters is asked for at intervals.
   */
  webhookUrl?: string;
  /**
   * Takes what this SDK tells, an entry at a time: ids, counts and codes, no client data and no
   * secret. Called between the SDK's own steps, never after `close()` has resolved, nor after an
   * open that failed. A worker that ends by itself is an entry of level `error`. What it throws, or
   * a promise of it that rejects, is dropped.
   */
  log?: (entry: LogEntry) => void;
  /** The least grave entries wanted. `info`: what happens. `debug`: each call. Default: `warn`. */
  logLevel?: LogLevel;
  /**
   * The bytes of `@casehug/clio-sync/casehug_clio.wasm`, or a module compiled of them: where that
   * file is not beside the package, as after bundling. `@casehug/clio-sync/inline` has it inside.
   */
  wasm?: ArrayBuffer | ArrayBufferView | WasmModule;
}

/** `WebAssembly.Module`, where the project's libraries declare it. */
export type WasmModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } } ? Module : object;

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
  /** Any text without NUL; returned as it was given. */
  body: string;
}

export type Scan =
  /**
   * `from <= id < until`, ordered by the UTF-8 bytes of the id (not as JavaScript compares
   * strings).
   */
  | { kind: 'ids'; firm: string; collection: string; from: string; until: string | null; descending: boolean; limit: number }
  /** `dueAt <= now` on the store's clock, earliest first; `firm` null: of all firms. */
  | { kind: 'due'; firm: string | null; collection: string; limit: number };

/**
 * `expect`: the version that must be there, null: no record. A key occurs at most once in a commit.
 */
export type Write =
  | (Key & { kind: 'put'; expect: string | null; version: string; dueInMs: number | null; body: string })
  | (Key & { kind: 'delete'; expect: string })
  | (Key & { kind: 'check'; expect: string | null });

/**
 * Persistence. `commit` does all writes or none; `done` means durable, and `at` is the store's
 * clock, to which `dueInMs` was added. What a `check` expects MUST hold until the commit: of two
 * that each check what the other one writes, one is a conflict. At READ COMMITTED a plain SELECT is
 * not enough. An exception, or anything but the documented answers, means that it is unknown what
 * happened: the SDK reads again.
 */
export interface Store {
  get(key: Key): Async<StoredRecord | null | undefined>;
  scan(scan: Scan): Async<StoredRecord[]>;
  commit(writes: Write[]): Async<{ status: 'done'; at: number } | { status: 'conflict' }>;
  /**
   * The store's clock for the records of this firm, in milliseconds since 1970: the one that
   * `commit` tells. Without it the SDK commits an empty list. For a store of several databases,
   * whose clocks may differ, and of which one may be away.
   */
  now?(firm: string): Async<number>;
  /**
   * Fulfilled when another process may have made something due, counted from this call on. A hint,
   * which may come late, for nothing or never: workers look at intervals all the same.
   */
  dueElsewhere?(): Promise<void>;
}

/** A store that `ShardedStore` can be made of. */
export interface FirmsStore extends Store {
  /** Whether it has any record of the firm. */
  hasFirm(firm: string): Async<boolean>;
  close?(): Async<void>;
}

/** A store that was opened, and is to be closed after its SDKs. */
export interface OpenedStore extends FirmsStore {
  close(): Promise<void>;
}

/** Records in memory: for tests and first steps. Nothing survives the process. */
export class MemoryStore implements FirmsStore {
  get(key: Key): StoredRecord | undefined;
  scan(scan: Scan): StoredRecord[];
  commit(writes: Write[]): { status: 'done'; at: number } | { status: 'conflict' };
  hasFirm(firm: string): boolean;
}

/**
 * One SQLite file, durable at every commit, shared by any number of processes of one machine. It
 * uses
 * `node:sqlite` (Node 22.13 and newer, Deno) or `bun:sqlite`; a host of Node 20 brings the class of
 * better-sqlite3. Nothing else in the process may open the file.
 */
export class SqliteStore implements OpenedStore {
  private constructor();
  /**
   * Opens the file, and creates it (mode 0600) in a folder that exists. Rejects with
   * `store_open_failed` and a `reason`, or with `store_log_missing`.
   */
  static open(path: string, options?: { betterSqlite3?: new (path: string, options: object) => object }): Promise<SqliteStore>;
  get(key: Key): Promise<StoredRecord | undefined>;
  scan(scan: Scan): Promise<StoredRecord[]>;
  commit(writes: Write[]): Promise<{ status: 'done'; at: number } | { status: 'conflict' }>;
  hasFirm(firm: string): Promise<boolean>;
  /** Ends it: what waits is done first. */
  close(): Promise<void>;
}

/** What `PostgresStore` asks of a `Pool` of pg. */
export interface PostgresPool {
  connect(): Promise<{
    query(statement: any): Promise<{ rows: any[]; command: string }>;
    release(destroy?: boolean): void;
  }>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * PostgreSQL 13 or newer, for many processes on many machines. The pool is the host's, TLS and all,
 * and is ended by it. Of a pool of pg itself, a worker takes one more connection, on which it hears
 * at once of what other processes make due.
 */
export class PostgresStore implements OpenedStore {
  private constructor();
  /**
   * Makes the schema `casehug_clio`, or brings it up to date. Rejects with `store_open_failed` and
   * a `reason`.
   */
  static open(pool: PostgresPool): Promise<PostgresStore>;
  get(key: Key): Promise<StoredRecord | undefined>;
  scan(scan: Scan): Promise<StoredRecord[]>;
  commit(writes: Write[]): Promise<{ status: 'done'; at: number } | { status: 'conflict' }>;
  hasFirm(firm: string): Promise<boolean>;
  dueElsewhere(): Promise<void>;
  /**
   * Ends the connection on which a worker hears from other processes. Then nothing is asked of the
   * pool any more, and it may end.
   */
  close(): Promise<void>;
}

/**
 * Several databases, each with firms of its own. Nothing of the SDK spans firms, so each call goes
 * to one of them; a worker asks all what is due. A firm that has records in another database than
 * its own is refused (`store_failed`, `firm_in_another_database`) until they are in one place.
 */
export class ShardedStore implements OpenedStore {
  private constructor();
  /**
   * `databases`: stores by names of yours, which are closed with it. `firms`: the database of a
   * firm, by its name; `others`: that of all the rest. Every process MUST have the same. Rejects
   * with `setting_invalid` and the reason `shards_unknown_database`.
   */
  static open(shards: { databases: Record<string, FirmsStore>; firms?: Record<string, string>; others: string }): Promise<ShardedStore>;
  get(key: Key): Promise<StoredRecord | null | undefined>;
  scan(scan: Scan): Promise<StoredRecord[]>;
  commit(writes: Write[]): Promise<{ status: 'done'; at: number } | { status: 'conflict' }>;
  /** The clock of the firm's own database. */
  now(firm: string): Promise<number>;
  hasFirm(firm: string): Promise<boolean>;
  dueElsewhere(): Promise<void>;
  /** Closes all of them, also if one cannot be. */
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  /**
   * Makes the pool of a `postgres://` line, with its TLS:
   * `(line) => new pg.Pool({ connectionString: line })`.
   */
  pool?: (line: string) => PostgresPool & { end(): Promise<void> };
  /** Of database servers whose line names a user and no password. */
  password?: string | undefined;
  /** As for `SqliteStore.open`. */
  betterSqlite3?: new (path: string, options: object) => object;
}

/**
 * Opens the store that a line names: `sqlite:FILE` or a plain `FILE`,
 * `postgres://USER@HOST/DATABASE`, or `shards:FILE` for several, by a JSON file
 * `{ "databases": { name: line }, "firms": { firm: name }, "others": name }`. The lines are those
 * of every other language, but for two things that are the pool's here: several hosts are refused,
 * as pg takes one, and TLS is as the pool is made. Closing it ends the pools that were made for it.
 *
 * Rejects with `setting_invalid` and a reason: `empty`, `unknown_scheme`, `not_built_in` (a
 * `postgres://` line without `pool`), `several_hosts`, `shards_unreadable`, `shards_not_valid`,
 * `shards_unknown_database`, `shards_in_shards`; or as `SqliteStore.open` and `PostgresStore.open`.
 */
export function openStore(line: string, options?: OpenStoreOptions): Promise<OpenedStore>;

/**
 * What a store may throw so that its reason is kept. `reason`: why it was refused, for operators.
 */
export class StoreError extends Error {
  constructor(code: 'store_failed' | 'store_corrupt' | 'store_tampered' | 'store_log_missing', reason?: 'firm_in_another_database' | 'several_databases');
  readonly code: string;
  readonly reason?: string;
}

/**
 * Wraps and unwraps data keys: a KMS, which never hands out its root key. What it throws is
 * `key_failed`; its text is dropped.
 */
export interface KeyProvider {
  /**
   * Wraps 32 bytes, which are wiped afterwards. `context` MUST be bound: unwrapping under another
   * one MUST fail. `keyId` of 1 to 128 bytes of `A-Z a-z 0-9 _ - . :`; `blob` of 1 to 65,536.
   */
  wrap(key: Uint8Array, context: Uint8Array): Async<{ keyId: string; blob: Uint8Array }>;
  /** The 32 bytes, also of what an earlier root key wrapped. 32 zeros are refused. */
  unwrap(wrapped: { keyId: string; blob: Uint8Array }, context: Uint8Array): Async<Uint8Array>;
}

/**
 * The key in an environment variable, for `sealingKey`. Default: `CASEHUG_CLIO_SEALING_KEY`. One
 * that is missing is refused at opening. `earlier`: for each id of a root key that sealed before,
 * the variable that holds it, until `rewrapKeys` was called for every firm.
 */
export function environmentKey(
  id: string,
  variable?: string,
  earlier?: Record<string, string>,
): { id: string; key: string; earlier: Record<string, string> };

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
  /**
   * Bytes; or bytes of a document, which the transport reads itself: exactly `len` from `offset`,
   * and nothing after them if `last`.
   */
  body: Uint8Array | (DocumentName & { offset: number; len: number; last: boolean }) | null;
  /**
   * `own`: on a connection that is made for it and serves nothing else. `kept`: on any, also one
   * that an earlier request left open; a second execution of it does no harm.
   */
  connection: 'own' | 'kept';
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

/**
 * Sends one request, written at most once; throws `HttpFailure`. The whole contract:
 * `core/src/ports/http.rs`. Settle when `signal` aborts.
 */
export interface HttpTransport {
  send(request: HttpRequest, signal: AbortSignal): Async<HttpResponse>;
}

export interface IntakeSource {
  /** The text of the intake (docs/intake-format.md), at most 8 MiB; may throw `IntakeError`. */
  load(firm: string, matter: string): Async<string>;
  /**
   * The document as it is now, read afresh. `revision` of 1 to 128 bytes changes whenever the bytes
   * do and holds no client data.
   */
  stat(document: DocumentName): Async<{ len: number; revision: string; status: string; origin: string }>;
}

export interface DocumentReader {
  /** Fills the front of the buffer; the number of bytes, 0 only at the end. */
  read(buffer: Uint8Array): Async<number>;
  /** Called once, also while a read is waiting. */
  close?(): Async<void>;
}

/**
 * A document as a stream: a `Readable` of Node, a `ReadableStream` of the web (the `body` of a
 * `Response`, `blob.stream()`), or what a generator yields. Chunks of any size, also empty ones.
 */
export type DocumentStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | WebStream;

/** What is used of a `ReadableStream`, where the project's libraries do not declare it. */
export interface WebStream {
  getReader(): {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
}

export interface DocumentBytes {
  /**
   * The document's bytes from `offset` on, as a reader or as a stream: opened afresh for every
   * request that sends them, a repeated one included. A stream gives exactly the bytes that `stat`
   * told of: with fewer or more the document counts as changed meanwhile (`document_changed`), and
   * with an error, or a chunk that is no `Uint8Array`, as `document_unreadable`. It is ended when
   * its bytes have gone out, or nobody wants them any more.
   */
  open(document: DocumentName, offset: number): Async<DocumentReader | DocumentStream>;
}

/**
 * A reader of what a stream gives behind its first `skip` bytes, which are read and dropped: for a
 * source that cannot begin at an offset. Documents of 100 MB and more are asked for in parts, each
 * from an offset of its own.
 */
export function readerOf(stream: DocumentStream, skip?: number): DocumentReader;

/**
 * A failure; the codes are in docs/errors.md. No field holds client data or a secret. Of each kind
 * there is a class.
 */
export class CasehugClioError extends Error {
  protected constructor();
  readonly code: ErrorCode;
  readonly number: number;
  readonly kind: ErrorKind | (string & {});
  readonly retry: Retry;
  readonly retryAfterMs?: Milliseconds;
  readonly context: Record<string, string>;
  /** Of what was refused: never its value. */
  readonly path?: string;
}

export class AuthError extends CasehugClioError {}
export class RateLimitError extends CasehugClioError {}
export class NetworkError extends CasehugClioError {}
export class PermissionError extends CasehugClioError {}
export class PlanError extends CasehugClioError {}
export class InputError extends CasehugClioError {}
export class ClioError extends CasehugClioError {}
export class HostError extends CasehugClioError {}
export class InternalError extends CasehugClioError {}

export class HttpFailure extends Error {
  constructor(
    kind:
      | 'connect' | 'tls' | 'timeout' | 'lost' | 'not_after' | 'response_too_large'
      | 'body_short' | 'body_long' | 'body_unreadable' | 'refused' | 'other',
    sent: 'no' | 'maybe',
  );
}

/** What an intake source may throw. `retry`: `never` if it will stay so, whatever its code says. */
export class IntakeError extends Error {
  constructor(
    code:
      | 'matter_unknown' | 'intake_malformed' | 'intake_invalid' | 'intake_unreadable' | 'document_missing' | 'document_unreadable',
    retry?: 'never',
  );
  readonly code: string;
  readonly retry?: 'never';
}

export class NodeHttp implements HttpTransport {
  constructor(documents: DocumentBytes, options?: { ca?: string | string[] });
  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpResponse>;
}

/**
 * The folder of docs/intake-format.md. With `{firm}` as one of its folders, `intakes/{firm}` say,
 * each firm has the folder that is named by its id. Without it the folder is **one firm's**: only
 * an SDK that serves this firm and no other may have it, because it answers whatever firm is named.
 * `{firm}` twice or as a part of a name is refused by `Sdk.open` (`setting_invalid`,
 * `firm_not_one_folder`).
 */
export class FolderIntake implements IntakeSource, DocumentBytes {
  constructor(path: string);
  load(firm: string, matter: string): Promise<string>;
  stat(document: DocumentName): Promise<{ len: number; revision: string; status: string; origin: string }>;
  open(document: DocumentName, offset: number): Promise<DocumentReader>;
}

/** Milliseconds that never jump back and go on while the machine is suspended. */
export function monotonic(): number;

/** How a worker works. */
export interface WorkerConfig {
  /** Runs at once. Default: 16. */
  concurrency?: number;
  /** Runs of one firm at once. Default: 4. */
  perFirm?: number;
  /** The longest wait before it looks for work of other processes; 0.01 at least. Default: 1. */
  pollSeconds?: number;
}

/** A worker that runs beside everything else on this thread. */
export class SyncWorker {
  private constructor();
  /**
   * Fulfilled when it has ended. Rejects with what it could not begin with, or with `panic`, which
   * the log tells too: then every SDK of this instance is dead, and the next `Sdk.open` gets
   * another one, in which a new worker goes on.
   */
  readonly ended: Promise<void>;
  /** Claims nothing more; fulfilled when the steps in progress have ended. */
  stop(): Promise<void>;
}

/** To be sent with its headers and without a body. */
export interface WebhookReply {
  status: number;
  headers: [name: string, value: string][];
}

/**
 * An open SDK. Every method rejects with `CasehugClioError`, if not with `TypeError` for what a
 * type forbids.
 */
export class Sdk {
  private constructor();

  /** Opens the SDK over the host's ports. Opens no connection. */
  static open(
    config: Config,
    ports:
      | { store: Store; intake: IntakeSource; http: HttpTransport; keys?: KeyProvider }
      /** With `NodeHttp` over the documents of the intake. */
      | { store: Store; intake: IntakeSource & DocumentBytes; http?: HttpTransport; keys?: KeyProvider },
  ): Promise<Sdk>;

  /** The operations that this user may ask for. */
  firm(actor: Actor): Firm;

  /**
   * The operations of the service that embeds the SDK. A user's request must not choose their
   * arguments unchecked.
   */
  readonly host: Host;

  /**
   * Runs an operation by the name that it has in every language (`docs/operations.md`), with its
   * arguments as they are named there: for gateways. The methods have types.
   */
  call(actor: Actor | 'host', operation: string, args?: object, options?: CallOptions): Promise<unknown>;

  /**
   * Takes in what Clio posted to the webhook URL. Answers after one durable commit; a worker
   * applies it.
   *
   * @param token - The last segment of the path.
   * @param headers - All of them: Node's `request.rawHeaders`, or `Headers`.
   * @param body - The bytes as they came, not parsed and written anew: they are signed. More than
   * 64 KiB are answered with 413, of which nothing but the first 64 KiB is read.
   * @param options - `signal`: what is given up on rejects with `cancelled`; answer with 503, and
   * Clio delivers again.
   */
  handleWebhook(
    token: string,
    headers: readonly string[] | Iterable<readonly [name: string, value: string]>,
    body: Uint8Array,
    options?: CallOptions,
  ): Promise<WebhookReply>;

  /**
   * Starts a worker for the due jobs of all firms. Several share the work, here or in other
   * processes.
   */
  startWorker(config?: WorkerConfig): SyncWorker;

  /** Runs what is due now, one after the other; gives how many runs that were. */
  runDue(options?: CallOptions): Promise<number>;

  /**
   * The events of all firms or of one, as they come, until the signal ends it. One that is not
   * acknowledged within a minute is given again, perhaps to another process: a handler that takes
   * longer asks for fewer (`limit: 1`), and may be given an event twice.
   */
  events(options?: { firm?: CasehugId; limit?: number; signal?: AbortSignal }): AsyncGenerator<OutboxEvent & { ack(): Promise<unknown> }, void, void>;

  /**
   * Tells everything in progress to end after its step, with code `stopped`. There is no way back.
   */
  stop(): void;

  /**
   * Refuses new calls at once, ends workers, waits for what is in progress, and gives the memory
   * back.
   */
  close(): Promise<void>;
}

/**
 * Everything of a list that comes in pages:
 * `for await (const run of every((after) => firm.matters.runs({ matter, after })))`.
 */
export function every<T>(ask: (after: string | undefined) => Promise<{ items: T[]; next: string | null }>): AsyncGenerator<T, void, void>;
