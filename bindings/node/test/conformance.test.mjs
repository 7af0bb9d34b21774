// The suites that every port of every language passes, on the store and the transport in
// JavaScript.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { documents } from './documents.mjs';
import { FileStore, promised } from './file-store.mjs';
import { folder, program, sdk, testing } from './support.mjs';

/** One subtest per case that is told. */
async function told(t, outcomes, least) {
  assert.ok(outcomes.length >= least, `${outcomes.length} cases`);
  for (const [name, wrong] of outcomes) await t.test(name, () => assert.equal(wrong, null));
}

for (const [kind, made] of [['plain values', (store) => store], ['promises', promised]]) {
  test(`the store conformance suite, on a store of ${kind}`, async (t) => {
    const store = made(new FileStore(join(folder(t), 'store.jsonl')));
    const { run } = await bound();
    await told(t, await run((bindings) => bindings.storeConformance(store)), 29);
  });
}

test('the HTTP conformance suite, on node:http', async (t) => {
  const server = await program(t, 'http-conformance-server');
  const { run } = await bound();
  await told(t, await run((bindings) => bindings.httpConformance(new sdk.NodeHttp(documents), server)), 32);
});

async function bound() {
  const { engine } = await testing();
  const loaded = await engine();
  return { run: (work) => loaded.run(work) };
}
