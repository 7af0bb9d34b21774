// A program that does nothing but hear from others and close its store: `store-closes.mjs URL`.
import pg from 'pg';

import { sdk } from './support.mjs';

// Its idle connections keep no program alive.
const pool = new pg.Pool({ connectionString: process.argv[2], allowExitOnIdle: true });
const store = await sdk.PostgresStore.open(pool);
const alive = setInterval(() => {}, 1_000);
await store.dueElsewhere();
clearInterval(alive);
await store.close();
console.log('closed');
await pool.end();
