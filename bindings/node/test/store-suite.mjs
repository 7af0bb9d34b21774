// `store-suite.mjs memory | sqlite FILE | postgres URL | parsers URL | line LINE`: the suite on an
// empty store, as JSON.
import { createRequire } from 'node:module';

import { sdk, testing } from './support.mjs';

const [kind, where] = process.argv.slice(2);
const { store, close } = await {
  memory: async () => ({ store: new sdk.MemoryStore() }),
  sqlite: async () => {
    // The folder of better-sqlite3, to be used instead of the runtime's own SQLite.
    const given = process.env.BETTER_SQLITE3;
    const store = await sdk.SqliteStore.open(where, given === undefined ? {} : { betterSqlite3: createRequire(import.meta.url)(given) });
    return { store, close: () => store.close() };
  },
  postgres: async () => {
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({ connectionString: where });
    return { store: await sdk.PostgresStore.open(pool), close: () => pool.end() };
  },
  // A host that has said to pg in every way that it wants other values than pg's.
  parsers: async () => {
    const { default: pg } = await import('pg');
    const [text, int8, bool, int4, timestamptz, name] = [25, 20, 16, 23, 1184, 19];
    for (const type of [text, int8, bool, int4, timestamptz, name]) pg.types.setTypeParser(type, () => 7n);
    pg.defaults.parseInt8 = true;
    const types = { getTypeParser: () => () => new Date() };
    const pool = new pg.Pool({ connectionString: where, types });
    return { store: await sdk.PostgresStore.open(pool), close: () => pool.end() };
  },
  line: async () => {
    const { default: pg } = await import('pg');
    const store = await sdk.openStore(where, { pool: (line) => new pg.Pool({ connectionString: line }) });
    return { store, close: () => store.close() };
  },
}[kind]();
const { engine } = await testing();
console.log(JSON.stringify(await (await engine()).run((bindings) => bindings.storeConformance(store))));
await close?.();
