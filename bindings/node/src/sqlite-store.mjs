// The store on SQLite: one file, durable at every commit, shared by any number of processes of one
// machine, Rust's among them: the tables and statements are the same files.
//
// Everything runs on this thread, and nothing waits on it: whoever finds the file locked comes back
// a little later. Commits that come in together share one transaction and one sync of the disk;
// each still stands or conflicts by itself.
import { setTimeout as after } from 'node:timers/promises';

import { SQLITE as SQL } from './sql.mjs';
import { BUSY, driverFor, reasonOf } from './sqlite-driver.mjs';
import { create, hasLogOfAnother, identity, OpenFiles } from './sqlite-files.mjs';
import { openFailed, requireWithoutNul, StoreError } from './store-errors.mjs';
import { requireWhole } from './whole.mjs';

const APPLICATION_ID = 0x43484353; // "CHCS"
/** In the order of their numbers. */
const MIGRATIONS = Object.keys(SQL).filter((name) => /^\d{4}_/.test(name)).sort().map((name) => SQL[name]);
const PATIENCE_MS = 10_000;
const MOST_TOGETHER = 64;

/**
 * As in the Rust adapter. `synchronous` is said although it is the default: one driver changes it.
 */
const SETTINGS = `
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA secure_delete = ON;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
`;

/** The files that this process has open: a second copy of one would take the log away. */
const OPEN = new Set();

export class SqliteStore {
  #database;
  #statements = new Map();
  #files;
  #id;
  #waiting = [];
  #working;

  /** Only `SqliteStore.open` makes one. */
  constructor(database, path, id) {
    this.#database = database;
    this.#files = new OpenFiles(path);
    this.#id = id;
  }

  static async open(path, { betterSqlite3 } = {}) {
    const open = await driverFor(betterSqlite3);
    if (open === undefined) throw await openFailed('no_driver');
    const real = await create(path);
    const id = identity(real);
    if (OPEN.has(id)) throw await openFailed('already_open');
    OPEN.add(id);
    let database;
    try {
      if (hasLogOfAnother(real)) throw new Refused('log_of_another_database');
      database = open(real);
      await prepare(database);
      const store = new SqliteStore(database, real, id);
      await requireWhole(store);
      return store;
    } catch (error) {
      OPEN.delete(id);
      database?.close();
      if (error.code === 'store_open_failed') throw error;
      if (error instanceof Refused) throw await openFailed(error.message, error.code);
      throw await openFailed(reasonOf(database?.number(error) ?? 14));
    }
  }

  async get(key) {
    const { firm, collection, id } = key;
    return this.#read(() => record(this.#statement('get').get({ firm, collection, id })));
  }

  async scan(scan) {
    const { firm, collection, limit } = scan;
    if (scan.kind === 'due') {
      const name = firm === null ? 'due_of_all' : 'due_of_firm';
      const values = { collection, limit, ...(firm !== null && { firm }) };
      return this.#read(() => this.#statement(name).all(values).map(record));
    }
    const name = scan.descending ? 'scan_descending' : 'scan_ascending';
    const { from, until } = scan;
    return this.#read(() => this.#statement(name).all({ firm, collection, from, until, limit }).map(record));
  }

