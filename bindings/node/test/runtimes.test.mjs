// The suites and the golden scenarios in every runtime that the package is for.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import test, { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { ALL, RUNTIMES, betterSqlite3, run, told } from './runtimes.mjs';
import { folder, program, programs } from './support.mjs';

const agent = join(dirname(fileURLToPath(import.meta.url)), 'golden-agent.mjs');

// Two at a time: most of what they do is waiting.
describe('in every runtime', { concurrency: 2 }, () => {
  for (const runtime of Object.keys(RUNTIMES)) {
    test(`the HTTP suite, ${runtime}`, async (t) => {
      await told(t, await run(runtime, 'http-suite.mjs', [await program(t, 'http-conformance-server')]), 32);
    });

    test(`connections are shared by what may be repeated, and closed soon, ${runtime}`, async () => {
      // Five requests on one, one on its own, then the first one again; and none is left.
      const keeps = { kept: 1, own: 1, again: 0, left: 0 };
      const makes = { kept: 5, own: 1, again: 1, left: 0 };
      assert.deepEqual(JSON.parse(await run(runtime, 'kept.mjs')), runtime === 'deno' ? makes : keeps);
    });

    test(`the suite on SqliteStore, ${runtime}`, async (t) => {
      await told(t, await run(runtime, 'store-suite.mjs', ['sqlite', join(folder(t), 'store.db')]), 29);
    });

    if (runtime.startsWith('node')) {
      test(`the suite on SqliteStore with better-sqlite3 13, ${runtime}`, async (t) => {
        const args = ['sqlite', join(folder(t), 'store.db')];
        await told(t, await run(runtime, 'store-suite.mjs', args, { BETTER_SQLITE3: betterSqlite3 }), 29);
      });
    }
  }
});

// Most of what they do is waiting, too.
describe('in every runtime', { concurrency: 2 }, () => {
  for (const [runtime, started] of Object.entries(ALL)) {
    test(`an address is waited for that is slow and the only one that works, ${runtime}`, async () => {
      const { ended, ms, asked } = JSON.parse(await run(runtime, 'addresses.mjs', [process.execPath]));
      assert.deepEqual({ ended, asked }, { ended: 200, asked: [5_000] });
      assert.ok(ms >= 900, `the slow one took ${ms} ms`);
    });

    test(`a server that closes kept connections at random moments gets nothing twice, and nothing that creates is in doubt, ${runtime}`, async (t) => {
      const { lost, unsent } = JSON.parse(await run(runtime, 'closing.mjs', [process.execPath]));
      t.diagnostic(`of 700 requests on kept connections ${lost} were lost, ${unsent} not sent`);
      // On Deno none is kept.
      assert.equal(lost > 0, runtime !== 'deno', 'whether the server closed at a bad moment');
    });

    test(`timers fire during a call over a store that answers at once, ${runtime}`, async () => {
      const { entries, reads, turns } = JSON.parse(await run(runtime, 'turns.mjs', ['15', '3000']));
      assert.equal(entries, 3000);
      assert.ok(reads >= 7 && turns >= reads - 2, `${turns} turns for ${reads} reads`);
    });

    test(`the golden scenarios, ${runtime}`, async () => {
      const { stdout } = await promisify(execFile)(join(programs, 'golden'), [...started, agent]);
      assert.match(stdout.trim().split('\n').at(-1), /passed, 0 failed$/);
    });
  }
});
