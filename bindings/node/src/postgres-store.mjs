// The store on PostgreSQL, over a `Pool` of `pg` that the host made: for many processes, Rust's
// among them. Tables, statements and the function that commits are the same files.
//
// Every call is one statement without a name, and so one transaction, right behind any pooler. A
// connection after an error is closed, and never met by somebody else's statement.
import { randomBytes } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';

import { Hints } from './postgres-hints.mjs';
import { AS_TEXT } from './postgres-text.mjs';
import { POSTGRES as SQL } from './sql.mjs';
import { openFailed, requireWithoutNul, StoreError } from './store-errors.mjs';
import { requireWhole } from './whole.mjs';

/** In the order of their numbers. */
const MIGRATIONS = Object.keys(SQL).filter((name) => /^\d{4}_/.test(name)).sort().map((name) => SQL[name]);
const OLDEST_SERVER = 130_000;
const ANSWER_MS = 30_000;
const DUE_NOW_MS = 100;
const LEAST_BETWEEN_MS = 200;
const MOST_TRIES = 5;
const LATE = 'late';
const OPEN = 'open_transaction';
/** How a transaction shows that the host had left open: ours, and PostgreSQL's for an aborted one. */
const HANDED_ON = new Set([OPEN, '25P02']);

export class PostgresStore {
  #pool;
  #own = randomBytes(8).toString('hex');
  #telling;
  #toTell = false;
  #asking;
  #hints;

  /** Only `PostgresStore.open` makes one. */
  constructor(pool) {
    this.#pool = pool;
    this.#hints = new Hints(pool, this.#own);
  }

  static async open(pool) {
    // A connection that breaks while nobody uses it is replaced, and no reason to end the process.
    pool.on('error', () => {});
    const store = new PostgresStore(pool);
    try {
      await lent(pool, prepare);
      await requireWhole(store);
      return store;
    } catch (error) {
      if (error.code === 'store_open_failed') throw error;
      if (error instanceof Refused) throw await openFailed(error.message);
      throw await openFailed('not_connected');
    }
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

  /**
   * Ends the connection on which a worker hears from other processes, and waits for a hint to them
   * that is on its way. The pool is the host's.
   */
  async close() {
    this.#toTell = false;
    await Promise.all([this.#hints.close(), this.#asking]);
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
        const lost = !isAnswer(error) && ![LATE, OPEN].includes(error?.code);
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
      this.#asking = once(this.#pool, SQL.tell, [this.#own]).catch(() => {});
      await this.#asking;
      await after(LEAST_BETWEEN_MS, undefined, { ref: false });
    }
    this.#telling = undefined;
  }
}

/**
 * Whether it is the server that refuses the statement, and not only the connection that ends
 * (`57P01`). Codes do not tell: `EPIPE` of the system looks like one of the server's.
 */
function isAnswer(error) {
  return error?.severity !== undefined && !String(error.code).startsWith('57P');
}

/**
 * A connection for this work, which goes back to the pool only if the work succeeded. The pool has
 * until then to give one. Where the host had left a transaction open on it, the work is done again
 * on another: it would last as long as that transaction only.
 */
async function lent(pool, work, until = inAnswerTime()) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await lentOnce(pool, work, until);
    } catch (error) {
      if (!HANDED_ON.has(error?.code) || tries === MOST_TRIES) throw error;
    }
  }
}

async function lentOnce(pool, work, until) {
  const client = await connection(pool, until);
  // One that is lost meanwhile fails its statement. Without a listener it ends the process, too.
  const lost = () => {};
  client.on('error', lost);
  const transaction = watch(client);
  let failed = true;
  try {
    const outcome = await work(client, transaction);
    transaction.requireOver();
    failed = false;
    return outcome;
  } finally {
    transaction.end();
    client.release(failed);
    // One that is thrown away may tell of its loss after this.
    if (!failed) client.off('error', lost);
  }
}

/** What the pool gives, which may be nothing ever. What it gives too late goes back to it. */
async function connection(pool, until) {
  const given = pool.connect();
  try {
    return await inTime(given, until);
  } catch (error) {
    if (error?.code === LATE) given.then((client) => client.release(), () => {});
    throw error;
  }
}

/**
 * Hears from the server, with each of its answers, whether a transaction is open (`T`) or was
 * aborted and is not over yet (`E`). pg tells it by itself from 8.21 on.
 */
function watch(client) {
  let heard;
  const hear = (message) => (heard = message?.status);
  client.connection?.on('readyForQuery', hear);
  return {
    requireOver() {
      const status = client.getTransactionStatus?.() ?? heard;
      if (status === 'T' || status === 'E') throw failureOf(OPEN);
    },
    end: () => client.connection?.off('readyForQuery', hear),
  };
}

const failureOf = (code) => Object.assign(new Error(code), { code });

const inAnswerTime = () => performance.now() + ANSWER_MS;

/** What the promise gives, unless it is late. */
async function inTime(promise, until) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(failureOf(LATE)), until - performance.now())));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One statement. It is given up when a connection or its answer is late. */
function once(pool, text, values) {
  const until = inAnswerTime();
  return lent(pool, (client) => inTime(client.query({ text, values, types: AS_TEXT }), until), until);
}

/** The database is not one that may be used: the message is the reason. */
class Refused extends Error {}

async function look(client) {
  // Answered as statements with values are.
  const { rows } = await client.query({ text: SQL.look, types: AS_TEXT, queryMode: 'extended' });
  const found = rows[0];
  // A pool may ask for PostgreSQL's binary form, which pg reads as if it were text: bytes get lost.
  if (Object.values(found).some((value) => typeof value !== 'string')) throw new Refused('other');
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
async function prepare(client, transaction) {
  const found = await look(client);
  transaction.requireOver();
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
