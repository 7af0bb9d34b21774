// Documents that come as streams: in every runtime, and what becomes of a sync that reads them.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import test, { describe } from 'node:test';

import { ALL, run, told } from './runtimes.mjs';
import { admin, clio, config, connect, holds, sdk } from './support.mjs';

describe('in every runtime', { concurrency: 2 }, () => {
  for (const runtime of Object.keys(ALL)) {
    test(`streams, ${runtime}`, async (t) => told(t, await run(runtime, 'streams.mjs'), 19));
  }
});

const TEXT = Buffer.from('What the client wrote.'.repeat(5_000));
const ENTRY = { file_name: 'letter.txt', content_type: 'text/plain', status: 'approved', origin: 'client_upload' };

/** A host's intake over streams: `serve(matter, opened)` gives one at the so-many-th opening. */
function streaming(serve) {
  const opened = new Map();
  return {
    opened,
    load(_firm, matter) {
      const client = { id: 'cli_1', first_name: 'Ada', last_name: 'Byron', email: 'ada@example.com' };
      return JSON.stringify({ matter: { id: matter, title: matter }, client, documents: [{ id: 'doc_1', ...ENTRY }] });
    },
    stat: () => ({ len: TEXT.length, revision: '1', status: ENTRY.status, origin: ENTRY.origin }),
    open({ matter }, offset) {
      opened.set(matter, (opened.get(matter) ?? 0) + 1);
      return serve(matter, opened.get(matter), offset);
    },
  };
}

async function* halfOf(bytes) {
  yield bytes.subarray(0, bytes.length / 2);
  throw new Error('Okafor was here');
}

test('a stream that breaks is opened afresh and sent whole, and one of another length is not published', async (t) => {
  const url = await clio(t);
  const wrong = {
    mat_short: [() => [TEXT.subarray(1)], 'document_changed'],
    mat_long: [() => [TEXT, TEXT], 'document_changed'],
    mat_breaks: [() => halfOf(TEXT), 'document_unreadable'],
    mat_gone: [() => Promise.reject(new Error('Okafor')), 'document_unreadable'],
  };
  const intake = streaming((matter, opened, offset) => {
    const rest = TEXT.subarray(offset);
    if (matter === 'mat_twice') return opened === 1 ? halfOf(rest) : Readable.from([rest]);
    return wrong[matter]?.[0]() ?? new Blob([rest]).stream();
  });
  const opened = await sdk.Sdk.open(config(url), { store: new sdk.MemoryStore(), intake });
  await connect(opened);
  const { matters } = opened.firm(admin);
  assert.equal((await matters.sync('mat_once')).status, 'succeeded');
  assert.equal((await matters.sync('mat_twice')).status, 'succeeded');
  assert.deepEqual([intake.opened.get('mat_once'), intake.opened.get('mat_twice')], [1, 2]);
  for (const [matter, [, code]] of Object.entries(wrong)) {
    const report = await matters.sync(matter);
    const { error } = report.steps.find(({ step }) => step === 'document');
    assert.equal(error.code, code, JSON.stringify(report));
    assert.ok(!JSON.stringify(report).includes('Okafor'));
  }
  await opened.close();
  const whole = (await holds(url)).documents.filter(({ complete }) => complete);
  assert.deepEqual(whole.map(({ size }) => size), [TEXT.length, TEXT.length]);
});
