// Several databases as one store, by the file that the Rust tools read too.
//
// Node 20 has no SQLite of its own: there the file runs itself on Node 24.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import pg from 'pg';

import { admin, clio, connect, folder, holds, open, program, programs, root, sdk } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const pool = (line) => new pg.Pool({ connectionString: line });

/** A file by which these firms are in the second database and all others are in the first. */
function plan(folder, [a, b], ofB) {
  const file = join(folder, 'shards.json');
  const firms = Object.fromEntries(ofB.map((firm) => [firm, 'b']));
  writeFileSync(file, JSON.stringify({ databases: { a, b }, firms, others: 'a' }));
  return `shards:${file}`;
}

const files = (folder) => ['a.db', 'b.db'].map((name) => `sqlite:${join(folder, name)}`);

async function opened(t, line, options = {}) {
  const store = await sdk.openStore(line, { pool, ...options });
  t.after(() => store.close());
  return store;
}

async function server(t) {
  const url = await program(t, 'postgres-for-tests');
  assert.ok(url, 'PostgreSQL is missing: apt-get install postgresql-15');
  return url;
}

const put = (firm, id, dueInMs = null) => ({ kind: 'put', firm, collection: 'job', id, expect: null, version: 'v1', dueInMs, body: '{}' });
const dueOf = async (store, limit, collection = 'job') =>
  (await store.scan({ kind: 'due', firm: null, collection, limit })).map(({ id }) => id);
const elsewhere = { code: 'store_failed', reason: 'firm_in_another_database' };

async function suite(t, line) {
  const { stdout } = await promisify(execFile)(process.execPath, [join(here, 'store-suite.mjs'), 'line', line]);
  const outcomes = JSON.parse(stdout);
  assert.ok(outcomes.length >= 30, `${outcomes.length} cases`);
  for (const [name, wrong] of outcomes) await t.test(name, () => assert.equal(wrong, null));
}

