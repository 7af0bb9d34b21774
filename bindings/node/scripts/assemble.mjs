// Puts the package together: `assemble.mjs RAW OUT`.
//
// RAW is the folder of what wasm-bindgen made, OUT becomes the package: `package.json`, `dist`,
// `sql`, `docs`. ES modules are shipped as they are written, CommonJS is made of them file by file,
// so that a stack trace of either leads to a line that somebody wrote.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

import { transformSync } from 'esbuild';

import { factory } from './glue.mjs';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');
const [raw, out] = process.argv.slice(2);
const dist = join(out, 'dist');

rmSync(out, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const wasm = join(dist, 'casehug_clio.wasm');
writeWasm(join(raw, 'casehug_clio_wasm_bg.wasm'));
write('glue.mjs', factory(readFileSync(join(raw, 'casehug_clio_wasm.js'), 'utf8')));
for (const name of readdirSync(join(here, 'src'))) cpSync(join(here, 'src', name), join(dist, name));
writeStatements();
const compressed = brotliCompressSync(readFileSync(wasm), { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } });
write('inline-bytes.cjs', `// The module, compressed.\nmodule.exports =\n  '${compressed.toString('base64')}';\n`);

const names = readdirSync(dist);
for (const name of names) {
  const twin = name.replace(/\.(d\.)?mts$|\.mjs$/, (ending) => ({ '.mjs': '.cjs', '.d.mts': '.d.cts' })[ending]);
  if (twin === name || names.includes(twin) || name === 'browser.mjs') continue;
  const text = readFileSync(join(dist, name), 'utf8');
  write(twin, name.endsWith('.mjs') ? common(text) : text.replace(/(from '\.[^']*)\.mjs'/g, "$1.cjs'"));
}
writeCard();
for (const name of ['README.md', 'package.json']) cpSync(join(here, name), join(out, name));
// What the README and the types refer to.
for (const page of ['clio-app', 'errors', 'intake-format', 'operations']) cpSync(join(here, '../../docs', `${page}.md`), join(out, 'docs', `${page}.md`));
const shipped = JSON.parse(readFileSync(join(out, 'package.json'), 'utf8'));
delete shipped.devDependencies;
delete shipped.scripts;
writeFileSync(join(out, 'package.json'), `${JSON.stringify(shipped, null, 2)}\n`);

function write(name, text) {
  writeFileSync(join(dist, name), text);
}

function common(text) {
  const { code } = transformSync(text, { format: 'cjs', platform: 'node', target: 'node20' });
  return code.replace(/(require\("\.[^"]*)\.mjs"\)/g, '$1.cjs")');
}

/** The integration card, for browsers: as committed, with declarations made of its sources. */
function writeCard() {
  const to = join(dist, 'card');
  cpSync(join(here, 'card/dist'), to, { recursive: true });
  const declare = ['--project', join(here, 'card'), '--declaration', '--emitDeclarationOnly', '--removeComments', 'false', '--outDir', to];
  execFileSync(join(here, 'node_modules/.bin/tsc'), declare, { stdio: 'inherit' });
  for (const name of readdirSync(to).filter((name) => name.endsWith('.d.ts'))) {
    const text = readFileSync(join(to, name), 'utf8');
    writeFileSync(join(to, name), text.replaceAll("'../../src/operations.mjs'", "'../operations.mjs'"));
  }
}

/** The statements that the Rust adapters run: as files, and as text that needs no files. */
function writeStatements() {
  let text = '// The statements of the stores, as in the folder `sql`.\n';
  for (const database of ['sqlite', 'postgres']) {
    const from = join(here, '../../core/adapters', `store-${database}`, 'sql');
    cpSync(from, join(out, 'sql', database), { recursive: true });
    const statements = readdirSync(from).map((name) => [name.replace('.sql', ''), readFileSync(join(from, name), 'utf8')]);
    text += `\nexport const ${database.toUpperCase()} = ${JSON.stringify(Object.fromEntries(statements), null, 2)};\n`;
  }
  write('sql.mjs', text);
}

function writeWasm(from) {
  const features = ['bulk-memory', 'nontrapping-float-to-int', 'sign-ext', 'mutable-globals', 'reference-types', 'multivalue'];
  const options = ['-Oz', '--strip-debug', '--strip-producers', ...features.map((name) => `--enable-${name}`)];
  execFileSync(join(here, 'node_modules/.bin/wasm-opt'), [...options, from, '-o', wasm], { stdio: 'inherit' });
}
