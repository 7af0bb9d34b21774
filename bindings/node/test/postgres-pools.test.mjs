// What a pool of the host's may do: give no connection, give up on an answer, read values in its
// own way, hand on a connection in the midst of a transaction.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import pg from 'pg';

import { ALL, run, told } from './runtimes.mjs';
import { program, sdk, until } from './support.mjs';

const KEY = { firm: 'firm_1', collection: 'pools' };
const put = (id, expect = null, version = 'v1') => [{ ...KEY, kind: 'put', id, expect, version, dueInMs: null, body: `{"id":"${id}"}` }];
const DONE = { status: 'done' };

let url;
const ends = [];
before(async () => {
  url = await program({ after: (end) => ends.push(end) }, 'postgres-for-tests');
  assert.ok(url, 'PostgreSQL is missing: apt-get install postgresql-15');
});
after(() => ends.forEach((end) => end()));

let databases = 0;
/** A database of the test's own. */
async function database(t) {
  const name = `pools_${(databases += 1)}`;
  await poolOf(t, url).query(`CREATE DATABASE ${name}`);
  return new URL(`/${name}`, url).href;
}

/** A pool with these options, which ends with the test. */
function poolOf(t, connectionString, options = {}) {
  const pool = new pg.Pool({ connectionString, ...options });
  pool.on('error', () => {});
  t.after(() => pool.end());
  return pool;
}

/** How a database answers that is up to date, and empty. */
function upToDate() {
  const row = { server: '150000', encoding: 'UTF8', read_only: 'f', used: 't', ours: 't', schema: 't', may_create: 'f', version: '99', oldest: '1' };
  const client = { queries: 0, released: [], on() {}, off() {}, release: (failed) => client.released.push(failed) };
  client.query = async ({ text }) => {
    client.queries += 1;
    return { rows: text.includes('casehug_clio.records') ? [] : [row], command: 'SELECT' };
  };
  return client;
}

test('a pool that never gives a connection is given up, and gets back what it gives too late', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const client = upToDate();
  let give = () => new Promise(() => {});
  const pool = { on() {}, connect: () => give() };
  const opening = sdk.PostgresStore.open(pool);
  t.mock.timers.tick(30_000);
  const error = await opening.catch((thrown) => thrown);
  assert.deepEqual([error.code, error.context.reason], ['store_open_failed', 'not_connected']);
  give = async () => client;
  const store = await sdk.PostgresStore.open(pool);
  const [queries, released] = [client.queries, client.released.length];
  let late;
  give = () => new Promise((resolve) => (late = resolve));
  for (const call of [() => store.get({ ...KEY, id: 'a' }), () => store.commit(put('a'))]) {
    const called = call();
    t.mock.timers.tick(30_000);
    await assert.rejects(called, { code: 'store_failed' });
    late(client);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(client.queries, queries);
  assert.deepEqual(client.released.slice(released), [undefined, undefined]);
  give = async () => client;
  assert.equal(await store.get({ ...KEY, id: 'a' }), undefined);
});

test('a read on a connection that broke is made again, and what the server refuses is not', async () => {
  const refusal = (code) => Object.assign(new Error(code), { code, severity: 'ERROR' });
  const lost = (code) => Object.assign(new Error(code), { code });
  const cases = [...['EPIPE', 'EPERM', 'ECONNRESET', undefined].map(lost), refusal('57P01')].map((error) => [error, 2]);
  for (const [error, asked] of [...cases, [refusal('42P01'), 1], [refusal('22021'), 1]]) {
    const client = upToDate();
    const store = await sdk.PostgresStore.open({ on() {}, connect: async () => client });
    const { query } = client;
    let [queries, fails] = [0, true];
    client.query = async (statement) => {
      queries += 1;
      if (fails) throw error;
      return query(statement);
    };
    await assert.rejects(store.commit(put('a')), { code: 'store_failed' });
    assert.equal(queries, 1, `a commit after ${error.code}`);
    await assert.rejects(store.get({ ...KEY, id: 'a' }), { code: 'store_failed' });
    assert.equal(queries, 1 + asked, `a read after ${error.code}`);
    client.query = async (statement) => {
      if (fails) {
        fails = false;
        throw error;
      }
      return query(statement);
    };
    const read = store.get({ ...KEY, id: 'a' });
    if (asked === 2) assert.equal(await read, undefined);
    else await assert.rejects(read, { code: 'store_failed' });
  }
});

