// A store written in JavaScript: records in memory, every commit one line at the end of a file,
// durable before it counts.
//
// Its functions give plain values, as those of `node:sqlite` do; `promised` makes promises of them.
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';

const nameOf = ({ firm, collection, id }) => JSON.stringify([firm, collection, id]);
const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

export class FileStore {
  /** How far its clock is ahead, in milliseconds: what is leased ends sooner. */
  ahead = 0;
  #records = new Map();
  #file;

  constructor(path) {
    this.#file = openSync(path, 'a');
    for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) this.#apply(JSON.parse(line));
  }

  get(key) {
    return this.#records.get(nameOf(key));
  }

  scan(scan) {
    let found = [...this.#records.values()].filter(({ collection }) => collection === scan.collection);
    if (scan.firm !== null) found = found.filter(({ firm }) => firm === scan.firm);
    if (scan.kind === 'due') {
      const now = Date.now() + this.ahead;
      found = found.filter(({ dueAt }) => dueAt !== null && dueAt <= now).sort((a, b) => a.dueAt - b.dueAt);
    } else {
      const inRange = ({ id }) => byBytes(id, scan.from) >= 0 && (scan.until === null || byBytes(id, scan.until) < 0);
      found = found.filter(inRange).sort((a, b) => byBytes(a.id, b.id));
      if (scan.descending) found.reverse();
    }
    return found.slice(0, scan.limit);
  }

  commit(writes) {
    const holds = (write) => (this.get(write)?.version ?? null) === write.expect;
    if (!writes.every(holds)) return { status: 'conflict' };
    const at = Date.now() + this.ahead;
    const changes = writes
      .filter(({ kind }) => kind !== 'check')
      .map(({ kind, firm, collection, id, version, dueInMs, body }) =>
        kind === 'delete'
          ? { firm, collection, id, gone: true }
          : { firm, collection, id, version, dueAt: dueInMs === null ? null : at + dueInMs, body },
      );
    writeSync(this.#file, `${JSON.stringify(changes)}\n`);
    fdatasyncSync(this.#file);
    this.#apply(changes);
    return { status: 'done', at };
  }

  close() {
    closeSync(this.#file);
  }

  #apply(changes) {
    for (const { gone, ...record } of changes) {
      if (gone) this.#records.delete(nameOf(record));
      else this.#records.set(nameOf(record), record);
    }
  }
}

/** The same store, answering later. */
export function promised(store) {
  const later = (name) => async (argument) => {
    await new Promise((resolve) => setImmediate(resolve));
    return store[name](argument);
  };
  return { get: later('get'), scan: later('scan'), commit: later('commit') };
}
