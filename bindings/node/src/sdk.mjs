// The SDK, whose entries say where its module comes from. Types: index.d.mts.
import { monotonic } from './clock.mjs';
import { engine } from './engine.mjs';
import { failure } from './errors.mjs';
import { FolderIntake } from './folder-intake.mjs';
import { NodeHttp } from './node-http.mjs';
import { Firm, Host } from './operations.mjs';
import { settingRefused } from './store-errors.mjs';
import { SyncWorker } from './worker.mjs';

export { monotonic } from './clock.mjs';
export {
  AuthError,
  CasehugClioError,
  ClioError,
  HostError,
  HttpFailure,
  InputError,
  IntakeError,
  InternalError,
  NetworkError,
  PermissionError,
  PlanError,
  RateLimitError,
} from './errors.mjs';
export { FolderIntake } from './folder-intake.mjs';
export { environmentKey } from './keys.mjs';
export { MemoryStore } from './memory-store.mjs';
export { NodeHttp } from './node-http.mjs';
export { openStore } from './open-store.mjs';
export { PostgresStore } from './postgres-store.mjs';
export { ShardedStore } from './sharded-store.mjs';
export { SqliteStore } from './sqlite-store.mjs';
export { StoreError } from './store-errors.mjs';
export { readerOf } from './stream-reader.mjs';
export * from './operations.mjs';
export { SyncWorker } from './worker.mjs';

/** How long one request for events waits. */
const LONGEST_WAIT_MS = 30_000;

/** For how long events may be given after they were asked for: their lease is a minute. */
const GIVEN_MS = 50_000;

/**
 * What the module takes of a delivery, in bytes: one more than core's largest body, which shows
 * that there is more; and more than any token has. The module never gives memory back.
 */
const MOST_BODY = 64 * 1024 + 1;
const MOST_TOKEN = 256;

/** Everything of a list that comes in pages: `ask` is given where the next one begins. */
export async function* every(ask) {
  for (let after; after !== null; ) {
    const { items, next } = await ask(after);
    yield* items;
    after = next ?? null;
  }
}

export class Sdk {
  #engine;
  #inner;
  #log;
  #running = new Set();
  #workers = new Set();

