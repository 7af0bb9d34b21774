// What a host may do wrong, and what a panic does: a clear error each time, and a process that
// lives.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { join } from 'node:path';
import test from 'node:test';

import { FileStore } from './file-store.mjs';
import { admin, clio, config, connect, engine, folder, open, root, sdk, testing } from './support.mjs';

const examples = join(root, 'examples/intake');
const { CasehugClioError, FolderIntake, HttpFailure, Sdk } = sdk;
const store = (t) => new FileStore(join(folder(t), 'store.jsonl'));

/** Awaits a failure of the SDK, whose text must hold nothing of the host's. */
async function fails(call, code, context = {}) {
  const error = await Promise.resolve(call).then(
    () => assert.fail(`${code} was expected`),
    (thrown) => thrown,
  );
  assert.ok(error instanceof CasehugClioError, inspect(error));
  assert.equal(error.code, code, inspect(error));
  for (const [key, value] of Object.entries(context)) assert.equal(error.context[key], value, inspect(error));
  assert.ok(error.number >= 1000 && error.message.length > 10);
  assert.ok(!inspect(error).includes('Okafor'), inspect(error));
  return error;
}

test('a panic rejects every promise, and the next SDK works', async (t) => {
  const { engine, sdk: panicking } = await testing();
  const module = await engine();
  const loud = [];
  const note = (error) => loud.push(error);
  process.on('uncaughtException', note).on('unhandledRejection', note);
  t.after(() => process.off('uncaughtException', note).off('unhandledRejection', note));
  const url = await clio(t);
  const never = new Promise(() => {});
  const stuck = await open(url, { get: () => never, scan: () => never, commit: () => never }, examples, {}, panicking);
  const waiting = [stuck.firm(admin).connection.get(), stuck.firm(admin).matters.sync('mat_0001'), module.run((b) => b.sleep(2 ** 31 + 1000))];
  const panicked = module.run((bindings) => bindings.panicLater());
  for (const call of [panicked, ...waiting]) await fails(call, 'panic');
  await fails(stuck.firm(admin).connection.get(), 'panic');
  await stuck.close();
  const next = await open(url, store(t), examples, {}, panicking);
  assert.equal(await next.firm(admin).connection.get(), null);
  await next.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(loud, []);
});

test('a timer beyond 2^31 ms does not fire at once', async () => {
  const { engine } = await testing();
  const module = await engine();
  const long = module.run((bindings) => bindings.sleep(2 ** 31 + 1000)).catch(() => 'ended');
  assert.equal(await Promise.race([long, new Promise((resolve) => setTimeout(resolve, 60, 'waiting'))]), 'waiting');
  await module.run((bindings) => bindings.panicLater()).catch(() => {});
  assert.equal(await long, 'ended');
});

test('what is missing or wrong at opening is named', async (t) => {
  const good = store(t);
  const ports = { store: good, intake: new FolderIntake(examples), http: new sdk.NodeHttp({}) };
  const url = 'http://127.0.0.1:1';
  for (const config of [undefined, null, 7, {}, { clientId: 'x' }]) await fails(Sdk.open(config, ports), 'setting_invalid');
  await fails(Sdk.open({ ...config(url), surprise: 1 }, ports), 'setting_invalid');
  for (const argument of ['lateExecutionWindowSeconds', 'indexDelaySeconds', 'requestTimeoutSeconds']) {
    for (const time of [-1, 0]) await fails(Sdk.open({ ...config(url), [argument]: time }, ports), 'setting_invalid', { argument });
  }
  await fails(Sdk.open({ ...config(url), sealingKey: { id: 'k', key: 'short' } }, ports), 'setting_invalid');
  await fails(Sdk.open(config('http://clio.example'), ports), 'url_refused');
  await fails(Sdk.open(config('not a url'), ports), 'url_refused');
  await fails(Sdk.open(config(url), { ...ports, store: { get() {}, scan() {} } }), 'setting_invalid', { port: 'store', missing: 'commit' });
  for (const lacking of [{ http: null }, { http: undefined, intake: { load() {}, stat() {} } }]) {
    await fails(Sdk.open(config(url), { ...ports, ...lacking }), 'setting_invalid', { port: 'http' });
  }
  await fails(Sdk.open({ ...config(url), sealingKey: undefined }, ports), 'setting_invalid', { argument: 'sealingKey' });
  await fails(Sdk.open(config(url), { ...ports, keys: { wrap() {}, unwrap() {} } }), 'setting_invalid', { argument: 'sealingKey' });
  await fails(Sdk.open(config(url), { ...ports, intake: null }), 'setting_invalid', { port: 'intake' });
  const opened = await Sdk.open(config(url), ports);
  for (const actor of [undefined, {}, { ...admin, role: 'root' }, { ...admin, firm: '' }, { ...admin, more: 1 }]) {
    const error = await opened.firm(actor).connection.get().catch((thrown) => thrown);
    assert.ok(['request_invalid', 'id_invalid'].includes(error.code), inspect(error));
  }
  for (const matter of [undefined, null, 7, '', '../etc']) {
    const error = await fails(opened.firm(admin).matters.sync(matter), 'request_invalid');
    assert.ok(error instanceof sdk.InputError && error.name === 'InputError');
    assert.equal(error.path, 'matter', inspect(error));
  }
  assert.equal((await fails(opened.host.nextEvents({ limit: 1, waitMs: 0, surprise: 1 }), 'request_invalid')).path, 'surprise');
  assert.equal((await fails(opened.host.nextEvents({ limit: 1 }), 'request_invalid')).path, 'wait_ms');
  await fails(opened.firm({ ...admin, role: 'member' }).audit.list(), 'not_allowed');
  for (const work of [7, { surprise: 1 }, { concurrency: 0 }, { pollSeconds: 0 }, { pollSeconds: -1 }]) {
    await fails(opened.startWorker(work).ended, 'setting_invalid');
  }
  await assert.rejects(opened.handleWebhook('token', [], 'text'), TypeError);
  await assert.rejects(opened.handleWebhook(undefined, [], new Uint8Array()), TypeError);
  await fails(opened.firm(admin).matters.sync('mat_none'), 'matter_unknown');
  await opened.close();
  await opened.close();
  await fails(opened.firm(admin).connection.get(), 'setting_invalid', { reason: 'closed' });
});

