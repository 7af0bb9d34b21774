// `kills.mjs TIMES sqlite FOLDER | postgres URL`: kills workers (SIGKILL) while they sync, and
// counts what is in Clio then.
//
// Not in the gate: some minutes. The same file is the worker, when it is started with `work`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { admin, clio, connect, holds, open, sdk } from './support.mjs';

const FIRMS = 150;

async function storeOf(kind, where) {
  if (kind === 'sqlite') return sdk.SqliteStore.open(join(where, 'store.db'));
  const { default: pg } = await import('pg');
  return sdk.PostgresStore.open(new pg.Pool({ connectionString: where }));
}

async function work(kind, where, url, intakes) {
  const opened = await open(url, await storeOf(kind, where), intakes);
  opened.startWorker({ pollSeconds: 0.05, concurrency: 6, perFirm: 6 });
  console.log('works');
}

function intakesIn(folder, matters) {
  for (let number = 0; number < matters; number += 1) {
    const matter = `mat_${number}`;
    mkdirSync(join(folder, matter), { recursive: true });
    writeFileSync(join(folder, matter, 'a.txt'), `document ${number}`);
    const documents = [{ id: 'doc_1', file_name: 'a.txt', content_type: 'text/plain', path: 'a.txt', status: 'approved', origin: 'client_upload' }];
    const client = { id: `cli_${number}`, first_name: 'Ada', last_name: `Byron ${number}`, email: `ada${number}@example.com` };
    writeFileSync(join(folder, matter, 'intake.json'), JSON.stringify({ matter: { id: matter, title: `Matter ${number}` }, client, documents }));
  }
}

/** How much is in Clio. */
async function made(url) {
  const { contacts, matters, documents } = await holds(url);
  return contacts.length + matters.length + documents.length;
}

async function kills(times, kind, where) {
  // Enough for every worker to have work left, and more than a page of the store.
  const matters = Math.max(501, 12 * times);
  const ends = [];
  const t = { after: (end) => ends.push(end) };
  const folder = mkdtempSync(join(tmpdir(), 'casehug-clio-kills-'));
  const url = await clio(t, { rate_limit: 1_000_000 });
  intakesIn(folder, matters);
  const store = await storeOf(kind, where);
  const setup = await open(url, store, folder);
  // A killed worker takes its share of a firm's calls with it, an eighth of a minute's: many firms,
  // or most workers would wait.
  const actors = Array.from({ length: FIRMS }, (_, firm) => ({ ...admin, firm: `firm_${firm}` }));
  for (const actor of actors) await connect(setup, actor);
  for (let number = 0; number < matters; number += 1) await setup.firm(actors[number % FIRMS]).matters.trigger({ matter: `mat_${number}`, trigger: 'approved' });
  await setup.close();
  await store.close?.();
  const begin = async () => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'work', kind, where, url, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    return child;
  };
  let during = 0;
  for (let kill = 0; kill < times; kill += 1) {
    const child = await begin();
    const before = await made(url);
    await after(50 + Math.random() * 550);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    if ((await made(url)) !== before) during += 1;
  }
  const last = await begin();
  const counts = async () => {
    const { contacts, matters, documents } = await holds(url);
    return [contacts, matters, documents.filter((document) => document.fully_uploaded ?? true)].map((list) => list.length);
  };
  // As long as anything arrives, however slow the machine is.
  for (let [arrived, since] = [-1, 0]; since < 20 && arrived < matters; since += 1) {
    await after(3000);
    const [, , documents] = await counts();
    if (documents > arrived) [arrived, since] = [documents, 0];
  }
  await after(3000);
  const found = await counts();
  last.kill('SIGKILL');
  console.log(`${kind}: ${times} kills, ${during} of workers that had created something; contacts, matters, documents: ${found}`);
  for (const end of ends) end();
  rmSync(folder, { recursive: true });
  assert.deepEqual(found, [matters, matters, matters]);
  process.exit(0);
}

const [what, ...rest] = process.argv.slice(2);
await (what === 'work' ? work(...rest) : kills(Number(what), ...rest));
