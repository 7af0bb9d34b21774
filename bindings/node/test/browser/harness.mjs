// What the browser tests share: clio-sim, the service and a browser, as `cargo xtask demo --web`
// has them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
const programs = process.env.CASEHUG_CLIO_PROGRAMS ?? join(root, 'target/debug');
const browserPath = process.env.CASEHUG_CLIO_BROWSER ?? '/usr/bin/chromium';
/** Pictures are taken by every run, and those of the docs replaced when that is asked for. */
const pictures = process.env.CASEHUG_CLIO_PICTURES ?? join(root, 'target/pictures');

/** A machine that has much else to do makes everything slow. */
export const PATIENCE = Number(process.env.CASEHUG_CLIO_PATIENCE ?? 60) * 1000;

let launched;

async function browser() {
  launched ??= chromium.launch({ executablePath: browserPath, headless: true });
  return launched;
}
after(async () => (await launched)?.close());

const ends = new WeakMap();

/** Does this after the test, what was begun last first: pages leave before their host stops. */
function atEnd(t, end) {
  if (!ends.has(t)) {
    const all = [];
    ends.set(t, all);
    t.after(async () => {
      const ended = [];
      for (const one of all.reverse()) ended.push(await one().then(() => null, (error) => error));
      const failed = ended.find((error) => error !== null);
      if (failed) throw failed;
    });
  }
  ends.get(t).push(async () => end());
}

/** A folder that goes with the test. */
function folder(t) {
  const made = mkdtempSync(join(tmpdir(), 'casehug-clio-card-'));
  atEnd(t, () => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A simulated Clio that asks for consent: its address. */
export async function clio(t, more = {}) {
  const child = spawn(join(programs, 'clio-sim'), ['--exit-with-stdin'], { stdio: ['pipe', 'pipe', 'inherit'] });
  atEnd(t, () => child.kill());
  const lines = createInterface({ input: child.stdout });
  const { url } = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);
  await simulate(url, 'config', { rate_limit: 1000, http_webhooks: true, account_name: 'Lindqvist & Moreau LLP', ...more });
  return url;
}

/** Tells the simulated Clio something. */
export async function simulate(url, what, body) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/__sim/${what}`, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${what}: ${answer.status}`);
  return answer.json();
}

export async function holds(url) {
  return (await fetch(`${url}/__sim/state`)).json();
}

/** The example intakes of a firm, without the one whose file is made by another step. */
export function intakes(t, change = () => {}) {
  const made = join(folder(t), 'firm_demo');
  mkdirSync(made);
  for (const name of readdirSync(join(root, 'examples/intake'))) {
    if (name === 'mat_0006') continue;
    cpSync(join(root, 'examples/intake', name), join(made, name), { recursive: true });
    const path = join(made, name, 'intake.json');
    if (!existsSync(path)) continue;
    const intake = JSON.parse(readFileSync(path, 'utf8'));
    change(intake);
    writeFileSync(path, JSON.stringify(intake));
  }
  return dirname(made);
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * The service over this Clio: its address, and ways to stop it and to start it again. Without
 * `demo` it believes the headers of an authenticating proxy.
 */
export async function service(t, clioUrl, { intake = intakes(t), port = 0, demo = true } = {}) {
  const db = join(folder(t), 'clio.db');
  const args = ['--listen', `127.0.0.1:${port}`, '--intake', intake, '--db', db, '--clio-url', clioUrl];
  args.push('--settle', '2', '--index-delay', '2');
  if (demo) args.push('--demo-sign-in');
  let child;
  const start = async () => {
    child = spawn(join(programs, 'service'), args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, RUST_LOG: 'info' } });
    const said = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      const [, address] = /listening=(\S+)/.exec(line) ?? [];
      if (!address) continue;
      child.stderr.resume();
      return `http://${address}`;
    }
    throw new Error(`the service ended:\n${said.join('\n')}`);
  };
  const stop = () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    return ended;
  };
  atEnd(t, () => child.kill('SIGKILL'));
  return { url: await start(), start, stop };
}

