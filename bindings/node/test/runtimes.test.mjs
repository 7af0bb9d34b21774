// The suites and the golden scenarios in every runtime that the package is for.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import test, { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { folder, program, programs, root } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const tools = join(root, 'bindings/node/node_modules');
const RUNTIMES = {
  node22: [join(tools, 'node22/bin/node')],
  node24: [join(tools, 'node24/bin/node')],
  deno: [join(tools, '.bin/deno'), 'run', '--allow-all'],
  bun: [join(tools, '.bin/bun')],
};

async function run(runtime, script, ...args) {
  const [first, ...more] = RUNTIMES[runtime];
  return (await promisify(execFile)(first, [...more, join(here, script), ...args])).stdout;
}

async function told(t, printed, least) {
  const outcomes = JSON.parse(printed.trim().split('\n').at(-1));
  assert.ok(outcomes.length >= least, `${outcomes.length} cases`);
  for (const [name, wrong] of outcomes) await t.test(name, () => assert.equal(wrong, null));
}

// Two at a time: most of what they do is waiting.
describe('in every runtime', { concurrency: 2 }, () => {
  for (const runtime of Object.keys(RUNTIMES)) {
    test(`the HTTP suite, ${runtime}`, async (t) => {
      await told(t, await run(runtime, 'http-suite.mjs', await program(t, 'http-conformance-server')), 32);
    });

    test(`connections are shared by what may be repeated, and closed soon, ${runtime}`, async () => {
      // Five requests on one, one on its own, then the first one again; and none is left.
      const keeps = { kept: 1, own: 1, again: 0, left: 0 };
      const makes = { kept: 5, own: 1, again: 1, left: 0 };
      assert.deepEqual(JSON.parse(await run(runtime, 'kept.mjs')), runtime === 'deno' ? makes : keeps);
    });

    test(`the suite on SqliteStore, ${runtime}`, async (t) => {
      await told(t, await run(runtime, 'store-suite.mjs', 'sqlite', join(folder(t), 'store.db')), 29);
    });
  }
});

test('the golden scenarios, node24', async () => {
  const [node] = RUNTIMES.node24;
  const { stdout } = await promisify(execFile)(join(programs, 'golden'), [node, join(here, 'golden-agent.mjs')]);
  assert.match(stdout.trim().split('\n').at(-1), /passed, 0 failed$/);
});
