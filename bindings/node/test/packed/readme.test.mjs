// The quickstarts of the README, as they are written, in clean projects.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';

import { clio, program, root } from '../support.mjs';
import { installedByBun, lend, project, tools } from './projects.mjs';

const readme = readFileSync(join(root, 'bindings/node/README.md'), 'utf8');
const intake = readme.split('```json\n')[1].split('```')[0];
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

const PRINTED = 'succeeded, 5 calls to Clio';
const RUNTIMES = {
  'Node 24': [join(tools, 'node24/bin/node')],
  Bun: [join(tools, '.bin/bun')],
  Deno: [join(tools, '.bin/deno'), 'run', '--allow-all', '--no-prompt'],
};

/** Runs it as a person would who allows access; what it printed last. */
async function quickstart(t, text, more, [program, ...before] = RUNTIMES['Node 24']) {
  const folder = (more.project ?? project)(t, { 'quickstart.mjs': text.replaceAll('8093', `${await freePort()}`) });
  lend(folder, ...more.packages);
  mkdirSync(join(folder, 'intake/mat_0001'), { recursive: true });
  writeFileSync(join(folder, 'intake/mat_0001/intake.json'), intake);
  writeFileSync(join(folder, 'intake/mat_0001/letter.txt'), 'Dear Sir');
  const secrets = { CLIO_CLIENT_ID: 'casehug-dev', CLIO_CLIENT_SECRET: 'casehug-dev-secret', CASEHUG_CLIO_SEALING_KEY: '6f1c'.repeat(16) };
  const env = { PATH: process.env.PATH, CLIO_URL: await clio(t), ...secrets, ...more.env };
  const child = spawn(program, [...before, 'quickstart.mjs'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let last;
  for await (const line of createInterface({ input: child.stdout })) {
    last = line;
    if (line.startsWith('Allow access: ')) await fetch(line.slice('Allow access: '.length));
  }
  return last;
}

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  test(`the quickstart with SQLite, ${name}`, async (t) => {
    const more = { packages: [], ...(name === 'Bun' && { project: installedByBun }) };
    assert.equal(await quickstart(t, block('quickstart.mjs'), more, runtime), PRINTED);
  });
}

test('the quickstart with PostgreSQL', async (t) => {
  const lines = block('postgres').trim().split('\n');
  const [, more, last] = readme.match(/^and `(.+)` after `(.+)`\.$/m);
  const text = block('quickstart.mjs')
    .replace(/^import .*SqliteStore.*$/m, lines.slice(0, 2).join('\n'))
    .replace(/^const store = .*$/m, lines.slice(2).join('\n'))
    .replace(last, `${last};\n${more}`);
  const packages = ['pg', 'pg-pool', 'pg-protocol', 'pg-types', 'pg-connection-string', 'pgpass'];
  const env = { DATABASE_URL: await program(t, 'postgres-for-tests') };
  assert.equal(await quickstart(t, text, { packages, env }), PRINTED);
});
