// Instances of the WebAssembly module, and the promises of their tasks.
//
// A panic leaves an instance in a state that nobody knows. So it is never used again: its promises are rejected, its timers stop, and whoever
// opens an SDK next gets a new one. All SDKs that are open at a time share one instance.
import { randomFillSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { monotonic } from './clock.mjs';
import { failure } from './errors.mjs';
import { Logs } from './log.mjs';

const LONGEST_TIMER_MS = 3_600_000; // setTimeout fires at once beyond 2^31 ms.

let compiled;
let instances = 0;
let current;

/** The engine in use; a new one if the last one is dead. */
export async function engine() {
  if (current === undefined || (await current).dead) current = create();
  return current;
}

async function create() {
  compiled ??= readFile(new URL('casehug_clio_wasm_bg.wasm', import.meta.url)).then((bytes) => WebAssembly.compile(bytes));
  const module = await compiled;
  // The generated code holds one instance per evaluation; another query is another evaluation.
  instances += 1;
  const bindings = await import(`./casehug_clio_wasm.js?instance=${instances}`);
  return new Engine(bindings, bindings.initSync({ module }));
}

class Engine {
  dead = false;
  logs = new Logs();
  #bindings;
  #pending = new Map();
  #timers = new Set();
  #panicError;

  constructor(bindings, exports) {
    this.#bindings = bindings;
    this.memory = exports.memory;
    this.#panicError = bindings.panicError();
    bindings.start({
      schedule: (task) => queueMicrotask(() => this.#poll(task)),
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
