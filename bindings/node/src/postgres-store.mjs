// The store on PostgreSQL, over a `Pool` of `pg` that the host made: for many processes, Rust's
// among them. Tables, statements and the function that commits are the same files.
//
// Every call is one statement without a name, and so one transaction, right behind any pooler. A
// connection after an error is closed, and never met by somebody else's statement.
import { randomBytes } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';

import { Hints } from './postgres-hints.mjs';
import { POSTGRES as SQL } from './sql.mjs';
import { openFailed, requireWithoutNul, StoreError } from './store-errors.mjs';

/** In the order of their numbers. */
const MIGRATIONS = Object.keys(SQL).filter((name) => /^\d{4}_/.test(name)).sort().map((name) => SQL[name]);
const OLDEST_SERVER = 130_000;
const ANSWER_MS = 30_000;
const DUE_NOW_MS = 100;
const LEAST_BETWEEN_MS = 200;
const MOST_TRIES = 5;
/**
 * PostgreSQL's own text of every value: what the host set for its own queries changes nothing here.
 */
const AS_TEXT = { getTypeParser: () => (text) => text };

export class PostgresStore {
  #pool;
  #own = randomBytes(8).toString('hex');
  #telling;
  #toTell = false;
  #hints;

  /** Only `PostgresStore.open` makes one. */
  constructor(pool) {
    this.#pool = pool;
    this.#hints = new Hints(pool, this.#own);
  }

  static async open(pool) {
    // A connection that breaks while nobody uses it is replaced, and no reason to end the process.
    pool.on('error', () => {});
    try {
      await lent(pool, prepare);
    } catch (error) {
      if (error instanceof Refused) throw await openFailed(error.message);
      throw await openFailed('not_connected');
    }
    return new PostgresStore(pool);
  }

  async get({ firm, collection, id }) {
    return (await this.#rows('get', [firm, collection, id]))[0];
  }

  async scan(scan) {
    const { firm, collection, limit } = scan;
    if (scan.kind === 'due') {
      return firm === null ? this.#rows('due_of_all', [collection, limit]) : this.#rows('due_of_firm', [collection, firm, limit]);
    }
    return this.#rows(scan.descending ? 'scan_descending' : 'scan_ascending', [firm, collection, scan.from, scan.until, limit]);
  }

  async commit(writes) {
    for (const { id, version, body } of writes) requireWithoutNul(id, version, body);
    const column = (name) => writes.map((write) => write[name] ?? null);
    const due = column('dueInMs').map((ms) => (ms === null ? null : Math.min(ms, 2 ** 52)));
    const values = [column('firm'), column('collection'), column('id'), column('kind'), column('expect'), column('version'), due, column('body')];
    const { rows } = await this.#run('commit', values, false);
    const at = rows[0]?.at;
    if (at === undefined) throw new StoreError('store_failed');
    if (at === null) return { status: 'conflict' };
    if (due.some((ms) => ms !== null && ms <= DUE_NOW_MS)) this.#tell();
    return { status: 'done', at: Number(at) };
  }

  async hasFirm(firm) {
    // The first row at or behind the firm's first key.
    const { rows } = await this.#run('rows_after', [firm, '', '', null, 1], true);
    return rows[0]?.firm === firm;
  }

  /** Fulfilled when another process may have made something due. */
  dueElsewhere() {
    return this.#hints.heard();
  }

  /** Ends the connection on which a worker hears from other processes. The pool is the host's. */
  async close() {
    await this.#hints.close();
  }

  async #rows(name, values) {
    const { rows } = await this.#run(name, values, true);
    return rows.map(({ firm, id, version, due_at: dueAt, body }) => ({ firm, id, version, dueAt: dueAt === null ? null : Number(dueAt), body }));
  }

