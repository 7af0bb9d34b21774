// Instances of the WebAssembly module, and the promises of their tasks.
//
// A panic leaves an instance in a state that nobody knows. So it is never used again: its promises
// are rejected, its timers stop, and whoever opens an SDK next gets a new one. All SDKs that are
// open at a time share one instance, unless they are opened with modules of their own.
import { randomFillSync } from 'node:crypto';

import { monotonic } from './clock.mjs';
import { failure, loadFailure } from './errors.mjs';
import { instantiate } from './glue.mjs';
import { Logs } from './log.mjs';
import { soon } from './turns.mjs';

const LONGEST_TIMER_MS = 3_600_000; // setTimeout fires at once beyond 2^31 ms.

/**
 * Where the module comes from unless an SDK is opened with another: a function that gives its
 * bytes. Each entry of the package names its own.
 */
let standard;
let latest;
const modules = new WeakMap();
const engines = new WeakMap();

/** From now on these bytes are the module, unless an SDK is opened with another. */
export function useWasm(read) {
  standard = read;
}

/** The engine over this module, or over the one used last; a new one if that is dead. */
export async function engine(wasm = latest ?? standard) {
  refuseBrowser();
  if (typeof wasm !== 'function' && typeof wasm !== 'object') throw loadFailure('wasm_invalid');
  const known = engines.get(wasm);
  if (known === undefined || (await known.catch(() => DEAD)).dead) {
    // Whoever came first while the last one was looked at has begun one.
    if (engines.get(wasm) === known) engines.set(wasm, create(wasm));
  }
  const made = await engines.get(wasm);
  latest = wasm;
  return made;
}

/** An engine that could not be made. */
const DEAD = { dead: true };

async function create(wasm) {
  if (!modules.has(wasm)) modules.set(wasm, compile(wasm));
  try {
    return new Engine(instantiate(await modules.get(wasm)));
  } catch (error) {
    modules.delete(wasm);
    throw error?.code === 'load_failed' ? error : loadFailure('wasm_invalid');
  }
}

async function compile(wasm) {
  if (wasm instanceof WebAssembly.Module) return wasm;
  let bytes = wasm;
  if (typeof wasm === 'function') {
    try {
      bytes = await wasm();
    } catch {
      throw loadFailure('wasm_missing');
    }
  }
  return WebAssembly.compile(bytes);
}

/** A page shows whoever looks at it the secrets that the SDK is given. */
function refuseBrowser() {
  if (typeof globalThis.document === 'object' && globalThis.document !== null) throw loadFailure('browser');
}

class Engine {
  dead = false;
  logs = new Logs();
  #bindings;
  #pending = new Map();
  #timers = new Set();
  #panicError;

  constructor(bindings) {
    this.#bindings = bindings;
    this.memory = bindings.memory;
    this.#panicError = bindings.panicError();
    bindings.start({
      schedule: (task) => soon(() => this.#poll(task)),
      settle: (task, succeeded, json) => this.#settle(task, succeeded, json),
      log: (number, level, target, message) => this.logs.tell(number, { level, target, message }),
      now: () => Date.now(),
      monotonic,
      timer: (millis) => this.#timer(millis),
      random: (out) => randomFillSync(out),
    });
  }

  /** Calls a function of the module that answers at once. */
  call(work) {
    if (this.dead) throw this.#panicked();
    try {
      return work(this.#bindings);
    } catch (thrown) {
      // Errors come as text. Whatever else leaves the module is the end of it.
      if (typeof thrown === 'string') throw failure(thrown);
      this.#die();
      throw this.#panicked();
    }
  }

  /** Calls a function of the module that starts a task; gives what the task gives. */
  async run(work) {
    const task = this.call(work);
    return new Promise((resolve, reject) => this.#pending.set(task, { resolve, reject }));
  }

  #poll(task) {
    if (this.dead) return;
    try {
      this.#bindings.poll(task);
    } catch {
      this.#die();
    }
  }

  #settle(task, succeeded, json) {
    const promise = this.#pending.get(task);
    this.#pending.delete(task);
    if (succeeded) promise?.resolve(JSON.parse(json));
    else promise?.reject(failure(json));
  }

  #timer(millis) {
    const end = performance.now() + millis;
    let cancel;
    const over = new Promise((resolve) => {
      let handle;
      cancel = () => {
        clearTimeout(handle);
        this.#timers.delete(cancel);
        // Also when cancelled: a promise that never settles holds what waits for it.
        resolve();
      };
      const wait = () => {
        const left = end - performance.now();
        if (left <= 0) cancel();
        else handle = setTimeout(wait, Math.min(Math.ceil(left), LONGEST_TIMER_MS));
      };
      this.#timers.add(cancel);
      wait();
    });
    return { over, cancel };
  }

  #die() {
    this.dead = true;
    for (const cancel of [...this.#timers]) cancel();
    for (const { reject } of this.#pending.values()) reject(this.#panicked());
    this.#pending.clear();
  }

  #panicked() {
    return failure(this.#panicError);
  }
}
