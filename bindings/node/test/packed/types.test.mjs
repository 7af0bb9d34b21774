// The declarations in every way in which TypeScript finds them, checked in full.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { lend, project, run, tools } from './projects.mjs';

const program = readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'program.ts'), 'utf8');
const options = { strict: true, skipLibCheck: false, noEmit: true, target: 'es2022', lib: ['es2022'], types: ['node'], exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };

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
