// `sqlite-threads.mjs FILE`: while one copy of the package has the file open, another copy in this
// thread, a thread, and then another process open and close it. Prints how the first one's next
// commit ends.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { installed, sdk } from './support.mjs';

const [path] = process.argv.slice(2);
const given = process.env.BETTER_SQLITE3;
const options = given === undefined ? {} : { betterSqlite3: createRequire(import.meta.url)(given) };
const writer = join(dirname(fileURLToPath(import.meta.url)), 'sqlite-writer.mjs');
const put = (id) => ({ kind: 'put', firm: 'firm_1', collection: 'counter', id, expect: null, version: 'v1', dueInMs: null, body: '{}' });

const store = await sdk.SqliteStore.open(path, options);
await store.commit([put('before')]);
const copy = await createRequire(import.meta.url)(join(installed, 'dist/index.cjs')).SqliteStore.open(path, options);
await copy.close();
await new Promise((resolve, reject) => {
  new Worker(writer, { argv: [path, '1', 'thread'], stdout: true }).once('error', reject).once('exit', resolve);
});
const closes = 'import sqlite3, sys\nother = sqlite3.connect(sys.argv[1])\nother.execute("SELECT count(*) FROM sqlite_master").fetchall()\nother.close()';
execFileSync('python3', ['-c', closes, path]);
console.log((await store.commit([put('after')])).status);
await store.close();
