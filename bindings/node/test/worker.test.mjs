// What comes from outside: triggers and Clio's webhooks, which a worker carries out.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { FileStore } from './file-store.mjs';
import { admin, clio, connect, folder, holds, open, root, sdk, until } from './support.mjs';

const examples = join(root, 'examples/intake');
const store = (t) => new FileStore(join(folder(t), 'store.jsonl'));

test('a worker syncs what CaseHug triggers, until it is stopped', async (t) => {
  const url = await clio(t);
  const opened = await open(url, store(t), examples);
  await connect(opened);
  const { matters, settings } = opened.firm(admin);
  await settings.change({ revision: (await settings.get()).revision, sync_when_created: true });
  const worker = opened.startWorker({ pollSeconds: 0.1 });
  const event = { id: 'evt_1', type: 'matter.created', created_at: new Date().toISOString(), firm_id: admin.firm, data: { id: 'mat_0001' } };
  assert.deepEqual(await opened.host.handleCasehugEvent(event), { effect: 'triggered' });
  assert.deepEqual(await opened.host.handleCasehugEvent(event), { effect: 'repeated' });
  await until(() => matters.state('mat_0001'), ({ clio_matter: matter }) => matter !== null);
  await worker.stop();
  await worker.ended;
  await matters.trigger({ matter: 'mat_0003', trigger: 'manual' });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await holds(url)).matters.length, 1);
  assert.ok((await opened.runDue()) >= 1);
  assert.equal((await holds(url)).matters.length, 2);
  await opened.close();
});

test('closing ends the workers, and stopping what is in progress', async (t) => {
  const url = await clio(t);
  const opened = await open(url, store(t), examples);
  await connect(opened);
  const worker = opened.startWorker();
  await opened.close();
  await worker.ended;
  const other = await open(url, store(t), examples);
  const waiting = other.host.nextEvents({ limit: 1, waitMs: 60_000 });
  other.stop();
  await Promise.race([waiting.catch((error) => assert.equal(error.code, 'stopped')), new Promise((_, reject) => setTimeout(reject, 50_000, 'late').unref())]);
  await other.close();
});

test('a worker that looks every ten minutes works at once when its store tells of another process', async (t) => {
  const url = await clio(t);
  const shared = new sdk.MemoryStore();
  let tell;
  const hinting = { get: (key) => shared.get(key), scan: (scan) => shared.scan(scan), commit: (writes) => shared.commit(writes), dueElsewhere: () => new Promise((resolve) => (tell = resolve)) };
  const [working, other] = [await open(url, hinting, examples), await open(url, shared, examples)];
  await connect(other);
  const worker = working.startWorker({ pollSeconds: 600 });
  await until(() => tell, (told) => told !== undefined);
  await other.firm(admin).matters.trigger({ matter: 'mat_0001', trigger: 'manual' });
  tell();
  await until(() => other.firm(admin).matters.state('mat_0001'), ({ clio_matter: matter }) => matter !== null);
  await worker.stop();
  await Promise.all([working.close(), other.close()]);
});
