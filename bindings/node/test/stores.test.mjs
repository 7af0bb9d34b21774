// The suite that every store of every language passes, on the stores of this package (SQLite's is
// in runtimes.test.mjs); and stores that break one promise each, which it finds by name.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import test, { describe } from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { MISTAKES } from './wrong-stores.mjs';
import { folder, program, sdk, testing } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const LEAST = 30;

/** The suite in a process of its own; what it told. */
async function suite(kind, where = '', env = {}) {
  const args = [join(here, 'store-suite.mjs'), kind, where];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } });
  return JSON.parse(stdout);
}

async function told(t, outcomes) {
  assert.ok(outcomes.length >= LEAST, `${outcomes.length} cases`);
  for (const [name, wrong] of outcomes) await t.test(name, () => assert.equal(wrong, null));
}

test('the suite on MemoryStore', async (t) => told(t, await suite('memory')));

test('Node 20 has no SQLite of its own, and says so', async (t) => {
  const error = await sdk.SqliteStore.open(join(folder(t), 'store.db')).catch((thrown) => thrown);
  if (process.getBuiltinModule?.('node:sqlite') !== undefined) return error.close();
  assert.deepEqual([error.code, error.context.reason], ['store_open_failed', 'no_driver']);
});

const betterSqlite3 = process.env.CASEHUG_CLIO_BETTER_SQLITE3;
if (betterSqlite3 !== undefined) {
  test('the suite on SqliteStore, with better-sqlite3 on this Node', async (t) => {
    await told(t, await suite('sqlite', join(folder(t), 'store.db'), { BETTER_SQLITE3: betterSqlite3 }));
  });
}

test('the suite on PostgresStore', async (t) => {
  const url = await program(t, 'postgres-for-tests');
  assert.ok(url, 'PostgreSQL is missing: apt-get install postgresql-15');
  await told(t, await suite('postgres', url));
});

test('several hosts in one line are refused: pg would take them for one name', async () => {
  const pool = () => assert.fail('a pool was made');
  for (const line of ['postgres://u@h1,h2/d', 'postgresql://u:a@b@h1:1,h2:2/d?x=1', 'postgres://h1,h2', 'postgres://u@/d?host=h1,h2', 'postgres://u@h/d?a=b&host=h1%2Ch2']) {
    await assert.rejects(sdk.openStore(line, { pool }), { code: 'setting_invalid', context: { setting: 'store', reason: 'several_hosts' } }, line);
  }
});

// At once: most of what they do is waiting.
describe('stores that break one promise each', { concurrency: true }, () => {
  for (const [promise, [cases, Wrong]] of Object.entries(MISTAKES)) {
    test(`a store that ${promise} is found by name`, async () => {
      const { engine } = await testing();
      const loaded = await engine();
      const outcomes = await loaded.run((bindings) => bindings.storeConformance(new Wrong()));
      const found = outcomes.filter(([, wrong]) => wrong !== null).map(([name]) => name);
      assert.ok(cases.some((name) => found.includes(name)), `found: ${found}`);
    });
  }
});