  /**
   * A statement that was refused in passing is sent again; one that may have been done, if it only
   * reads.
   */
  async #run(name, values, reads) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await once(this.#pool, SQL[name], values);
      } catch (error) {
        const passing = (error?.code === '40001' || error?.code === '40P01') && tries < MOST_TRIES;
        const lost = !/^(?!57P)[0-9A-Z]{5}$/.test(error?.code ?? '') && error?.code !== 'late';
        if (!passing && !(lost && reads && tries < 2)) throw new StoreError('store_failed');
      }
    }
  }

  /**
   * Tells other processes: at most five times a second, and what comes in between with the next.
   */
  #tell() {
    this.#toTell = true;
    this.#telling ??= this.#tellOn();
  }

  async #tellOn() {
    while (this.#toTell) {
      this.#toTell = false;
      // Nothing is lost with a hint.
      await once(this.#pool, SQL.tell, [this.#own]).catch(() => {});
      await after(LEAST_BETWEEN_MS, undefined, { ref: false });
    }
    this.#telling = undefined;
  }
}

/** A connection for this work, which goes back to the pool only if the work succeeded. */
async function lent(pool, work) {
  const client = await pool.connect();
  // One that is lost meanwhile fails its statement. Without a listener it ends the process, too.
  const lost = () => {};
  client.on('error', lost);
  let failed = true;
  try {
    const outcome = await work(client);
    failed = false;
    return outcome;
  } finally {
    client.release(failed);
    // One that is thrown away may tell of its loss after this.
    if (!failed) client.off('error', lost);
  }
}

/**
 * One statement. It is given up when a connection or its answer is late: a pool may never give one.
 */
async function once(pool, text, values) {
  let timer;
  let isLate = false;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(Object.assign(new Error('late'), { code: 'late' }));
    }, ANSWER_MS);
  });
  const answer = (client) => {
    // Nobody waits for it. The connection goes back as it came.
    if (isLate) return undefined;
    return Promise.race([client.query({ text, values, types: AS_TEXT }), late]);
  };
  try {
    return await Promise.race([lent(pool, answer), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The database is not one that may be used: the message is the reason. */
class Refused extends Error {}

async function look(client) {
  const { rows } = await client.query({ text: SQL.look, types: AS_TEXT });
  const found = rows[0];
  if (Number(found.server) < OLDEST_SERVER) throw new Refused('server_too_old');
  if (found.encoding !== 'UTF8') throw new Refused('not_utf8');
  if (found.read_only === 't') throw new Refused('read_only');
  const is = (name) => found[name] === 't';
  if (is('used') && !is('ours')) throw new Refused('not_ours');
  return { schema: is('schema'), ours: is('ours'), mayCreate: is('may_create') };
}

async function reached(client) {
  const { rows } = await client.query({ text: SQL.version, types: AS_TEXT });
  const [version, oldest] = [Number(rows[0]?.version), Number(rows[0]?.oldest)];
  if (!(version >= 1)) throw new Refused('not_ours');
  if (oldest > MIGRATIONS.length) throw new Refused('newer_schema');
  return version;
}

/** Brings the schema up to date. A role that may only use it finds that nothing has to be done. */
async function prepare(client) {
  const found = await look(client);
  const done = found.ours && (await reached(client)) >= MIGRATIONS.length;
  if (!done && !found.schema && !found.mayCreate) throw new Refused('schema_missing');
  if (!done) await migrate(client);
}

/**
 * All missing migrations in one transaction. Others that begin at the same moment wait, and then
 * find it done.
 */
async function migrate(client) {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
  await client.query("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min'");
  await client.query('SELECT pg_advisory_xact_lock(1128809299)');
  const found = await look(client);
  const from = found.ours ? await reached(client) : 0;
  if (!found.schema) await client.query('CREATE SCHEMA casehug_clio');
  for (const migration of MIGRATIONS.slice(from)) await client.query(migration);
  const { command } = await client.query('COMMIT');
  // A COMMIT after a statement that failed is answered too: with what was done instead.
  if (command !== 'COMMIT') throw new Refused('other');
}