function all() {
  test('the suite on two files of SQLite', async (t) => {
    const made = folder(t);
    await suite(t, plan(made, files(made), ['firm_conformance']));
  });

  test('the suite on a file of SQLite and PostgreSQL', async (t) => {
    const made = folder(t);
    await suite(t, plan(made, [files(made)[0], await server(t)], ['firm_conformance']));
  });

  test('what is due comes from all of them in order, and no commit spans two', async (t) => {
    const made = folder(t);
    const store = await opened(t, plan(made, files(made), ['firm_b']));
    for (const [firm, id] of [['firm_a', '1'], ['firm_b', '2'], ['firm_a', '3'], ['firm_b', '4']]) {
      assert.equal((await store.commit([put(firm, id, 0)])).status, 'done');
      await after(3);
    }
    assert.deepEqual(await dueOf(store, 10), ['1', '2', '3', '4']);
    assert.deepEqual(await dueOf(store, 3), ['1', '2', '3']);
    const across = [put('firm_a', '5'), put('firm_b', '5')];
    await assert.rejects(store.commit(across), { code: 'store_failed', reason: 'several_databases' });
    assert.equal(await store.get(across[0]), undefined);
  });

  test('a firm with records in another database is refused until they are in one', async (t) => {
    const made = folder(t);
    const before = await sdk.openStore(plan(made, files(made), ['firm_b']));
    for (const firm of ['firm_a', 'firm_b']) await before.commit([put(firm, '1')]);
    await before.close();
    // The file was changed, and the records were not moved.
    const changed = await sdk.openStore(plan(made, files(made), ['firm_a']));
    for (const firm of ['firm_a', 'firm_b']) await assert.rejects(changed.commit([put(firm, '2')]), elsewhere);
    assert.equal((await changed.commit([put('firm_c', '1')])).status, 'done', 'another firm goes on');
    await changed.close();
    // The addresses were swapped.
    const swapped = await opened(t, plan(made, files(made).reverse(), ['firm_b']));
    await assert.rejects(swapped.get(put('firm_a', '1')), elsewhere);
  });

  test('a refused firm hides nothing, however much of it is due', async (t) => {
    const made = folder(t);
    const before = await sdk.openStore(plan(made, files(made), ['firm_b']));
    await before.commit(Array.from({ length: 500 }, (_, n) => put('firm_a', `${n}`, 0)));
    await after(3);
    await before.commit([put('firm_c', 'later', 0)]);
    await before.close();
    const changed = await opened(t, plan(made, files(made), ['firm_a']));
    await after(3);
    assert.deepEqual(await dueOf(changed, 10), ['later']);
  });

  test('a database of which a copy was broken off is refused', async (t) => {
    const path = join(folder(t), 'store.db');
    const store = await sdk.openStore(path);
    await store.commit([{ ...put('-', 'unfinished'), collection: 'copy' }]);
    await store.close();
    const refused = { code: 'store_open_failed', context: { reason: 'copy_unfinished' } };
    for (let n = 0; n < 2; n += 1) {
      await assert.rejects(sdk.openStore(path), refused);
      await assert.rejects(sdk.SqliteStore.open(path), refused);
    }
    const line = await server(t);
    const [made, again] = [pool(line), pool(line)];
    t.after(() => Promise.all([made.end(), again.end()]));
    const copied = await sdk.PostgresStore.open(made);
    await copied.commit([{ ...put('-', 'unfinished'), collection: 'copy' }]);
    await copied.close();
    await assert.rejects(sdk.PostgresStore.open(again), refused);
  });

  test('a database that is away holds up no firm of another one', async (t) => {
    const made = folder(t);
    let away;
    const lines = plan(made, [files(made)[0], await server(t)], ['firm_b']);
    const store = await opened(t, lines, { pool: (line) => (away = pool(line)) });
    await store.commit([put('firm_a', '1', 0)]);
    await store.commit([put('firm_b', '1')]);
    away.connect = () => Promise.reject(new Error('away'));
    assert.deepEqual(await dueOf(store, 10), ['1']);
    assert.equal((await store.commit([put('firm_a', '2')])).status, 'done');
    await assert.rejects(store.commit([put('firm_b', '2')]), { code: 'store_failed' });
    await assert.rejects(store.commit([put('firm_new', '1')]), { code: 'store_failed' }, 'a firm that is met for the first time');
    // A look that finds nothing is none that failed: the next one would not come.
    assert.deepEqual(await dueOf(store, 10, 'other'), []);
    assert.deepEqual(await dueOf(store, 10), ['1']);
  });

  test('a silent database delays one look and fails none', async (t) => {
    const due = (firm) => [{ firm, id: firm, version: 'v1', dueAt: 1, body: '{}' }];
    const store = (scan) => ({ get: () => null, scan, commit: () => ({ status: 'done', at: 1 }), hasFirm: () => false });
    let answer = () => after(200).then(() => Promise.reject(new Error('hunter2')));
    let asked = 0;
    const b = store(async () => (asked += 1, answer()));
    const sharded = await sdk.ShardedStore.open({ databases: { a: store(async () => due('firm_a')), b }, firms: { firm_b: 'b' }, others: 'a' });
    const told = [];
    const tell = (warning) => told.push(warning);
    process.on('warning', tell);
    t.after(() => process.off('warning', tell));
    const began = performance.now();
    for (let n = 0; n < 10; n += 1) assert.deepEqual(await dueOf(sharded, 10), ['firm_a']);
    assert.ok(performance.now() - began < 1_000, 'it is left out');
    assert.equal(asked, 1);
    await after(5_100);
    // It is asked beside the looks, and nobody waits for it.
    answer = () => after(1_000).then(() => due('firm_b'));
    for (let n = 0; n < 5; n += 1) assert.deepEqual(await dueOf(sharded, 10), ['firm_a']);
    assert.equal(asked, 2);
    await after(1_200);
    assert.deepEqual(await dueOf(sharded, 10), ['firm_a', 'firm_b']);
    assert.deepEqual(told.map(({ code }) => code), ['CASEHUG_CLIO_DATABASE_AWAY']);
    assert.ok(!String(told[0]).includes('hunter2'));
    // Where none answers, that is told.
    const alone = await sdk.ShardedStore.open({ databases: { b: store(() => Promise.reject(new Error('away'))) }, others: 'b' });
    for (let n = 0; n < 2; n += 1) await assert.rejects(dueOf(alone, 10));
  });

  test('the database of all others holds up no sync of a firm of another one', async (t) => {
    const [made, url] = [folder(t), await clio(t)];
    let away;
    const store = await opened(t, plan(made, [await server(t), files(made)[0]], ['firm_b']), { pool: (line) => (away = pool(line)) });
    const intakes = join(made, 'intake');
    cpSync(join(root, 'examples/intake/mat_0001'), join(intakes, 'mat_0001'), { recursive: true });
    const host = await open(url, store, intakes);
    t.after(() => host.close());
    const ofB = { ...admin, firm: 'firm_b' };
    await connect(host, ofB);
    away.connect = () => Promise.reject(new Error('away'));
    assert.equal((await host.firm(ofB).matters.sync('mat_0001')).status, 'succeeded');
    assert.equal((await holds(url)).matters.length, 1);
    await assert.rejects(store.now('firm_a'), { code: 'store_failed' });
  });

  test('the time of a firm is that of its own database', async () => {
    const store = (at) => ({ get: () => null, scan: () => [], commit: () => ({ status: 'done', at }), hasFirm: () => false });
    const told = { ...store(1), now: (firm) => (firm === 'firm_c' ? 3 : NaN) };
    const sharded = await sdk.ShardedStore.open({ databases: { a: store(1), b: store(2), told }, firms: { firm_b: 'b', firm_c: 'told' }, others: 'a' });
    for (const [firm, at] of [['firm_a', 1], ['firm_b', 2], ['firm_c', 3]]) assert.equal(await sharded.now(firm), at, firm);
    const conflicts = { ...store(1), commit: () => ({ status: 'conflict' }) };
    const refusing = await sdk.ShardedStore.open({ databases: { conflicts }, others: 'conflicts' });
    await assert.rejects(refusing.now('firm_a'), { code: 'store_failed' });
  });

  test('what another process makes due in any of them is told', async (t) => {
    const made = folder(t);
    const line = plan(made, [await server(t), await server(t)], ['firm_b']);
    const [store, other] = [await opened(t, line), await opened(t, line)];
    for (const firm of ['firm_a', 'firm_b']) {
      // Both databases tell first that they are listened to.
      while ((await Promise.race([store.dueElsewhere(), after(2_000, 'quiet')])) !== 'quiet');
      const hint = store.dueElsewhere();
      assert.equal(hint, store.dueElsewhere(), 'nothing piles up');
      assert.equal((await other.commit([put(firm, '1', 0)])).status, 'done');
      assert.notEqual(await Promise.race([hint, after(20_000, 'quiet')]), 'quiet', firm);
    }
  });

  test('a line or a file that cannot be meant is refused and never shown', async (t) => {
    const file = join(folder(t), 'shards.json');
    const refused = async (line, reason, options = {}) => {
      const error = await sdk.openStore(line, options).catch((thrown) => thrown);
      assert.ok(error instanceof sdk.InputError, `${line}: ${error}`);
      assert.deepEqual([error.code, error.context], ['setting_invalid', { setting: 'store', reason }], line);
      assert.ok(!`${error.stack} ${JSON.stringify(error)}`.includes('hunter2'));
    };
    for (const [text, reason] of [
      ['{', 'shards_not_valid'],
      ['[]', 'shards_not_valid'],
      ['{ "databases": {}, "others": "hunter2" }', 'shards_unknown_database'],
      ['{ "databases": { "a": "mysql://u:hunter2@h/d" }, "others": "a" }', 'unknown_scheme'],
      ['{ "databases": { "a": "postgres://u:hunter2@h/d" }, "others": "a" }', 'not_built_in'],
      ['{ "databases": { "a": "shards:hunter2" }, "others": "a" }', 'shards_in_shards'],
      ['{ "databases": { "a": "x.db" }, "firms": { "f": "hunter2" }, "others": "a" }', 'shards_unknown_database'],
      ['{ "databases": { "a": "x.db" }, "firms": { "f": 1 }, "others": "a" }', 'shards_not_valid'],
      ['{ "databases": { "a": "x.db" }, "others": "a", "hunter2": 1 }', 'shards_not_valid'],
    ]) {
      writeFileSync(file, text);
      await refused(`shards:${file}`, reason);
    }
    await refused('shards:/nowhere/shards.json', 'shards_unreadable');
    for (const [line, reason] of [['', 'empty'], ['sqlite:', 'empty'], ['mysql://u:hunter2@h/d', 'unknown_scheme']]) await refused(line, reason);
    // What was opened before the one that cannot be is closed again.
    const x = join(dirname(file), 'x.db');
    writeFileSync(file, JSON.stringify({ databases: { a: x, b: 'mysql://h/d' }, others: 'a' }));
    await refused(`shards:${file}`, 'unknown_scheme');
    await (await sdk.openStore(x)).close();
  });

  test('a password that no line holds is that of all servers', async () => {
    const lines = [];
    const refusing = { on() {}, connect: () => Promise.reject(new Error('no')), end: async () => {} };
    for (const line of ['postgres://u@h1/d', 'postgres://u:o,wn@h/d?a=b,c', 'postgres://h/d']) {
      const made = (given) => (lines.push(given), refusing);
      await assert.rejects(sdk.openStore(line, { pool: made, password: 'p@ss/$&' }), { code: 'store_open_failed' });
    }
    assert.deepEqual(lines, ['postgres://u:p%40ss%2F%24%26@h1/d', 'postgres://u:o,wn@h/d?a=b,c', 'postgres://h/d']);
  });

  test("stores of a host's own, by name", async () => {
    const [a, b] = [new sdk.MemoryStore(), new sdk.MemoryStore()];
    const store = await sdk.ShardedStore.open({ databases: { a, b }, firms: { firm_b: 'b' }, others: 'a' });
    for (const firm of ['firm_a', 'firm_b']) await store.commit([put(firm, '1')]);
    assert.deepEqual([await a.hasFirm('firm_b'), await b.hasFirm('firm_b'), await store.hasFirm('firm_b')], [false, true, true]);
    assert.equal((await store.commit([])).status, 'done');
    await store.close();
    await assert.rejects(sdk.ShardedStore.open({ databases: { a }, others: 'b' }), { code: 'setting_invalid' });
    const own = { get: () => null, scan: () => [], commit: () => ({ status: 'conflict' }) };
    await assert.rejects(sdk.ShardedStore.open({ databases: { a, own }, others: 'a' }), TypeError);
  });

  test('the Rust tool and Node agree on one file', mixed);
}