test('a store that throws, lies or answers nonsense is an error of the store', async (t) => {
  const loud = new Error('Okafor was here');
  const answers = [
    () => { throw loud; },
    () => Promise.reject(loud),
    () => Promise.reject(undefined),
    () => 7,
    () => ({}),
    () => ({ status: 'done' }),
    () => ({ status: 'done', at: 'now' }),
    () => ({ status: 'done', at: 2 ** 60 }),
    () => ({ status: 'done', at: 1n }),
    () => ({ then() { throw loud; } }),
    () => ({ get status() { throw loud; } }),
    () => new Proxy({}, { get() { throw loud; } }),
  ];
  for (const commit of answers) {
    const bad = { get: () => null, scan: () => [], commit };
    const opened = await open('http://127.0.0.1:1', bad, examples);
    await fails(opened.firm(admin).connection.begin('http://127.0.0.1:9/callback'), 'store_failed');
    await opened.close();
  }
  const record = { id: 'other', version: 'v', dueAt: null, body: '{}' };
  for (const found of [7, 'text', {}, record, { ...record, id: 7 }, { ...record, body: undefined }, { ...record, dueAt: 1.5 }]) {
    const opened = await open('http://127.0.0.1:1', { get: () => found, scan: () => [], commit: answers[0] }, examples);
    await fails(opened.firm(admin).connection.get(), 'store_failed');
    await opened.close();
  }
});

test('a transport that throws, lies or answers nonsense is an error of the transport', async (t) => {
  const ok = { status: 200, headers: [], body: new Uint8Array() };
  const answers = [
    [() => { throw new Error('Okafor'); }, 'transport_failed'],
    [() => Promise.reject(7), 'transport_failed'],
    [() => undefined, 'transport_failed'],
    [() => ({ ...ok, status: '200' }), 'transport_failed'],
    [() => ({ ...ok, status: 2 ** 20 }), 'transport_failed'],
    [() => ({ ...ok, headers: { a: 'b' } }), 'transport_failed'],
    [() => ({ ...ok, headers: [['a', 7]] }), 'transport_failed'],
    [() => ({ ...ok, body: 'text' }), 'transport_failed'],
    [() => ({ ...ok, body: new Uint8Array(64 * 1024 * 1024) }), 'response_too_large'],
    [() => { throw new HttpFailure('connect', 'no'); }, 'connect_failed'],
    [() => { throw new HttpFailure('tls', 'no'); }, 'tls_refused'],
    [() => ok, 'oauth_answer_invalid'],
  ];
  for (const [send, code] of answers) {
    const opened = await open('http://127.0.0.1:1', store(t), examples, { ports: { http: { send } } });
    const { authorize_url: page } = await opened.firm(admin).connection.begin('http://127.0.0.1:9/callback');
    const state = new URL(page).searchParams.get('state');
    await fails(opened.firm(admin).connection.finish(`code=abc&state=${encodeURIComponent(state)}`), code);
    await opened.close();
  }
});

