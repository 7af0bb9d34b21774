// Records in memory: for tests and first steps. Nothing survives the process.

const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

export class MemoryStore {
  /** By firm and collection, then by id. */
  #collections = new Map();

  get({ firm, collection, id }) {
    return this.#of(firm, collection).get(id);
  }

  scan(scan) {
    if (scan.kind === 'due') return this.#due(scan).slice(0, scan.limit);
    const inRange = (id) => byBytes(id, scan.from) >= 0 && (scan.until === null || byBytes(id, scan.until) < 0);
    const records = this.#of(scan.firm, scan.collection);
    const ids = [...records.keys()].filter(inRange).sort(byBytes);
    if (scan.descending) ids.reverse();
    return ids.slice(0, scan.limit).map((id) => records.get(id));
  }

  commit(writes) {
    const holds = (write) => (this.get(write)?.version ?? null) === write.expect;
    if (!writes.every(holds)) return { status: 'conflict' };
    const at = Date.now();
    for (const { kind, firm, collection, id, version, dueInMs, body } of writes) {
      const records = this.#of(firm, collection);
      const dueAt = kind !== 'put' || dueInMs === null ? null : Math.min(at + dueInMs, Number.MAX_SAFE_INTEGER);
      if (kind === 'put') records.set(id, { firm, id, version, dueAt, body });
      if (kind === 'delete') records.delete(id);
    }
    return { status: 'done', at };
  }

  hasFirm(firm) {
    return [...this.#collections].some(([name, records]) => JSON.parse(name)[1] === firm && records.size > 0);
  }

  #of(firm, collection) {
    const name = JSON.stringify([collection, firm]);
    if (!this.#collections.has(name)) this.#collections.set(name, new Map());
    return this.#collections.get(name);
  }

  #due({ firm, collection }) {
    const now = Date.now();
    const found = [];
    for (const [name, records] of this.#collections) {
      const [its, of] = JSON.parse(name);
      if (its !== collection || (firm !== null && firm !== of)) continue;
      for (const record of records.values()) if (record.dueAt !== null && record.dueAt <= now) found.push(record);
    }
    return found.sort((a, b) => a.dueAt - b.dueAt);
  }
}
