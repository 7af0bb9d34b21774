// One intake to a simulated Clio, with store, HTTP and documents in JavaScript.
import assert from 'node:assert/strict';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { FileStore, promised } from './file-store.mjs';
import { admin, clio, connect, engine, folder, holds, open, root, sdk } from './support.mjs';

const examples = join(root, 'examples/intake');

/**
 * What this process can reach, in bytes. How much it holds beside that depends on when the
 * collector ran and what the compiler of WebAssembly keeps, and so on the machine: `cargo xtask
 * bench node`.
 */
function live() {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Documents that look at the memory every 16 MiB. */
class WatchedDocuments {
  most = 0;
  looks = 0;
  #documents;
  #next = 0;

  constructor(documents) {
    this.#documents = documents;
  }

  async open(document, offset) {
    const reader = await this.#documents.open(document, offset);
    let position = offset;
    const read = async (buffer) => {
      const count = await reader.read(buffer);
      position += count;
      if (position >= this.#next) {
        this.#next = position + 16 * 1024 * 1024;
        this.looks += 1;
        this.most = Math.max(this.most, live());
      }
      return count;
    };
    return { read, close: () => reader.close() };
  }
}

test('an approved intake reaches Clio once, also across a restart', async (t) => {
  const url = await clio(t);
  const path = join(folder(t), 'store.jsonl');
  const first = await open(url, new FileStore(path), examples);
  assert.equal(await first.firm(admin).connection.get(), null);
  const connection = await connect(first);
  assert.equal(connection.state, 'connected');
  const plan = await first.firm(admin).matters.plan('mat_0001');
  assert.deepEqual([plan.contact, plan.calls], ['search_then_create', { least: 6, most: 7 }]);
  const report = await first.firm(admin).matters.sync('mat_0001');
  assert.equal(report.status, 'succeeded', JSON.stringify(report));
  assert.equal(report.calls, 7); // 3 + 2n
  await first.close();

  const again = await open(url, promised(new FileStore(path)), examples);
  const second = await again.firm(admin).matters.sync('mat_0001');
  assert.equal(second.status, 'succeeded');
  assert.equal(second.calls, 0);
  await again.close();
  const state = await holds(url);
  assert.deepEqual([state.contacts.length, state.matters.length, state.documents.length], [1, 1, 2]);
  for (const document of state.documents) assert.equal(document.fully_uploaded ?? true, true);
});

test('the bytes of a document never enter the module', async (t) => {
  const url = await clio(t);
  const intakes = folder(t);
  const size = 256 * 1024 * 1024;
  mkdirSync(join(intakes, 'mat_large'));
  writeFileSync(join(intakes, 'mat_large/film.mp4'), '');
  truncateSync(join(intakes, 'mat_large/film.mp4'), size);
  const document = { id: 'doc_1', file_name: 'film.mp4', content_type: 'video/mp4', path: 'film.mp4', status: 'approved', origin: 'client_upload' };
  writeFileSync(
    join(intakes, 'mat_large/intake.json'),
    JSON.stringify({
      matter: { id: 'mat_large', title: 'Large' },
      client: { id: 'cli_1', first_name: 'Ada', last_name: 'Byron', email: 'ada@example.com' },
      documents: [document],
    }),
  );
  const watched = new WatchedDocuments(new sdk.FolderIntake(intakes));
  const http = new sdk.NodeHttp(watched);
  const opened = await open(url, new FileStore(join(folder(t), 'store.jsonl')), intakes, { ports: { http } });
  await connect(opened);
  const module = (await engine()).memory;
  const before = { module: module.buffer.byteLength, live: live() };
  const report = await opened.firm(admin).matters.sync('mat_large');
  await opened.close();
  assert.equal(report.status, 'succeeded', JSON.stringify(report));
  const grown = { module: module.buffer.byteLength - before.module, live: watched.most - before.live };
  t.diagnostic(`256 MiB sent: module memory +${grown.module / 1024} KiB, reachable +${Math.round(grown.live / 1024)} KiB`);
  assert.ok(watched.looks >= 16, `${watched.looks} looks`);
  assert.ok(grown.module <= 1024 * 1024, `the module grew by ${grown.module} bytes`);
  assert.ok(grown.live <= 8 * 1024 * 1024, `what can be reached grew by ${grown.live} bytes`);
  const [stored] = (await holds(url)).documents;
  assert.equal(stored.size, size);
});

test('many calls at once, on one matter too, make nothing twice', async (t) => {
  const url = await clio(t);
  const opened = await open(url, promised(new FileStore(join(folder(t), 'store.jsonl'))), examples);
  await connect(opened);
  const matters = ['mat_0001', 'mat_0001', 'mat_0001', 'mat_0003', 'mat_0003'];
  const reports = await Promise.all(matters.map((matter) => opened.firm(admin).matters.sync(matter)));
  for (const report of reports) assert.equal(report.status, 'succeeded', JSON.stringify(report));
  await opened.close();
  const state = await holds(url);
  assert.equal(state.matters.length, 2);
  assert.equal(new Set(state.matters.map((matter) => matter.description)).size, 2);
});
