// The quickstarts of the README, as they are written, in clean projects.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';

import { clio, program, root } from '../support.mjs';
import { lend, project, tools } from './projects.mjs';

const readme = readFileSync(join(root, 'bindings/node/README.md'), 'utf8');
const block = (title) => readme.split(`\`\`\`js\n// ${title}\n`)[1].split('```')[0];

/**
 * A port that nobody has: below those that the system gives out by itself, as another test might
 * get one of them before the program asks for it.
 */
async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (free) {
      await new Promise((resolve) => server.close(resolve));
      return port;
    }
  }
}

/** Runs it as a person would who allows access; what it printed last. */
async function quickstart(t, text, more) {
  const folder = project(t, { 'quickstart.mjs': text.replaceAll('8093', `${await freePort()}`) });
  lend(folder, ...more.packages);
  cpSync(join(root, 'examples/intake'), join(folder, 'intake'), { recursive: true });
  const secrets = { CLIO_CLIENT_ID: 'casehug-dev', CLIO_CLIENT_SECRET: 'casehug-dev-secret', CASEHUG_CLIO_SEALING_KEY: '6f1c'.repeat(16) };
  const env = { PATH: process.env.PATH, CLIO_URL: await clio(t), ...secrets, ...more.env };
  const child = spawn(join(tools, 'node24/bin/node'), ['quickstart.mjs'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let last;
  for await (const line of createInterface({ input: child.stdout })) {
    last = line;
    if (line.startsWith('Allow access: ')) await fetch(line.slice('Allow access: '.length));
  }
  return last;
}

test('the quickstart with SQLite', async (t) => {
  assert.equal(await quickstart(t, block('quickstart.mjs'), { packages: [] }), 'succeeded, 7 calls to Clio');
});

test('the quickstart with PostgreSQL', async (t) => {
  const lines = block('postgres').trim().split('\n');
  const text = block('quickstart.mjs')
    .replace(/^import .*SqliteStore.*$/m, lines.slice(0, 2).join('\n'))
    .replace(/^const store = .*$/m, lines.slice(2).join('\n'))
    .replace('await store.close()', 'await pool.end()');
  const packages = ['pg', 'pg-pool', 'pg-protocol', 'pg-types', 'pg-connection-string', 'pgpass'];
  const env = { DATABASE_URL: await program(t, 'postgres-for-tests') };
  assert.equal(await quickstart(t, text, { packages, env }), 'succeeded, 7 calls to Clio');
});