  commit(writes) {
    for (const { id, version, body } of writes) requireWithoutNul(id, version, body);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  async hasFirm(firm) {
    // The first row at or behind the firm's first key.
    const from = { firm, collection: '', id: '', only: null, limit: 1 };
    return this.#read(() => this.#statement('rows_after').get(from)?.firm === firm);
  }

  /** Ends it: what waits is done first. */
  async close() {
    await this.#working;
    if (this.#database === undefined) return;
    const database = this.#database;
    this.#database = undefined;
    database.close();
    OPEN.delete(this.#id);
  }

  async #work() {
    // Whoever calls in this turn of the loop comes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const together = this.#waiting.splice(0, MOST_TOGETHER);
      try {
        const answers = await this.#patiently(() => this.#transact(together));
        together.forEach(({ resolve }, index) => resolve(answers[index]));
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    this.#working = undefined;
  }

  /**
   * All of them in one transaction, without a pause in which anybody else could use the connection.
   */
  #transact(together) {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const at = Number(this.#statement('now').get().now);
      const answers = together.map(({ writes }) => {
        if (together.length === 1) return this.#apply(writes, at);
        this.#database.exec('SAVEPOINT one');
        const done = this.#apply(writes, at);
        this.#database.exec(done ? 'RELEASE one' : 'ROLLBACK TO one; RELEASE one');
        return done;
      });
      this.#database.exec(answers.includes(true) ? 'COMMIT' : 'ROLLBACK');
      this.#files.check();
      return answers.map((done) => (done ? { status: 'done', at } : { status: 'conflict' }));
    } catch (error) {
      try {
        this.#database.exec('ROLLBACK');
      } catch {
        // SQLite has done so itself.
      }
      throw error;
    }
  }

  #apply(writes, at) {
    return writes.every(({ kind, firm, collection, id, expect, version, dueInMs, body }) => {
      const key = { firm, collection, id };
      if (kind === 'check') return (this.#statement('version').get(key)?.version ?? null) === expect;
      if (kind === 'delete') return this.#statement('delete').run({ ...key, expected: expect }) === 1;
      const due_at = dueInMs === null ? null : Math.min(at + dueInMs, Number.MAX_SAFE_INTEGER);
      const row = { ...key, version, due_at, body };
      if (expect === null) return this.#statement('insert').run(row) === 1;
      return this.#statement('replace').run({ ...row, expected: expect }) === 1;
    });
  }

  #read(work) {
    return this.#patiently(work);
  }

  /** Does it again while another process is in the way. */
  async #patiently(work) {
    for (const end = performance.now() + PATIENCE_MS; ; ) {
      if (this.#database === undefined) throw new StoreError('store_failed');
      this.#files.check();
      try {
        return work();
      } catch (error) {
        if (error instanceof StoreError) throw error;
        if (this.#database.number(error) !== BUSY || performance.now() > end) throw new StoreError('store_failed');
      }
      await after(2 + Math.random() * 6);
    }
  }

  #statement(name) {
    if (!this.#statements.has(name)) this.#statements.set(name, this.#database.prepare(SQL[name]));
    return this.#statements.get(name);
  }
}

/** The file is not one that may be used: the message is the reason. */
class Refused extends Error {
  constructor(reason, code) {
    super(reason);
    this.code = code;
  }
}

/**
 * The schema before WAL: so the main file is never without it, and one in WAL mode that has none
 * was parted from its log.
 */
async function prepare(database) {
  const patiently = async (work) => {
    for (const end = performance.now() + PATIENCE_MS; ; await after(2 + Math.random() * 6)) {
      try {
        return work();
      } catch (error) {
        if (database.number(error) !== BUSY || performance.now() > end) throw error;
      }
    }
  };
  await patiently(() => migrate(database));
  await patiently(() => {
    if (one(database, 'PRAGMA journal_mode = WAL') !== 'wal') throw new Refused('other');
  });
  await patiently(() => database.exec(SETTINGS));
  // From its first look on the connection holds a lock, and nobody takes the log for left behind.
  await patiently(() => one(database, 'SELECT count(*) FROM sqlite_schema'));
}

/** All missing migrations in one transaction, which takes the write lock before it looks. */
function migrate(database) {
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = reached(database);
    MIGRATIONS.slice(version).forEach((migration, index) => {
      database.exec(migration);
      database.exec(`PRAGMA user_version = ${version + index + 1}`);
    });
    if (version === 0) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

/** The version of the schema; 0 for an empty file. */
function reached(database) {
  const application = Number(one(database, 'PRAGMA application_id'));
  const version = Number(one(database, 'PRAGMA user_version'));
  const tables = Number(one(database, 'SELECT count(*) FROM sqlite_schema'));
  if (application === 0 && version === 0 && tables === 0) {
    if (one(database, 'PRAGMA journal_mode') === 'wal') throw new Refused('hollow', 'store_log_missing');
    return 0;
  }
  if (application !== APPLICATION_ID || version < 1) throw new Refused('not_ours');
  if (version > MIGRATIONS.length) throw new Refused('newer_schema');
  return version;
}

function one(database, sql) {
  return Object.values(database.prepare(sql).get())[0];
}

function record(row) {
  if (row === undefined || row === null) return undefined;
  const { firm, id, version, due_at: dueAt, body } = row;
  return { firm, id, version, dueAt: dueAt === null ? null : Number(dueAt), body };
}
