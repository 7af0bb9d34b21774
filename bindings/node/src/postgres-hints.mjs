// Hearing from other processes that something is due. Hints only: without them work is found at the
// next interval.
//
// It takes a connection of its own, made as the host's pool makes them. Behind a pooler there is
// none: a `LISTEN` would stay with a connection that serves others. So the connection says
// something of its own at its start, which poolers refuse or drop, and is listened to only if the
// server knows it afterwards.
import { setTimeout as after } from 'node:timers/promises';

import { Bell } from './bell.mjs';
import { AS_TEXT } from './postgres-text.mjs';

const DIRECT = "SELECT current_setting('casehug_clio.direct', true) AS direct";
const CONNECT_MS = 10_000;
const NEXT_TRY_MS = 5_000;
/** How long a server may take to take leave. */
const LEAVE_MS = 2_000;
/** It rests most of the time, and what lies between may forget it without a word. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 30_000 };
/** A startup parameter that a pooler does not know. */
const PROTOCOL_VIOLATION = '08P01';

export class Hints {
  #pool;
  #own;
  #bell = new Bell();
  #listening;
  #client;
  #closed = false;

  constructor(pool, own) {
    this.#pool = pool;
    this.#own = own;
  }

  /** Fulfilled when another store has told something after this call. */
  async heard() {
    this.#listening ??= this.#listen();
    return this.#bell.heard();
  }

  async close() {
    this.#closed = true;
    const client = this.#client;
    if (client === undefined) return;
    // A program that waits for nothing else would end within this wait.
    client.ref?.();
    const left = new AbortController();
    const late = after(LEAVE_MS, undefined, { signal: left.signal }).then(() => client.connection.stream.destroy());
    await Promise.race([client.end(), late]).catch(() => {});
    left.abort();
  }

  async #listen() {
    // Another pool than pg's own, which tells nothing of how it connects.
    if (typeof this.#pool.Client !== 'function') return;
    while (!this.#closed) {
      const pooled = await this.#listenOnce().catch((error) => error?.code === PROTOCOL_VIOLATION);
      if (pooled) return;
      // Of each process another wait, so that they do not all come back at once.
      await after(NEXT_TRY_MS * (1 + Math.random()), undefined, { ref: false });
    }
  }

  /** Listens until the connection ends. Whether it is a pooler's. */
  async #listenOnce() {
    const { Client, options } = this.#pool;
    // The pool hides its password from whoever lists its options.
    const client = new Client({ ...options, password: options.password, ...KEEP_ALIVE, connectionTimeoutMillis: CONNECT_MS });
    // Beside what the host says itself, in its options or in its connection string.
    const start = client.connectionParameters;
    start.options = [start.options, `-c casehug_clio.direct=${this.#own}`].filter(Boolean).join(' ');
    this.#client = client;
    const ended = new Promise((resolve) => client.once('end', resolve).on('error', resolve));
    try {
      await client.connect();
      // A program that has nothing else to do may end.
      client.unref?.();
      const { rows } = await client.query({ text: DIRECT, types: AS_TEXT });
      if (rows[0]?.direct !== this.#own) return true;
      client.on('notification', ({ payload }) => {
        if (payload !== this.#own) this.#bell.ring();
      });
      await client.query('LISTEN casehug_clio');
      // Whatever was told while nobody listened.
      this.#bell.ring();
      await ended;
      return false;
    } finally {
      client.end().catch(() => {});
    }
  }
}
