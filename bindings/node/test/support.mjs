// What the tests share: the package under test, the programs it meets, and a host.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const built = join(root, 'target/node');
export const installed = process.env.CASEHUG_CLIO_NODE ?? join(built, 'project/node_modules/@casehug/clio-sync');
const forTests = process.env.CASEHUG_CLIO_NODE_TESTING ?? join(built, 'testing');
export const programs = process.env.CASEHUG_CLIO_PROGRAMS ?? join(root, 'target/debug');

async function loaded(folder) {
  const { engine } = await import(join(folder, 'dist/engine.mjs'));
  return { sdk: await import(join(folder, 'dist/index.mjs')), engine };
}

export const { sdk, engine } = await loaded(installed);

/** A copy of it whose module has the functions that only tests need: the suites, and panics. */
export const testing = () => loaded(forTests);

export const admin = { user: 'usr_1', firm: 'firm_1', role: 'admin' };

/** A folder that goes with the test. */
export function folder(t) {
  const made = mkdtempSync(join(tmpdir(), 'casehug-clio-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Starts a program of this workspace that stops with us; gives its first line of output. */
export async function program(t, name, ...args) {
  const child = spawn(join(programs, name), [...args, '--exit-with-stdin'], { stdio: ['pipe', 'pipe', 'inherit'] });
  // Whoever waits for its answers would not be told why there are none.
  const early = (code, signal) => console.error(`${name} ended by itself: ${code ?? signal}`);
  child.once('exit', early);
  t.after(() => child.off('exit', early).kill());
  const lines = createInterface({ input: child.stdout });
  return (await lines[Symbol.asyncIterator]().next()).value;
}

/** A simulated Clio; gives its URL. */
export async function clio(t, more = {}) {
  const { url } = JSON.parse(await program(t, 'clio-sim', '--auto-consent'));
  await simulate(url, 'config', { rate_limit: 1000, ...more });
  return url;
}

/** Tells the simulated Clio something. */
export async function simulate(url, what, body) {
  const answer = await fetch(`${url}/__sim/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${what}: ${answer.status}`);
}

export async function holds(url) {
  return (await fetch(`${url}/__sim/state`)).json();
}

export function config(clioUrl, more = {}) {
  const sealingKey = { id: 'test', key: '6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248' };
  return { clientId: 'casehug-dev', clientSecret: 'casehug-dev-secret', clioUrl, sealingKey, lateExecutionWindowSeconds: 2, indexDelaySeconds: 2, ...more };
}

/** An SDK over this store and this folder of intakes, of this copy of the package. */
export function open(clioUrl, store, intakes, more = {}, { Sdk } = sdk) {
  const intake = new sdk.FolderIntake(intakes);
  return Sdk.open(config(clioUrl, more.config), { store, intake, http: new sdk.NodeHttp(intake), ...more.ports });
}

/** Connects the firm, as a browser would. */
export async function connect(opened, actor = admin) {
  const { authorize_url: page } = await opened.firm(actor).connection.begin('http://127.0.0.1:9/callback');
  const answer = await fetch(page, { redirect: 'manual' });
  return opened.firm(actor).connection.finish(new URL(answer.headers.get('location')).search.slice(1));
}

/** Asks until the answer is good: for two minutes, as the machine may have much else to do. */
export async function until(ask, good) {
  for (let turn = 0; turn < 2400; turn += 1) {
    const answer = await ask();
    if (good(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return assert.fail('it was waited for in vain');
}
