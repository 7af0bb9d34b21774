// The declarations in every way in which TypeScript finds them, checked in full.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { lend, project, run, tools } from './projects.mjs';

const program = readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'program.ts'), 'utf8');
const options = { strict: true, skipLibCheck: false, noEmit: true, target: 'es2022', lib: ['es2022'], types: ['node'], exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };

/** A page that uses the card. */
const page = `import { IntegrationCard } from '@casehug/clio-sync/card';
const card: IntegrationCard = document.createElement('casehug-clio-card');
document.body.append(card, document.createElement('casehug-clio-sync'));
`;

test('the types of the card resolve and hold in a page', (t) => {
  const inPage = { ...options, lib: ['es2022', 'dom', 'dom.iterable'], types: [], module: 'esnext', moduleResolution: 'bundler' };
  const config = JSON.stringify({ compilerOptions: inPage, files: ['page.ts'] });
  const folder = project(t, { 'page.ts': page, 'tsconfig.json': config });
  assert.equal(run(join(tools, '.bin/tsc'), ['--project', '.'], { cwd: folder }), '');
});

for (const [name, module, moduleResolution, files] of [
  ['node10', 'commonjs', 'node10', ['program.ts']],
  ['node16, CommonJS and ES modules', 'node16', 'node16', ['program.cts', 'program.mts']],
  ['nodenext, CommonJS and ES modules', 'nodenext', 'nodenext', ['program.cts', 'program.mts']],
  ['bundler', 'esnext', 'bundler', ['program.ts']],
]) {
  test(`the types resolve and hold: ${name}`, (t) => {
    const sources = Object.fromEntries(files.map((file) => [file, program]));
    const config = JSON.stringify({ compilerOptions: { ...options, module, moduleResolution }, files });
    const folder = project(t, { ...sources, 'tsconfig.json': config });
    lend(folder, '@types/node', '@types/pg', 'undici-types', 'pg-types', 'pg-protocol');
    assert.equal(run(join(tools, '.bin/tsc'), ['--project', '.'], { cwd: folder }), '');
  });
}