/** Each of them syncs one firm, the other goes on with it, and both refuse a firm in two places. */
async function mixed(t) {
  const [made, url, postgres] = [folder(t), await clio(t), await server(t)];
  const lines = [files(made)[0], postgres];
  const intakes = join(made, 'intake');
  cpSync(join(root, 'examples/intake/mat_0001'), join(intakes, 'mat_0001'), { recursive: true });
  let line = plan(made, lines, ['firm_b']);
  const rust = async (firm) => {
    const args = ['--intake', intakes, '--db', line, '--clio-url', url, '--auto-consent', '--settle', '1', '--index-delay', '1', '--json', '--firm', firm];
    const { stdout } = await promisify(execFile)(join(programs, 'sync-intake'), args).catch((failed) => failed);
    return JSON.parse(stdout);
  };
  // What the Rust tool takes where Clio is on loopback.
  const config = { sealingKey: { id: 'env', key: '01'.repeat(32) }, lateExecutionWindowSeconds: 1, indexDelaySeconds: 1 };
  const node = async (work) => {
    const store = await sdk.openStore(line, { pool });
    const host = await open(url, store, intakes, { config });
    try {
      return await work(host);
    } finally {
      await host.close();
      await store.close();
    }
  };
  const matters = async () => (await holds(url)).matters.length;
  const [ofA, ofB] = ['firm_a', 'firm_b'].map((firm) => ({ ...admin, firm }));
  const synced = await rust('firm_a');
  assert.equal(synced.ok, true, JSON.stringify(synced));
  assert.equal(await matters(), 1);
  await node(async (host) => {
    assert.equal((await host.firm(ofA).matters.sync('mat_0001')).status, 'succeeded');
    assert.equal(await matters(), 1, 'what Rust made is known');
    await connect(host, ofB);
    assert.equal((await host.firm(ofB).matters.sync('mat_0001')).status, 'succeeded');
  });
  const both = await matters();
  assert.equal((await rust('firm_b')).ok, true);
  assert.equal(await matters(), both, 'what Node made is known');
  line = plan(made, lines, ['firm_a', 'firm_b']);
  assert.equal((await rust('firm_a')).error.context.reason, 'firm_in_another_database');
  await node(async (host) => {
    const refused = await host.firm(ofA).connection.get().catch((thrown) => thrown);
    assert.deepEqual([refused.code, refused.context.reason], ['store_failed', 'firm_in_another_database']);
    assert.equal((await host.firm(ofB).connection.get()).state, 'connected');
  });
}

if (process.getBuiltinModule?.('node:sqlite') === undefined) {
  test('several databases as one store, on Node 24', async (t) => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const node = join(root, 'bindings/node/node_modules/node24/bin/node');
    const { stdout } = await promisify(execFile)(node, ['--test-reporter=spec', fileURLToPath(import.meta.url)], { env, maxBuffer: 2 ** 26 }).catch((failed) => failed);
    t.diagnostic(stdout.trim().split('\n').slice(-8).join(', '));
    assert.match(stdout, /^ℹ fail 0$/m, stdout);
  });
} else {
  all();
}
