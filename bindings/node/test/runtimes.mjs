// The runtimes that the package is for, and programs of this folder in them.
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { root } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const tools = join(root, 'bindings/node/node_modules');

/** What each is started with; all can be asked to collect. */
export const RUNTIMES = {
  node22: [join(tools, 'node22/bin/node'), '--expose-gc'],
  node24: [join(tools, 'node24/bin/node'), '--expose-gc'],
  node26: [join(tools, 'node26/bin/node'), '--expose-gc'],
  deno: [join(tools, '.bin/deno'), 'run', '--allow-all', '--v8-flags=--expose-gc'],
  bun: [join(tools, '.bin/bun')],
};

/** The runtime of the tests themselves, and the others. */
export const ALL = { [`node${process.versions.node.split('.')[0]}`]: [process.execPath, '--expose-gc'], ...RUNTIMES };

/** What is not the runtime's own SQLite: for Node 22 and newer; Node 20 has version 12. */
export const betterSqlite3 = join(tools, 'better-sqlite3');

/** Runs a program of this folder; what it prints. */
export async function run(runtime, script, args = [], env = {}) {
  const [program, ...before] = ALL[runtime];
  const { stdout } = await promisify(execFile)(program, [...before, join(here, script), ...args], { env: { ...process.env, ...env } });
  return stdout;
}

/** One subtest for each case that a program told as JSON in its last line. */
export async function told(t, printed, least) {
  const outcomes = JSON.parse(printed.trim().split('\n').at(-1));
  if (outcomes.length < least) throw new Error(`${outcomes.length} cases`);
  for (const [name, wrong] of outcomes) await t.test(name, () => { if (wrong !== null) throw new Error(wrong); });
}
