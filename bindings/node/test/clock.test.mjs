// The clock that bounds how long a request may be sent, on a machine that is suspended meanwhile.
import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

const built = process.env.CASEHUG_CLIO_NODE;

/** A clock of its own, over times that the test sets: those of the machine, in milliseconds. */
async function clock(t, name) {
  const time = { fine: 5000, wall: 1_800_000_000_000, up: 70_000, asked: 0 };
  const real = { uptime: os.uptime, now: performance.now, wall: Date.now };
  os.uptime = () => ((time.asked += 1), Math.floor(time.up / 10) / 100);
  syncBuiltinESMExports();
  performance.now = () => time.fine;
  Date.now = () => time.wall;
  t.after(() => {
    os.uptime = real.uptime;
    syncBuiltinESMExports();
    performance.now = real.now;
    Date.now = real.wall;
  });
  const { monotonic } = await import(`${join(built, 'dist/clock.mjs')}?${name}`);
  const run = (ms) => ((time.fine += ms), (time.wall += ms), (time.up += ms));
  const suspend = (ms) => ((time.wall += ms), (time.up += ms));
  return { time, monotonic, run, suspend };
}

test('it counts milliseconds, and reads the uptime once a second at most', async (t) => {
  const { time, monotonic, run } = await clock(t, 'counts');
  const began = monotonic();
  for (let turn = 0; turn < 1000; turn += 1) {
    run(10);
    monotonic();
  }
  assert.equal(monotonic() - began, 10_000);
  assert.ok(time.asked <= 13, `asked ${time.asked} times`);
});

test('a suspension counts at once, and the clock goes on after it', async (t) => {
  const { monotonic, run, suspend } = await clock(t, 'suspended');
  run(10);
  const before = monotonic();
  suspend(60_000);
  const woken = monotonic();
  assert.ok(woken - before >= 58_900 && woken - before <= 60_000, `${woken - before} ms`);
  run(50);
  assert.equal(monotonic(), woken + 50);
});

test('a wall clock that is set does not move it, and hides a suspension for a second at most', async (t) => {
  const { time, monotonic, run, suspend } = await clock(t, 'set');
  const before = monotonic();
  for (const jump of [-3_600_000, 7_200_000]) time.wall += jump;
  assert.equal(monotonic(), before);
  suspend(30_000);
  time.wall -= 30_000;
  run(1000);
  assert.ok(monotonic() - before >= 29_900, `${monotonic() - before} ms`);
});
