// The log function of an SDK: what it gets, what it never gets, and what it cannot break.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';

import { FileStore } from './file-store.mjs';
import { admin, clio, config, connect, folder, open, sdk, testing } from './support.mjs';

const store = (t) => new FileStore(join(folder(t), 'store.jsonl'));
const planted = 'Quillfeather';

/** A folder of two matters, in which everything that a client says holds the planted text. */
function intakes(t) {
  const made = folder(t);
  for (const matter of ['mat_1', 'mat_2']) write(made, matter);
  return made;
}

function write(made, matter) {
  const document = { id: 'doc_1', file_name: `${planted}.txt`, content_type: 'text/plain', path: 'a.txt', status: 'approved', origin: 'client_upload' };
  const intake = {
    matter: { id: matter, title: `Divorce of ${planted}` },
    client: { id: 'cli_1', first_name: planted, last_name: `${planted}-Byron`, email: `ada@${planted}.example` },
    documents: [document],
  };
  mkdirSync(join(made, matter));
  writeFileSync(join(made, matter, 'intake.json'), JSON.stringify(intake));
  writeFileSync(join(made, matter, 'a.txt'), planted);
}

/** Sends as `NodeHttp` does, keeps the secrets that pass, and fails with them in its words. */
class Spy {
  secrets = new Set();
  fail = () => false;
  #http;

  constructor(documents) {
    this.#http = new sdk.NodeHttp(documents);
  }

  async send(request, signal) {
    const bearer = new Headers(request.headers).get('authorization')?.replace(/^\w+ /, '');
    this.#keep([bearer]);
    if (request.url.endsWith('/oauth/token')) {
      const form = new URLSearchParams(Buffer.from(request.body).toString());
      this.#keep(['code', 'refresh_token', 'client_secret'].map((name) => form.get(name)));
    }
    if (this.fail(request)) throw new Error(`${planted} ${[...this.secrets]} ${request.url}`);
    const answer = await this.#http.send(request, signal);
    if (request.url.endsWith('/oauth/token')) {
      const told = JSON.parse(Buffer.from(answer.body).toString());
      this.#keep([told.access_token, told.refresh_token]);
    }
    return answer;
  }

  #keep(values) {
    for (const value of values) if (value) this.secrets.add(value);
  }
}

test('every line is told once, and none holds client data or a secret', async (t) => {
  const url = await clio(t);
  const folderOf = intakes(t);
  const http = new Spy(new sdk.FolderIntake(folderOf));
  const entries = [];
  const opened = await open(url, store(t), folderOf, {
    config: { log: (entry) => entries.push(entry), logLevel: 'debug' },
    ports: { http },
  });
  http.fail = ({ url: to }) => to.endsWith('/oauth/token');
  await assert.rejects(connect(opened));
  http.fail = () => false;
  await connect(opened);
  http.fail = ({ method }) => method === 'GET';
  assert.equal((await opened.firm(admin).matters.sync('mat_1')).status, 'failed');
  http.fail = () => false;
  const before = entries.length;
  const report = await opened.firm(admin).matters.sync('mat_1');
  assert.equal(report.status, 'succeeded', JSON.stringify(report));
  // What goes to the storage is no call to Clio.
  const calls = entries.slice(before).filter(({ message }) => message.startsWith('called Clio') && !message.includes('resource=storage'));
  assert.equal(calls.length, report.calls, JSON.stringify(entries.slice(before)));
  http.fail = ({ method, url: to }) => method === 'POST' && to.includes('/matters');
  assert.equal((await opened.firm(admin).matters.sync('mat_2')).status, 'failed');
  await opened.close();
  for (const entry of entries) {
    assert.deepEqual(Object.keys(entry), ['level', 'target', 'message']);
    assert.ok(['error', 'warn', 'info', 'debug'].includes(entry.level) && entry.target.startsWith('casehug_clio'), JSON.stringify(entry));
  }
  const { clientSecret, sealingKey } = config(url);
  const hidden = [planted, clientSecret, sealingKey.key, ...http.secrets];
  assert.ok(http.secrets.size >= 5, `${http.secrets.size} secrets were seen`);
  const told = JSON.stringify(entries).toLowerCase();
  for (const text of hidden) assert.ok(!told.includes(text.toLowerCase()), `${text} in ${told}`);
});