test('an intake that is malformed, hostile or gone is an error of that matter', async (t) => {
  const url = await clio(t);
  const intakes = folder(t);
  const write = (matter, text) => {
    mkdirSync(join(intakes, matter));
    writeFileSync(join(intakes, matter, 'intake.json'), text);
  };
  const good = (matter, document = {}) => ({
    matter: { id: matter, title: 'T' },
    client: { id: 'cli_1', first_name: 'Ada', last_name: 'Okafor' },
    documents: [{ id: 'doc_1', file_name: 'a.txt', content_type: 'text/plain', path: 'a.txt', status: 'approved', origin: 'client_upload', ...document }],
  });
  write('mat_broken', '{"matter":');
  write('mat_bytes', Buffer.from([0x7b, 0xff, 0xfe]));
  write('mat_other', JSON.stringify(good('mat_else')));
  write('mat_twice', JSON.stringify(good('mat_twice')).replace('"status":"approved"', '"status":"rejected","status":"approved"'));
  write('mat_status', JSON.stringify(good('mat_status', { status: 'sure' })));
  write('mat_large', ' '.repeat(9 * 1024 * 1024));
  write('mat_gone', JSON.stringify(good('mat_gone')));
  write('mat_away', JSON.stringify(good('mat_away', { path: '../mat_gone/intake.json' })));
  write('mat_link', JSON.stringify(good('mat_link')));
  symlinkSync('/etc/hostname', join(intakes, 'mat_link/a.txt'));
  write('mat_folder', JSON.stringify(good('mat_folder')));
  mkdirSync(join(intakes, 'mat_folder/a.txt'));
  const opened = await open(url, store(t), intakes);
  await connect(opened);
  for (const matter of ['mat_broken', 'mat_bytes', 'mat_twice', 'mat_status', 'mat_large']) {
    await fails(opened.firm(admin).matters.sync(matter), 'intake_malformed');
  }
  await fails(opened.firm(admin).matters.sync('mat_other'), 'intake_invalid');
  await fails(opened.firm(admin).matters.sync('mat_missing'), 'matter_unknown');
  for (const [matter, code] of [['mat_gone', 'document_missing'], ['mat_away', 'document_missing'], ['mat_link', 'document_missing'], ['mat_folder', 'document_unreadable']]) {
    const report = await opened.firm(admin).matters.sync(matter);
    const [step] = report.steps.filter(({ step }) => step === 'document');
    assert.equal(step.error.code ?? step.error, code, JSON.stringify(report));
  }
  for (const source of [{ load: () => 7, stat() {} }, { load() { throw new Error('Okafor'); }, stat() {} }]) {
    const bad = await open(url, store(t), intakes, { ports: { intake: source } });
    await fails(bad.firm(admin).matters.sync('mat_gone'), 'intake_unreadable');
    await bad.close();
  }
  await opened.close();
});

test('a revision or an intake of the host that is too long is refused, and costs the module nothing', async (t) => {
  const url = await clio(t);
  let revision;
  const json = (matter) => JSON.stringify({
    matter: { id: matter, title: 'T' },
    client: { id: 'cli_1', first_name: 'Ada', last_name: 'Okafor' },
    documents: [{ id: 'doc_1', file_name: 'a.txt', content_type: 'text/plain', status: 'approved', origin: 'client_upload' }],
  });
  const intake = {
    load: (_, matter) => (matter === 'mat_large' ? ' '.repeat(2 ** 27) : json(matter)),
    stat: () => ({ len: 1, revision, status: 'approved', origin: 'client_upload' }),
    open: () => [Buffer.from('a')],
  };
  const opened = await Sdk.open(config(url), { store: store(t), intake });
  await connect(opened);
  const { memory } = await engine();
  const before = memory.buffer.byteLength;
  for (const [matter, given, code] of [
    ['mat_1', 'r'.repeat(128)],
    ['mat_2', '', 'document_unreadable'],
    ['mat_3', 'r'.repeat(129), 'document_unreadable'],
    ['mat_4', 'é'.repeat(65), 'document_unreadable'],
    ['mat_5', 'r'.repeat(2 ** 27), 'document_unreadable'],
    ['mat_6', 7, 'document_unreadable'],
  ]) {
    revision = given;
    const { steps } = await opened.firm(admin).matters.sync(matter);
    assert.equal(steps.find(({ step }) => step === 'document').error?.code, code, matter);
  }
  await fails(opened.firm(admin).matters.sync('mat_large'), 'intake_malformed');
  assert.ok(memory.buffer.byteLength - before < 2 ** 20, `${memory.buffer.byteLength - before} bytes more`);
  await opened.close();
});
