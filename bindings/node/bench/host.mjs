// An SDK on SQLite in a folder that goes with the process.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { admin, config, connect, sdk } from '../test/support.mjs';
import { intakeOf } from './intake.mjs';

export async function host(url, lenOf) {
  const folder = mkdtempSync(join(tmpdir(), 'casehug-clio-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  const store = await sdk.SqliteStore.open(join(folder, 'sync.db'));
  const intake = intakeOf(lenOf);
  const opened = await sdk.Sdk.open(config(url), { store, intake });
  await connect(opened);
  const { matters } = opened.firm(admin);
  const sync = async (matter) => {
    const report = await matters.sync(matter);
    if (report.status !== 'succeeded') throw new Error(JSON.stringify(report));
  };
  return { sync, close: async () => (await opened.close(), store.close()) };
}

/** Does `work` for 0, 1, … below `count`, so many at once. */
export async function each(count, atOnce, work) {
  let next = 0;
  const one = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}