test('nothing that is printed of an open SDK and its ports holds a secret', async (t) => {
  const url = await clio(t);
  const { clientSecret, sealingKey } = config(url);
  process.env.CASEHUG_CLIO_TEST_KEY = sealingKey.key;
  t.after(() => delete process.env.CASEHUG_CLIO_TEST_KEY);
  process.env.CASEHUG_CLIO_TEST_EARLIER = '5e'.repeat(32);
  t.after(() => delete process.env.CASEHUG_CLIO_TEST_EARLIER);
  const key = sdk.environmentKey(sealingKey.id, 'CASEHUG_CLIO_TEST_KEY', { k0: 'CASEHUG_CLIO_TEST_EARLIER' });
  const http = new Spy(new sdk.FolderIntake(intakes(t)));
  const opened = await open(url, store(t), intakes(t), { config: { sealingKey: key }, ports: { http } });
  await connect(opened);
  const pool = { connect() {}, query() {}, options: { password: planted } };
  const postgres = new sdk.PostgresStore(pool);
  const hidden = [clientSecret, sealingKey.key, key.earlier.k0, planted, ...http.secrets];
  assert.ok(http.secrets.size >= 3, `${http.secrets.size} secrets were seen`);
  for (const shown of [opened, opened.firm(admin), opened.firm(admin).matters, new sdk.NodeHttp({}), postgres, key]) {
    const told = `${inspect(shown, { depth: Infinity })} ${JSON.stringify(shown)} ${String(shown)}`;
    for (const text of hidden) assert.ok(!told.includes(text), shown.constructor.name);
  }
  await opened.close();
});

test('each SDK has its own log and level, and none is called after close', async (t) => {
  const url = await clio(t);
  const told = { one: [], other: [], quiet: [] };
  const logging = (name, logLevel) => ({ config: { log: (entry) => told[name].push(entry), logLevel } });
  const one = await open(url, store(t), intakes(t), logging('one', 'debug'));
  const other = await open(url, store(t), intakes(t), logging('other', 'debug'));
  const quiet = await open(url, store(t), intakes(t), logging('quiet', undefined));
  await Promise.all([connect(one), connect(quiet)]);
  assert.ok(told.one.length > 0);
  assert.deepEqual([told.other, told.quiet], [[], []]);
  const running = one.firm(admin).matters.sync('mat_1');
  await one.close();
  const last = told.one.length;
  await running;
  await connect(other);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(told.one.length, last);
  assert.ok(told.other.length > 0);
  await Promise.all([other.close(), quiet.close()]);
});

test('a log function that throws, rejects or calls the SDK harms nothing', async (t) => {
  const loud = [];
  const note = (error) => loud.push(error);
  process.on('uncaughtException', note).on('unhandledRejection', note);
  t.after(() => process.off('uncaughtException', note).off('unhandledRejection', note));
  const url = await clio(t);
  let opened;
  let asked = 0;
  const answers = [
    () => { throw new Error(planted); },
    () => Promise.reject(new Error(planted)),
    () => ({ then() { throw new Error(planted); } }),
    () => { asked += 1; return opened?.firm(admin).connection.get(); },
  ];
  for (const log of answers) {
    opened = await open(url, store(t), intakes(t), { config: { log, logLevel: 'debug' } });
    await connect(opened);
    assert.equal((await opened.firm(admin).matters.sync('mat_1')).status, 'succeeded');
    await opened.close();
  }
  assert.ok(asked > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(loud, []);
});

test('what is no log function or no level is refused, with its path', async (t) => {
  const refused = async (more, path) => {
    const error = await open('http://127.0.0.1:1', store(t), intakes(t), { config: more }).catch((thrown) => thrown);
    assert.equal(error.code, 'setting_invalid', JSON.stringify(more));
    assert.equal(error.path, path, JSON.stringify(error));
  };
  for (const log of ['stdout', 7, null, { write() {} }]) await refused({ log }, 'log');
  for (const logLevel of ['loud', 4]) await refused({ log() {}, logLevel }, 'logLevel');
});

test('a panic leaves the log of the next SDK whole', async (t) => {
  const url = await clio(t);
  const entries = [];
  const log = (entry) => entries.push(entry);
  const { engine, sdk: panicking } = await testing();
  const stuck = await open(url, store(t), intakes(t), { config: { log } }, panicking);
  await (await engine()).run((bindings) => bindings.panicLater()).catch(() => {});
  await stuck.close();
  const next = await open(url, store(t), intakes(t), { config: { log, logLevel: 'debug' } }, panicking);
  await connect(next);
  await next.close();
  assert.ok(entries.length > 0);
});

test('a worker that ends by itself is told, whether anybody waits for it or not', async (t) => {
  const url = await clio(t);
  const entries = [];
  const { engine, sdk: panicking } = await testing();
  const opened = await open(url, store(t), intakes(t), { config: { log: (entry) => entries.push(entry), logLevel: 'error' } }, panicking);
  const told = () => entries.splice(0).map(({ level, message }) => `${level} ${/code="(\w+)"/.exec(message)[1]}`);
  await opened.startWorker().stop();
  assert.deepEqual(told(), []);
  await assert.rejects(opened.startWorker({ concurrency: 0 }).ended, { code: 'setting_invalid' });
  assert.deepEqual(told(), ['error setting_invalid']);
  opened.startWorker();
  await (await engine()).run((bindings) => bindings.panicLater()).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(told(), ['error panic']);
  await opened.close();
});
