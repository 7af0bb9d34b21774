// The CaseHug-Clio SDK for Node. Types: index.d.ts.
import { engine } from './engine.mjs';
import { CasehugClioError } from './errors.mjs';

export { monotonic } from './clock.mjs';
export { CasehugClioError, HttpFailure, IntakeError } from './errors.mjs';
export { FolderIntake } from './folder-intake.mjs';
export { NodeHttp } from './node-http.mjs';

export class Sdk {
  #engine;
  #inner;
  #log;
  #running = new Set();

  /** Only `Sdk.open` makes one. */
  constructor(engine, inner, log) {
    this.#engine = engine;
    this.#inner = inner;
    this.#log = log;
  }

  static async open(config, { store, http, intake }) {
    const loaded = await engine();
    // JSON leaves a function out; anything else under `log` is refused as an unknown field.
    const json = JSON.stringify(config) ?? 'null';
    const log = loaded.logs.begin(config?.log);
    try {
      return new Sdk(loaded, loaded.call(({ Engine }) => Engine.open(json, store, http, intake, log)), log);
    } catch (error) {
      loaded.logs.end(log);
      throw error;
    }
  }

  beginConnect(actor, redirectUri) {
    return this.#run('beginConnect', actor, redirectUri);
  }

  finishConnect(actor, callbackQuery) {
    return this.#run('finishConnect', actor, callbackQuery);
  }

  connection(actor) {
    return this.#run('connection', actor);
  }

  planMatter(actor, matter) {
    return this.#run('planMatter', actor, matter);
  }

  syncMatter(actor, matter) {
    return this.#run('syncMatter', actor, matter);
  }

  /** Refuses new calls at once, waits for those in progress, and gives the memory back. */
  async close() {
    const inner = this.#inner;
    this.#inner = undefined;
    await Promise.allSettled([...this.#running]);
    if (inner !== undefined && !this.#engine.dead) this.#engine.call(() => inner.free());
    this.#engine.logs.end(this.#log);
  }

  async #run(method, actor, ...texts) {
    const inner = this.#inner;
    if (inner === undefined) throw new CasehugClioError(this.#engine.call(({ closedError }) => closedError()));
    if (!texts.every((text) => typeof text === 'string')) throw new TypeError(`${method}: a string was expected`);
    const who = JSON.stringify(actor) ?? 'null';
    const call = this.#engine.run(() => inner[method](who, ...texts));
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }
}