  /** Only `Sdk.open` makes one. */
  constructor(engine, inner, log) {
    this.#engine = engine;
    this.#inner = inner;
    this.#log = log;
    this.host = new Host((operation, args, options) => this.#call(null, operation, args, options));
  }

  static async open(config, { store, intake, http, keys }) {
    const { wasm, sealingKey, ...settings } = config ?? {};
    const transport = http === undefined && typeof intake?.open === 'function' ? new NodeHttp(intake) : http;
    const loaded = await engine(wasm);
    if (intake instanceof FolderIntake && !intake.isOfFirms) throw await settingRefused('firm_not_one_folder', 'intake_folder');
    // The key of an environment variable shows itself to nobody who does not ask for it.
    const key = Object(sealingKey) === sealingKey ? { ...sealingKey, key: sealingKey.key, earlier: sealingKey.earlier } : sealingKey;
    // JSON leaves a function out; anything else under `log` is refused as an unknown field.
    const json = JSON.stringify({ ...settings, sealingKey: key });
    const log = loaded.logs.begin(config?.log);
    try {
      return new Sdk(loaded, loaded.call(({ Engine }) => Engine.open(json, store, transport, intake, keys, log)), log);
    } catch (error) {
      loaded.logs.end(log);
      throw error;
    }
  }

  /** The operations that this user may ask for. */
  firm(actor) {
    // Of an actor that is missing no JSON is made, and without one it would be the host who calls.
    const who = JSON.stringify(actor) ?? 'null';
    return new Firm((operation, args, options) => this.#call(who, operation, args, options));
  }

  /**
   * Runs an operation by its name in every language: for a `'host'` or an actor, with the arguments
   * as they are there.
   */
  async call(actor, operation, args = {}, options = {}) {
    const who = actor === 'host' ? null : (JSON.stringify(actor) ?? 'null');
    return this.#call(who, String(operation), args, options);
  }

  /** Takes in what Clio posted: all headers and the raw body, as they came. */
  async handleWebhook(token, headers, body, options) {
    if (typeof token !== 'string') throw new TypeError('handleWebhook: the token is a string');
    if (!(body instanceof Uint8Array)) throw new TypeError('handleWebhook: the body is a Uint8Array of the bytes as they came');
    const pairs = JSON.stringify(pairsOf(headers));
    const cancelled = () => failure(this.#engine.call(({ describe }) => describe('cancelled', 'signal')));
    if (options?.signal?.aborted) throw cancelled();
    const [name, bytes] = [token.slice(0, MOST_TOKEN), body.subarray(0, MOST_BODY)];
    const reply = await this.#run((inner) => inner.handleWebhook(name, pairs, bytes), options);
    // It was not taken in, and nobody is told to deliver it again.
    if (reply.status === 503 && options?.signal?.aborted) throw cancelled();
    return reply;
  }

  /** Works on the due jobs of all firms until it is stopped. */
  startWorker(config = {}) {
    const json = JSON.stringify(config) ?? 'null';
    const worker = new SyncWorker((stopped) => this.#run((inner) => inner.work(json, stopped)));
    this.#workers.add(worker);
    const forget = () => this.#workers.delete(worker);
    worker.ended.then(forget, ({ code = 'internal' }) => {
      forget();
      // Also when nobody waits for it: what is due would stay so, unseen.
      const message = `a worker ended, and does nothing more until another one is started code="${code}"`;
      this.#engine.logs.tell(this.#log, { level: 'error', target: 'casehug_clio::worker', message });
    });
    return worker;
  }

  /** Runs what is due now; gives how many runs that were. */
  async runDue(options) {
    return this.#run((inner) => inner.runDue(), options);
  }

  /**
   * The events of all firms or of one, as they come; each is given again until it is acknowledged.
   */
  async *events({ firm = null, limit = 100, signal } = {}) {
    const ended = () => signal?.aborted === true;
    while (!ended()) {
      const asked = monotonic();
      let leased;
      try {
        leased = await this.host.nextEvents({ firm, limit, waitMs: LONGEST_WAIT_MS }, { signal });
      } catch (error) {
        if (error.code === 'cancelled' && ended()) return;
        throw error;
      }
      for (const event of leased) {
        // Another process may have it by then. It comes again.
        if (ended() || monotonic() - asked > GIVEN_MS) break;
        yield { ...event, ack: async () => event.id === null || this.host.ackEvent({ firm: event.firm, id: event.id }) };
      }
    }
  }

  /**
   * Tells everything in progress to end after its step, with code `stopped`. There is no way back.
   */
  stop() {
    if (this.#inner !== undefined && !this.#engine.dead) this.#engine.call(() => this.#inner.stop());
  }

  /**
   * Refuses new calls at once, ends workers, waits for what is in progress, and gives the memory
   * back.
   */
  async close() {
    const inner = this.#inner;
    this.#inner = undefined;
    for (const worker of this.#workers) worker.stop().catch(() => {});
    await Promise.allSettled([...this.#running]);
    if (inner !== undefined && !this.#engine.dead) this.#engine.call(() => inner.free());
    this.#engine.logs.end(this.#log);
  }

  /** Without a user it is the host who calls. */
  #call(who, operation, args, options) {
    const json = JSON.stringify(args);
    return this.#run((inner) => inner.call(who, operation, json), options);
  }

  async #run(start, { signal } = {}) {
    const inner = this.#inner;
    if (inner === undefined) throw failure(this.#engine.call(({ closedError }) => closedError()));
    const call = signal === undefined ? this.#engine.run(() => start(inner)) : this.#until(signal, inner, start);
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }

  /** A call that ends at its next safe point once the signal says so. */
  async #until(signal, inner, start) {
    const part = this.#engine.call(() => inner.part());
    const stop = () => {
      if (!this.#engine.dead) this.#engine.call(() => part.stop());
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await this.#engine.run(() => start(part));
    } finally {
      signal.removeEventListener('abort', stop);
      if (!this.#engine.dead) this.#engine.call(() => part.free());
    }
  }
}

/** Node's `rawHeaders`, or whatever gives pairs: `Headers`, a map, an array of them. */
function pairsOf(headers) {
  const flat = [...headers].flat();
  return Array.from({ length: flat.length / 2 }, (_, pair) => flat.slice(2 * pair, 2 * pair + 2));
}