test('a statement that the pool gives up, and the server does not, keeps nobody waiting and answers nobody else', async (t) => {
  const at = await database(t);
  const pool = poolOf(t, at, { max: 1, query_timeout: 400 });
  const store = await sdk.PostgresStore.open(pool);
  assert.equal((await store.commit(put('known'))).status, 'done');
  const holder = new pg.Client({ connectionString: at });
  await holder.connect();
  t.after(() => holder.end());
  await holder.query("BEGIN; INSERT INTO casehug_clio.records (firm, collection, id, version, body) VALUES ('firm_1', 'pools', 'held', 'v0', '{}')");
  await assert.rejects(store.commit(put('held')), { code: 'store_failed' });
  // The server goes on with it, and the only connection of the pool is another one.
  const waiting = await holder.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%casehug_clio.commit%'");
  assert.equal(waiting.rowCount, 1);
  assert.equal((await store.get({ ...KEY, id: 'known' })).id, 'known');
  await holder.query('ROLLBACK');
  // Now it is done after all. Whoever was told that nobody knows looks, and tries with what is
  // there.
  await until(() => store.get({ ...KEY, id: 'held' }), (found) => found !== undefined);
  assert.deepEqual(await store.commit(put('held')), { status: 'conflict' });
  assert.equal((await store.commit(put('held', 'v1', 'v2'))).status, 'done');
  assert.equal(pool.totalCount, 1);
});

for (const runtime of ['deno', 'bun', Object.keys(ALL)[0]]) {
  test(`the suite over a pool of a host that reads values in its own way, ${runtime}`, async (t) => {
    await told(t, await run(runtime, 'store-suite.mjs', ['parsers', await database(t)]), 30);
  });
}

test('a COMMIT that was answered with ROLLBACK is none', async (t) => {
  const pool = poolOf(t, await database(t));
  /** A host's own pool, whose client swallows that a statement failed, and those behind it. */
  const swallowing = {
    on: (event, listener) => pool.on(event, listener),
    async connect() {
      const client = await pool.connect();
      const query = (statement) => client.query(/CREATE VIEW/.test(statement) ? 'SELECT 1/0' : statement).catch(() => ({ rows: [] }));
      return Object.assign(Object.create(client), { query });
    },
  };
  const error = await sdk.PostgresStore.open(swallowing).catch((thrown) => thrown);
  assert.deepEqual([error.code, error.context?.reason], ['store_open_failed', 'other']);
  const store = await sdk.PostgresStore.open(pool);
  assert.equal((await store.commit(put('a'))).status, 'done');
});

/** How a host may leave a connection. */
const LEFT = {
  'in a transaction': (client) => client.query("BEGIN; CREATE TABLE of_the_host ()"),
  'in a transaction that failed': (client) => client.query('BEGIN; SELECT 1/0').catch(() => {}),
  'while its BEGIN is on the way': async (client) => void client.query('BEGIN'),
};

for (const [how, leave] of Object.entries(LEFT)) {
  for (const age of ['this pg', 'a pg before 8.21']) {
    test(`a connection that is handed on ${how} is not used, with ${age}`, async (t) => {
      const at = await database(t);
      const pool = poolOf(t, at, { max: 1 });
      if (age !== 'this pg') pool.on('connect', (client) => (client.getTransactionStatus = undefined));
      const hand = async () => {
        const client = await pool.connect();
        await leave(client);
        client.release();
      };
      await hand();
      const store = await sdk.PostgresStore.open(pool);
      await hand();
      assert.equal((await store.commit(put('a'))).status, 'done');
      await hand();
      assert.equal((await store.get({ ...KEY, id: 'a' })).version, 'v1');
      await hand();
      await pool.query('ROLLBACK').catch(() => {});
      const other = poolOf(t, at);
      const { rows } = await other.query("SELECT count(*)::int AS kept FROM casehug_clio.records WHERE collection = 'pools'");
      assert.equal(rows[0].kept, 1, 'it is there for everybody else');
    });
  }
}

test('a pool whose every connection is in a transaction is an error, and no commit', async (t) => {
  const at = await database(t);
  const pool = poolOf(t, at);
  const store = await sdk.PostgresStore.open(pool);
  const begun = { on() {}, connect: async () => { const client = await pool.connect(); await client.query('BEGIN'); return client; } };
  await assert.rejects(sdk.PostgresStore.open(begun), { code: 'store_open_failed' });
  const inside = new sdk.PostgresStore(begun);
  await assert.rejects(inside.commit(put('never')), { code: 'store_failed' });
  await assert.rejects(inside.get({ ...KEY, id: 'never' }), { code: 'store_failed' });
  assert.equal(await store.get({ ...KEY, id: 'never' }), undefined);
});

test('a pool that asks for binary values, which pg reads wrongly, is refused', async (t) => {
  const error = await sdk.PostgresStore.open(poolOf(t, await database(t), { binary: true })).catch((thrown) => thrown);
  assert.deepEqual([error.code, error.context?.reason], ['store_open_failed', 'other']);
});
