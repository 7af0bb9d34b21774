// What a file of SqliteStore promises, with the SQLite of each runtime: every commit that was
// answered is on the disk, and processes of all of them share one file.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { RUNTIMES, betterSqlite3 } from './runtimes.mjs';
import { folder } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const COMMITS = 40;
const forNode20 = process.env.CASEHUG_CLIO_BETTER_SQLITE3;
/** What each is started with, and the folder of better-sqlite3. */
const DRIVERS = {
  ...Object.fromEntries(Object.entries(RUNTIMES).map(([name, started]) => [name, [started]])),
  ...(forNode20 && { 'better-sqlite3 12': [[process.execPath], forNode20] }),
  'better-sqlite3 13': [RUNTIMES.node22, betterSqlite3],
};

async function printed(driver, script, args, env = {}) {
  const [[program, ...before], betterSqlite3] = DRIVERS[driver];
  const given = betterSqlite3 === undefined ? {} : { BETTER_SQLITE3: betterSqlite3 };
  const all = [...before, join(here, script), ...args];
  return (await promisify(execFile)(program, all, { env: { ...process.env, ...given, ...env } })).stdout;
}

const write = async (driver, path, count, name, env) => JSON.parse(await printed(driver, 'sqlite-writer.mjs', [path, String(count), name], env));

test('every commit is synced before it is answered, with each driver', async (t) => {
  const library = join(folder(t), 'syncs.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, join(here, 'syncs.c'), '-ldl']);
  for (const driver of Object.keys(DRIVERS)) {
    await t.test(driver, async (t) => {
      const made = folder(t);
      const [path, notes] = [join(made, 'store.db'), join(made, 'syncs')];
      // Twice: one driver went on with NORMAL at the second opening.
      for (const round of [1, 2]) {
        const before = statSync(notes, { throwIfNoEntry: false })?.size ?? 0;
        await write(driver, path, COMMITS, `round_${round}`, { LD_PRELOAD: library, SYNCS: notes });
        const syncs = statSync(notes).size - before;
        assert.ok(syncs >= COMMITS, `${syncs} syncs for ${COMMITS} commits, opening ${round}`);
      }
    });
  }
});

test('processes of all drivers count up one record, and no count is lost', async (t) => {
  const path = join(folder(t), 'store.db');
  const drivers = Object.keys(DRIVERS);
  const told = await Promise.all(drivers.map((driver) => write(driver, path, COMMITS, driver)));
  t.diagnostic(`${drivers}: others were first ${told.map(({ conflicts }) => conflicts)} times`);
  const [program] = RUNTIMES.node24;
  const { stdout } = await promisify(execFile)(program, [join(here, 'sqlite-reader.mjs'), path, 'shared', ...drivers]);
  assert.deepEqual(JSON.parse(stdout), [drivers.length * COMMITS, ...drivers.map(() => COMMITS)].map(String));
});

test('a backup beside the log of what it replaces is refused and left alone, with each driver', async (t) => {
  for (const driver of Object.keys(DRIVERS)) {
    await t.test(driver, async (t) => {
      const path = join(folder(t), 'store.db');
      await write(driver, path, 1, 'before');
      // As `VACUUM INTO` writes it: without WAL.
      const backup = readFileSync(path).fill(1, 18, 20);
      writeFileSync(path, backup);
      writeFileSync(`${path}-wal`, Buffer.alloc(4096, 1));
      await assert.rejects(write(driver, path, 1, 'after'), /could not be opened/);
      assert.deepEqual(readFileSync(path), backup);
      assert.equal(statSync(`${path}-wal`).size, 4096);
    });
  }
});

test('another thread that opens the file leaves the locks of the first, with each driver', async (t) => {
  for (const driver of Object.keys(DRIVERS)) {
    await t.test(driver, async (t) => {
      const said = await printed(driver, 'sqlite-threads.mjs', [join(folder(t), 'store.db')]);
      // On Deno also what the thread prints.
      assert.equal(said.trim().split('\n').at(-1), 'done');
    });
  }
});