/** Messages of pages that are no errors of theirs: the browser's own words for an answer. */
const ANSWERS = /^Failed to load resource/;

/**
 * A page in a browser of its own. `tolerates`: the service is away or refuses in this test, and the
 * browser says so.
 */
async function browsing(t, { tolerates = false, ...context }) {
  const opened = await (await browser()).newContext({
    locale: 'en-US',
    timezoneId: 'America/New_York',
    viewport: { width: 1080, height: 860 },
    ...context,
  });
  opened.setDefaultTimeout(PATIENCE);
  const errors = [];
  opened.on('page', (page) => {
    page.on('pageerror', (error) => errors.push(`${error.stack}`));
    page.on('console', (message) => {
      const text = message.text();
      if (message.type() === 'error' && !(tolerates && ANSWERS.test(text))) errors.push(text);
    });
  });
  atEnd(t, async () => {
    await opened.close();
    assert.deepEqual(errors, []);
  });
  return opened.newPage();
}

/** A person at a browser of their own: Ada, an admin, or Max, a member. */
export async function person(t, url, who = 'Ada', more = {}) {
  const page = await browsing(t, more);
  await page.goto(`${url}/sign-in`);
  await page.getByRole('button', { name: new RegExp(`^${who}`) }).click();
  await page.waitForURL(`${url}/settings/integrations`);
  return page;
}

/** An admin whom a proxy signed in, of a service without the demo's sign-in. */
export async function admin(t, url, user, more = {}) {
  const headers = { 'x-casehug-firm': 'firm_demo', 'x-casehug-user': user, 'x-casehug-role': 'admin' };
  const page = await browsing(t, { extraHTTPHeaders: headers, ...more });
  await integrations(page, url);
  return page;
}

/** Settings → Integrations, with the card loaded. */
export async function integrations(page, url) {
  await page.goto(`${url}/settings/integrations`);
  return shown(page);
}

export async function shown(page) {
  const card = page.locator('casehug-clio-card');
  await card.getByRole('tab', { name: 'Connection' }).waitFor();
  return card;
}

/** Opens a view of the card. */
export async function view(card, name) {
  await card.getByRole('tab', { name }).click();
  await card.getByRole('tabpanel', { name }).getByRole('heading', { level: 3 }).waitFor();
}

/** Connects by Clio's consent page. */
export async function connect(page, url, label = 'Connect to Clio') {
  const card = await integrations(page, url);
  await card.getByRole('button', { name: label, exact: true }).click();
  await page.getByRole('button', { name: 'Allow access' }).click();
  await page.waitForURL(/settings\/integrations/);
  await state(card, 'Connected');
  return card;
}

/** Waits for the word beside the card's title. */
export async function state(card, word) {
  await card.locator('header .badge').filter({ hasText: new RegExp(`^${word}$`) }).waitFor();
}

/** An operation as the page would call it, in the person's name. */
export function call(page, url, operation, sent = {}) {
  return page.request.post(`${url}/api/${operation}`, { data: sent, headers: { 'content-type': 'application/json' } }).then((answer) => answer.json());
}

/** Asks until the answer is good. */
export async function until(ask, good, about = 'it') {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    assert.ok(Date.now() < end, `${about} was waited for in vain: ${JSON.stringify(answer)?.slice(0, 400)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A picture for the docs, `height`: only so much from the top. */
export async function picture(of, name, height) {
  mkdirSync(pictures, { recursive: true });
  const clip = height && { clip: { x: 0, y: 0, width: 1080, height } };
  const png = await of.screenshot({ animations: 'disabled', caret: 'hide', ...clip });
  const page = await (await (await browser()).newContext()).newPage();
  const webp = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext('2d').drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.8 });
    return btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(''));
  }, png.toString('base64'));
  await page.context().close();
  writeFileSync(join(pictures, `${name}.webp`), Buffer.from(webp, 'base64'));
}
