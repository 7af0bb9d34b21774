// PostgresStore hears of other processes, however its host's pool connects, and never behind a
// pooler.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as after } from 'node:timers/promises';

import pg from 'pg';

import { run, ALL } from './runtimes.mjs';
import { program, sdk, until } from './support.mjs';

const LISTENERS = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";

const due = (id) => [{ kind: 'put', firm: 'firm_1', collection: 'due', id, expect: null, version: 'v1', dueInMs: 0, body: '{}' }];

async function server(t, ...args) {
  const told = await program(t, 'postgres-for-tests', ...args);
  assert.ok(told, 'PostgreSQL is missing: apt-get install postgresql-15');
  return told.split(' ');
}

/** A store over a pool with these options. */
async function open(t, options) {
  const pool = new pg.Pool(options);
  // A server that ends before its pool is no failure of the test.
  pool.on('error', () => {});
  const store = await sdk.PostgresStore.open(pool);
  t.after(async () => {
    await store.close();
    await pool.end();
  });
  return store;
}

/** A connection that sees the server as it is. */
async function plain(t, url) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.end());
  return client;
}

/** Whether `one` hears what `other` makes due. */
async function hears(one, other, id) {
  // What may have been told before it listened counts as told.
  await one.dueElsewhere();
  const told = one.dueElsewhere();
  await other.commit(due(id));
  await told;
}

test('a connection that is lost in the midst of a statement fails that statement, and ends nothing', async (t) => {
  const [url] = await server(t);
  const pool = new pg.Pool({ connectionString: url });
  const lose = (client) => setImmediate(() => client.connection.stream.destroy(new Error('lost')));
  pool.on('acquire', lose);
  await assert.rejects(sdk.PostgresStore.open(pool), { code: 'store_open_failed' });
  pool.off('acquire', lose);
  const store = await sdk.PostgresStore.open(pool);
  t.after(async () => {
    await store.close();
    await pool.end();
  });
  pool.on('acquire', lose);
  await assert.rejects(store.commit(due('lost')), { code: 'store_failed' });
  await assert.rejects(store.get({ firm: 'firm_1', collection: 'due', id: 'lost' }), { code: 'store_failed' });
  pool.off('acquire', lose);
  assert.equal((await store.commit(due('kept'))).status, 'done');
});

test('a closed store has nothing of its pool, and its pool ends at once', async (t) => {
  const [url] = await server(t);
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const store = await sdk.PostgresStore.open(pool);
  await store.commit(due('told'));
  await store.close();
  assert.deepEqual([pool.totalCount - pool.idleCount, pool.waitingCount], [0, 0]);
  await pool.end();
});

test('a program that waits for nothing but the end of its store goes on after it', async (t) => {
  const [url] = await server(t);
  const [node] = Object.keys(ALL);
  assert.equal(await run(node, 'store-closes.mjs', [url]), 'closed\n');
});

test('it hears at once of what another one makes due, and not of its own', async (t) => {
  const [url] = await server(t);
  const [one, other] = [await open(t, { connectionString: url }), await open(t, { connectionString: url })];
  await hears(one, other, 'others');
  const witness = await plain(t, url);
  await witness.query('LISTEN casehug_clio');
  let seen = false;
  witness.on('notification', () => (seen = true));
  const quiet = one.dueElsewhere();
  await one.commit(due('own'));
  await until(() => witness.query('SELECT 1'), () => seen);
  assert.equal(await Promise.race([quiet, after(200, 'quiet')]), 'quiet');
});

test('with a password that the pool hides, and with settings of the host in its connection string', async (t) => {
  const [url] = await server(t);
  const witness = await plain(t, url);
  await witness.query("CREATE ROLE with_password LOGIN SUPERUSER PASSWORD 'of the host'");
  const file = (await witness.query('SHOW hba_file')).rows[0].hba_file;
  await witness.query(`COPY (VALUES ('host all with_password all scram-sha-256'), ('host all all all trust')) TO '${file}'`);
  await witness.query('SELECT pg_reload_conf()');
  const { hostname: host, port, pathname } = new URL(url);
  const options = { host, port: Number(port), database: pathname.slice(1), user: 'with_password', password: 'of the host' };
  const refuses = async () => {
    const client = new pg.Client({ ...options, password: 'another' });
    client.on('error', () => {});
    const refused = await client.connect().then(() => false, () => true);
    await client.end();
    return refused;
  };
  await until(refuses, (refused) => refused);
  const other = await open(t, { connectionString: url });
  await hears(await open(t, options), other, 'password');
  await hears(await open(t, { connectionString: `${url}?options=-c%20statement_timeout%3D5000` }), other, 'options');
});

test('it comes back after its connection was cut', async (t) => {
  const [url] = await server(t);
  const [one, other] = [await open(t, { connectionString: url }), await open(t, { connectionString: url })];
  await hears(one, other, 'before');
  const witness = await plain(t, url);
  const cut = await witness.query(LISTENERS.replace('SELECT pid', 'SELECT pg_terminate_backend(pid)'));
  assert.equal(cut.rowCount, 1);
  await hears(one, other, 'after');
});

test('behind a pooler it listens to nothing, and everything else works', async (t) => {
  const [url, pooled] = await server(t, '--pooler');
  assert.ok(pooled, 'PgBouncer is missing: apt-get install pgbouncer');
  const [one, other] = [await open(t, { connectionString: pooled }), await open(t, { connectionString: pooled })];
  const witness = await plain(t, url);
  const hint = one.dueElsewhere();
  await other.commit(due('others'));
  assert.equal(await Promise.race([hint, after(3_000, 'quiet')]), 'quiet');
  assert.equal((await witness.query(LISTENERS)).rowCount, 0);
  assert.equal((await one.get({ firm: 'firm_1', collection: 'due', id: 'others' })).version, 'v1');
});
