// Several databases, each with firms of its own, as one store: as the Rust adapter has it.
//
// Nothing of the SDK spans firms, so each call goes to one database; only a look at what is due
// asks all, and merges.
//
// A firm must never be in two: what one of them does not know would be created in Clio again. So
// before a firm is used for the first time, the other databases are asked whether they have records
// of it; if one has, the firm is refused until its records are in one place only.
import { Bell } from './bell.mjs';
import { settingRefused, StoreError } from './store-errors.mjs';

/** Firms whose place is remembered. More are asked for again. */
const REMEMBERED = 100_000;
/** Records of one look at one database. */
const WIDEST = 2_000;
/** So long after an answer that failed a database is asked again. */
const ASK_AGAIN_MS = 5_000;

export class ShardedStore {
  /** The operator's words for them. */
  #names;
  #databases;
  /** Places in `databases`. */
  #firms;
  #others;
  /** Firms of which no other database has a record. */
  #settled = new Set();
  /** Databases that were asked to tell what others make due, and have not told yet. */
  #asked = new Set();
  /** Places of databases that do not answer, and when each is asked again. */
  #away = new Map();
  #bell = new Bell();

  /** Only `ShardedStore.open` makes one. */
  constructor(databases, firms, others) {
    this.#names = Object.keys(databases);
    this.#databases = Object.values(databases);
    this.#firms = firms;
    this.#others = others;
  }

  static async open({ databases, firms = {}, others }) {
    for (const [name, database] of Object.entries(databases)) {
      if (typeof database?.hasFirm !== 'function') throw new TypeError(`ShardedStore: hasFirm of database ${name} is missing`);
    }
    const places = await placed(Object.keys(databases), firms, others);
    return new ShardedStore(databases, places.firms, places.others);
  }

  async get(key) {
    return (await this.#of(key.firm)).get(key);
  }

  async scan(scan) {
    if (scan.kind === 'due' && scan.firm === null) return this.#dueOfAll(scan);
    return (await this.#of(scan.firm)).scan(scan);
  }

  async commit(writes) {
    // Without any it tells the time of no firm. The SDK asks for that of a firm.
    const place = writes.length === 0 ? this.#others : this.#place(writes[0].firm);
    for (const { firm } of writes) {
      await this.#of(firm);
      if (this.#place(firm) !== place) throw new StoreError('store_failed', 'several_databases');
    }
    return this.#databases[place].commit(writes);
  }

  /** The time of the firm's own database: they may differ, and another one may be away. */
  async now(firm) {
    const database = await this.#of(firm);
    if (typeof database.now === 'function') return database.now(firm);
    const told = await database.commit([]);
    if (told?.status !== 'done') throw new StoreError('store_failed');
    return told.at;
  }

  async hasFirm(firm) {
    return (await this.#of(firm)).hasFirm(firm);
  }

  /** Fulfilled when any of them tells after this call. */
  dueElsewhere() {
    for (const database of this.#databases) if (!this.#asked.has(database)) this.#ask(database);
    return this.#bell.heard();
  }

  /** Closes all of them, also if one cannot be. */
  async close() {
    const closed = await Promise.allSettled(this.#databases.map(async (database) => database.close?.()));
    for (const { status, reason } of closed) if (status === 'rejected') throw reason;
  }

  /** Once for each database, so that nothing piles up on one that has nothing to tell for days. */
  async #ask(database) {
    if (typeof database.dueElsewhere !== 'function') return;
    this.#asked.add(database);
    try {
      await database.dueElsewhere();
      this.#bell.ring();
    } catch {
      // It is asked again with the next look. The others can tell meanwhile.
    } finally {
      this.#asked.delete(database);
    }
  }

  #place(firm) {
    return this.#firms.get(firm) ?? this.#others;
  }

  /** The database of a firm. */
  async #of(firm) {
    const place = this.#place(firm);
    if (!this.#settled.has(firm)) {
      const others = this.#databases.filter((_, at) => at !== place);
      const found = await Promise.all(others.map(async (other) => other.hasFirm(firm)));
      if (found.some((has) => has !== false)) throw new StoreError('store_failed', 'firm_in_another_database');
      if (this.#settled.size >= REMEMBERED) this.#settled.clear();
      this.#settled.add(firm);
    }
    return this.#databases[place];
  }

  /**
   * What is due of all firms, earliest first. Each database goes by its own clock. One that does
   * not answer is left out, and asked beside the looks until it does; it fails no look as long as
   * another one answers, because a worker that is told of a failure looks no further.
   */
  async #dueOfAll({ collection, limit }) {
    const all = [...this.#databases.keys()];
    let asked = all.filter((at) => !this.#away.has(at));
    if (asked.length === 0) asked = all;
    else for (const at of this.#away.keys()) this.#askAgain(at, collection);
    const looks = await Promise.allSettled(asked.map((at) => this.#dueAtHome(at, collection, limit)));
    if (looks.length > 0 && looks.every(({ status }) => status === 'rejected')) throw looks[0].reason;
    const due = looks.flatMap(({ value }) => value ?? []);
    return due.sort((one, other) => one.dueAt - other.dueAt).slice(0, limit);
  }

  /** Asks one that does not answer again, if it is time. Nobody waits for it. */
  #askAgain(at, collection) {
    if (performance.now() < this.#away.get(at)) return;
    this.#away.set(at, Infinity);
    this.#due(at, collection, 1).catch(() => {});
  }

  /** What is due in one database, and a note whether it answers. */
  async #due(at, collection, limit) {
    try {
      const due = await this.#databases[at].scan({ kind: 'due', firm: null, collection, limit });
      this.#away.delete(at);
      return due;
    } catch (error) {
      // Told when it begins, not with each look.
      if (!this.#away.has(at)) {
        process.emitWarning(`the database ${this.#names[at]} does not answer: its firms wait, others go on`, { code: 'CASEHUG_CLIO_DATABASE_AWAY' });
      }
      this.#away.set(at, performance.now() + ASK_AGAIN_MS);
      throw error;
    }
  }

  /**
   * What is due in one database of the firms that are at home in it. What is due of others hides
   * nothing, up to `WIDEST` records of it.
   */
  async #dueAtHome(at, collection, limit) {
    for (let wide = limit; ; wide = Math.min(wide * 4, WIDEST)) {
      const due = await this.#due(at, collection, wide);
      const home = due.filter(({ firm }) => this.#place(firm) === at);
      if (due.length < wide || home.length >= limit || wide >= WIDEST) return home.slice(0, limit);
    }
  }
}

/** The map of firms and the database of all others, as places among the names. */
export async function placed(names, firms, others) {
  const place = async (name) => {
    const at = names.indexOf(name);
    if (at < 0) throw await settingRefused('shards_unknown_database');
    return at;
  };
  const rest = await place(others);
  const places = new Map();
  for (const [firm, name] of Object.entries(firms)) places.set(firm, await place(name));
  return { firms: places, others: rest };
}
