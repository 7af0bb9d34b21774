// Workers in Rust and in Node on one PostgreSQL and one firm: one refresh, one run of a matter at a
// time, one budget, each record once.
//
// `CASEHUG_FLEET="WORKERS MATTERS"` says how many; half of the workers are of each language. The
// file is the Node worker, when it is started with `work`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import pg from 'pg';

import { admin, clio, connect, folder, holds, open, program, programs, sdk, simulate, until } from './support.mjs';

// What the Rust tool takes where Clio is on loopback.
const sealingKey = { id: 'env', key: '01'.repeat(32) };

async function host(url, database, intakes) {
  const store = sdk.PostgresStore.open(new pg.Pool({ connectionString: database }));
  return open(url, await store, intakes, { config: { sealingKey, lateExecutionWindowSeconds: 1, indexDelaySeconds: 1 } });
}

function put(intakes, number) {
  const matter = `mat_${number}`;
  mkdirSync(join(intakes, matter), { recursive: true });
  writeFileSync(join(intakes, matter, 'a.txt'), `document ${number}`);
  const documents = [{ id: 'doc_1', file_name: 'a.txt', content_type: 'text/plain', path: 'a.txt', status: 'approved', origin: 'client_upload' }];
  const client = { id: `cli_${number}`, first_name: 'Ada', last_name: `Byron ${number}`, email: `ada${number}@example.com` };
  writeFileSync(join(intakes, matter, 'intake.json'), JSON.stringify({ matter: { id: matter, title: `Matter ${number}` }, client, documents }));
}

/** A worker as a process of its own; gives whether it runs, and what it said. */
function worker(t, command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const all = { child, said: '' };
  child.stderr.setEncoding('utf8').on('data', (text) => (all.said += text));
  return all;
}

async function fleet(t, workers, matters) {
  const database = await program(t, 'postgres-for-tests');
  assert.ok(database, 'PostgreSQL is missing: apt-get install postgresql-15');
  // Fewer calls a window than there are to make, so that the budget is shared.
  const url = await clio(t, { rate_limit: matters * 5, rate_window_s: 15, search_delay_ms: 300 });
  const intakes = folder(t);
  for (let number = 0; number < matters; number += 1) put(intakes, number);
  const setup = await host(url, database, intakes);
  t.after(() => setup.close());
  await connect(setup);
  const trigger = (number) => setup.firm(admin).matters.trigger({ matter: `mat_${number}`, trigger: 'approved' });
  for (let number = 0; number < matters; number += 1) await trigger(number);
  // The access token has ended, and nobody knows.
  await simulate(url, 'revoke', { access: true, refresh: false });
  const began = performance.now();
  const rust = ['--intake', intakes, '--db', database, '--clio-url', url, '--auto-consent', '--settle', '1', '--index-delay', '1', '--worker', '--firm', 'firm_1'];
  const node = [fileURLToPath(import.meta.url), 'work', url, database, intakes];
  const all = Array.from({ length: workers }, (_, n) =>
    n % 2 ? worker(t, process.execPath, node) : worker(t, join(programs, 'sync-intake'), rust));
  let turn = 0;
  const whole = async () => {
    turn += 1;
    await trigger((turn * 7) % matters);
    return (await holds(url)).documents.filter((document) => document.complete).length;
  };
  await until(whole, (arrived) => arrived >= matters);
  const runs = async () => {
    const found = [];
    for await (const run of sdk.every((after) => setup.firm(admin).matters.runs({ after }))) found.push(run);
    return found;
  };
  const ended = await until(runs, (found) => found.every((run) => run.ended_at));
  const took = (performance.now() - began) / 1000;
  for (const { child, said } of all) assert.equal(child.exitCode, null, said);
  const { contacts, matters: made, documents, calls } = await holds(url);
  assert.deepEqual([contacts, made, documents].map((list) => list.length), [matters, matters, matters]);
  assert.equal(calls.by_route['POST /oauth/token'], 2, 'the code, and one refresh');
  assert.equal(calls.rejected?.['429'], undefined, 'the window is never exceeded');
  for (const [matter, of] of grouped(ended)) {
    of.sort((one, other) => (one.started_at < other.started_at ? -1 : 1));
    // All processes are of one machine, so of one clock.
    for (let n = 1; n < of.length; n += 1) assert.ok(of[n - 1].ended_at <= of[n].started_at, `two workers on ${matter}`);
  }
  assert.ok((await setup.firm(admin).audit.verify()).entries > matters);
  t.diagnostic(`${workers} workers, half Rust and half Node, ${matters} matters in ${took.toFixed(1)} s: ${ended.length} runs, ${calls.total} calls, one refresh, none refused for the limit`);
}

/** The runs of each matter. */
function grouped(runs) {
  const of = new Map();
  for (const run of runs) of.set(run.matter, [...(of.get(run.matter) ?? []), run]);
  return of;
}

if (process.argv[2] === 'work') {
  const [url, database, intakes] = process.argv.slice(3);
  (await host(url, database, intakes)).startWorker();
} else {
  const [workers, matters] = (process.env.CASEHUG_FLEET ?? '4 24').split(' ').map(Number);
  test('workers in Rust and Node share one refresh, one budget, and never a matter', (t) => fleet(t, workers, matters));
}
