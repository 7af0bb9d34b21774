// Calls that are cancelled, lists and events that come piece by piece, and keys of the host's own.
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import test from 'node:test';

import { admin, clio, connect, engine, holds, open, root, sdk } from './support.mjs';

const examples = join(root, 'examples/intake');

/** A transport that tells of each request, and may hold one back. */
class Watched {
  seen = () => {};
  #http = new sdk.NodeHttp(new sdk.FolderIntake(examples));

  async send(request, signal) {
    await this.seen(request);
    return this.#http.send(request, signal);
  }
}

test('a sync cancelled at any of its requests makes nothing twice, and the next one goes on at once', async (t) => {
  for (let stop = 1; stop <= 7; stop += 1) {
    const url = await clio(t);
    const http = new Watched();
    const store = new sdk.MemoryStore();
    const opened = await open(url, store, examples, { ports: { http } });
    await connect(opened);
    const { matters } = opened.firm(admin);
    const cancel = new AbortController();
    let requests = 0;
    http.seen = () => {
      requests += 1;
      if (requests === stop) cancel.abort();
    };
    const first = await matters.sync('mat_0001', { signal: cancel.signal }).catch((error) => error);
    assert.ok(first.code === 'cancelled' || first.status === 'succeeded', JSON.stringify(first));
    for (const collection of ['claim', 'lease']) {
      const left = store.scan({ kind: 'ids', firm: admin.firm, collection, from: '', until: null, descending: false, limit: 9 });
      assert.deepEqual(left, [], collection);
    }
    assert.equal((await matters.sync('mat_0001')).status, 'succeeded');
    const state = await holds(url);
    assert.deepEqual([state.contacts.length, state.matters.length, state.documents.length], [1, 1, 2], `cancelled at request ${stop}`);
    await opened.close();
  }
});

test('a signal that was given before, and one that comes too late', async (t) => {
  const opened = await open(await clio(t), new sdk.MemoryStore(), examples);
  const refused = await opened.firm(admin).connection.get({ signal: AbortSignal.abort() }).catch((error) => error);
  assert.ok(refused instanceof sdk.CasehugClioError && refused.code === 'cancelled');
  const late = new AbortController();
  assert.equal(await opened.firm(admin).connection.get({ signal: late.signal }), null);
  late.abort();
  assert.equal(await opened.firm(admin).connection.get(), null);
  const webhook = (options) => opened.handleWebhook('nobody', [], new Uint8Array(), options);
  await assert.rejects(webhook({ signal: AbortSignal.abort() }), { code: 'cancelled', kind: refused.kind });
  assert.equal((await webhook({ signal: new AbortController().signal })).status, 404);
  await opened.close();
});

test('events come until the signal, and again until they are acknowledged; pages are one list', async (t) => {
  const opened = await open(await clio(t), new sdk.MemoryStore(), examples);
  await connect(opened);
  const { matters } = opened.firm(admin);
  for (const matter of ['mat_0001', 'mat_0003']) await matters.sync(matter);
  const ending = new AbortController();
  const kinds = [];
  for await (const { event, ack } of opened.events({ signal: ending.signal })) {
    kinds.push(event.type);
    await ack();
    if (kinds.filter((kind) => kind === 'run_finished').length === 2) ending.abort();
  }
  assert.ok(kinds.length >= 2, `${kinds}`);
  const quiet = new AbortController();
  setTimeout(() => quiet.abort(), 50);
  for await (const { event } of opened.events({ signal: quiet.signal })) assert.notEqual(event.type, 'run_finished');
  const runs = [];
  for await (const run of sdk.every((after) => matters.runs({ limit: 1, after }))) runs.push(run.matter);
  assert.deepEqual(runs, ['mat_0003', 'mat_0001']);
  await opened.close();
});

const statuses = (...numbers) =>
  numbers.map((number) => ({ firm: 'firm_1', id: `matter/mat_${number}#1`, event: { type: 'matter_status', matter: `mat_${number}` } }));

test('no event is given once another process may have it', async (t) => {
  const opened = await open('us', new sdk.MemoryStore(), examples);
  const batches = [statuses(1, 2, 3), statuses(4)];
  const acknowledged = [];
  opened.host.nextEvents = async () => batches.shift();
  opened.host.ackEvent = async ({ id }) => acknowledged.push(id);
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  const given = [];
  for await (const { event, ack } of opened.events()) {
    given.push(event.matter);
    now += 30_000;
    await ack();
    if (event.matter === 'mat_4') break;
  }
  // The lease of the third ended a minute after it was asked for.
  assert.deepEqual(given, ['mat_1', 'mat_2', 'mat_4']);
  assert.equal(acknowledged.length, 3);
  await opened.close();
});

test('no event is given after the signal', async () => {
  const opened = await open('us', new sdk.MemoryStore(), examples);
  opened.host.nextEvents = async () => statuses(1, 2, 3);
  const ending = new AbortController();
  const given = [];
  for await (const { event } of opened.events({ signal: ending.signal })) {
    given.push(event.matter);
    ending.abort();
  }
  assert.deepEqual(given, ['mat_1']);
  await opened.close();
});

test('keys of the host: wrapped there, bound to their place, and failures without their text', async (t) => {
  const root = randomBytes(32);
  const kms = {
    wrap(key, context) {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', root, iv).setAAD(context);
      return { keyId: 'kms-1', blob: Buffer.concat([iv, cipher.update(key), cipher.final(), cipher.getAuthTag()]) };
    },
    async unwrap({ keyId, blob }, context) {
      assert.equal(keyId, 'kms-1');
      const bytes = Buffer.from(blob);
      const decipher = createDecipheriv('aes-256-gcm', root, bytes.subarray(0, 12)).setAAD(context).setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    },
  };
  const url = await clio(t);
  const store = new sdk.MemoryStore();
  const over = (keys) => open(url, store, examples, { config: { sealingKey: undefined }, ports: { keys } });
  const opened = await over(kms);
  await connect(opened);
  assert.equal((await opened.firm(admin).matters.sync('mat_0001')).status, 'succeeded');
  await opened.close();
  const { memory } = await engine();
  const before = memory.buffer.byteLength;
  // 32 zeros are what a buffer holds into which nothing was written.
  for (const unwrap of [() => Promise.reject(new Error('Okafor')), () => new Uint8Array(31), () => new Uint8Array(32), () => new Uint8Array(2 ** 28), () => 7]) {
    const other = await over({ ...kms, unwrap });
    const error = await other.firm(admin).matters.sync('mat_0003').catch((thrown) => thrown);
    assert.equal(error.code, 'key_failed');
    assert.ok(!JSON.stringify(error).includes('Okafor'));
    await other.close();
  }
  const blob = Buffer.alloc(60, 1);
  for (const wrapped of [{ keyId: '', blob }, { keyId: 'k'.repeat(129), blob }, { keyId: 'k', blob: new Uint8Array() }, { keyId: 'k', blob: new Uint8Array(2 ** 28) }, 7]) {
    const other = await open(url, new sdk.MemoryStore(), examples, { config: { sealingKey: undefined }, ports: { keys: { ...kms, wrap: () => wrapped } } });
    await assert.rejects(connect(other), { code: 'key_failed' });
    await other.close();
  }
  assert.ok(memory.buffer.byteLength - before < 2 ** 20, 'what is too large is not taken into the module');
  assert.equal(sdk.environmentKey('k', 'NOT_SET_ANYWHERE').key, '');
});
