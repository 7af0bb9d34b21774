// The tarball as its users load it: ES modules, CommonJS, both at once, bundled, and in a page.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test from 'node:test';

import { project, root, run, tarball, tools } from './projects.mjs';

/** A program that opens the SDK over nothing and prints what it finds. */
const PROGRAM = `
const opened = await Sdk.open(
  { clientId: 'id', clientSecret: 'secret', clioUrl: 'us', sealingKey: { id: 'k', key: '6f'.repeat(32) } },
  { store: { get: () => null, scan: () => [], commit: () => ({ status: 'conflict' }) }, intake: { load() {}, stat() {} }, http: { send() {} } },
);
const found = await opened.firm({ user: 'u', firm: 'f', role: 'admin' }).connection.get();
const refused = await opened.firm({ user: 'u', firm: 'f', role: 'admin' }).matters.sync('../x').catch((error) => error);
await opened.close();
console.log(found, refused instanceof CasehugClioError, refused.code);
`;
const PRINTED = 'null true request_invalid\n';
const esm = (from) => `import { CasehugClioError, Sdk } from '${from}';\n${PROGRAM}`;
const cjs = (from) => `const { CasehugClioError, Sdk } = require('${from}');\n(async () => {${PROGRAM}})();\n`;

for (const entry of ['@casehug/clio-sync', '@casehug/clio-sync/inline']) {
  test(`${entry} as an ES module, as CommonJS, and both at once`, (t) => {
    const both = `import { createRequire } from 'node:module';
      import { CasehugClioError, HostError } from '${entry}';
      const common = createRequire(import.meta.url)('${entry}');
      const error = await common.Sdk.open({}, {}).catch((thrown) => thrown);
      console.log(error instanceof CasehugClioError, error instanceof common.InputError, error instanceof HostError);`;
    const folder = project(t, { 'a.mjs': esm(entry), 'b.cjs': cjs(entry), 'both.mjs': both });
    assert.equal(run('node', ['a.mjs'], { cwd: folder }), PRINTED);
    assert.equal(run('node', ['b.cjs'], { cwd: folder }), PRINTED);
    assert.equal(run('node', ['both.mjs'], { cwd: folder }), 'true true false\n');
  });
}

test('nothing but the package is installed, and nothing runs at its installation', (t) => {
  const folder = project(t, {});
  assert.deepEqual(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.')), ['@casehug']);
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/@casehug/clio-sync/package.json'), 'utf8'));
  assert.deepEqual([manifest.dependencies, manifest.scripts, manifest.devDependencies], [undefined, undefined, undefined]);
});

test('it carries our licences, and those of what is in the module', (t) => {
  const of = (name) => readFileSync(join(folder, 'node_modules/@casehug/clio-sync', name), 'utf8');
  const folder = project(t, {});
  assert.match(of('LICENSE-MIT'), /Permission is hereby granted/);
  assert.match(of('LICENSE-APACHE'), /Apache License/);
  const theirs = of('LICENCES.txt');
  for (const [crate, licence] of [['wasm-bindgen', 'MIT OR Apache-2.0'], ['chacha20poly1305', 'Apache-2.0 OR MIT'], ['subtle', 'BSD-3-Clause']]) {
    assert.match(theirs, new RegExp(`^${crate} [0-9.]+: ${licence}$`, 'm'));
  }
  // Nothing of the libraries for other languages.
  assert.doesNotMatch(theirs, /^(tokio|libsqlite3-sys) |SQLite,/m);
});

test('a module given as bytes or compiled, and one that is missing or wrong', (t) => {
  const given = `import { readFileSync } from 'node:fs';
    import { createRequire } from 'node:module';
    import { Sdk } from '@casehug/clio-sync';
    const bytes = readFileSync(createRequire(import.meta.url).resolve('@casehug/clio-sync/casehug_clio.wasm'));
    const tried = async (wasm) => (await Sdk.open({ wasm }, {}).catch((error) => error));
    for (const wasm of [bytes, await WebAssembly.compile(bytes), new Uint8Array(7), 'text', 7]) {
      const { name, code, context } = await tried(wasm);
      console.log(name, code, context.reason);
    }`;
  const folder = project(t, { 'given.mjs': given, 'missing.mjs': "import { Sdk } from '@casehug/clio-sync';\nconsole.log((await Sdk.open({}, {}).catch((error) => error)).context.reason);" });
  const known = 'InputError setting_invalid missing_field\n'.repeat(2);
  assert.equal(run('node', ['given.mjs'], { cwd: folder }), known + 'HostError load_failed wasm_invalid\n'.repeat(3));
  rmSync(join(folder, 'node_modules/@casehug/clio-sync/dist/casehug_clio.wasm'));
  assert.equal(run('node', ['missing.mjs'], { cwd: folder }), 'wasm_missing\n');
});

test('a page is refused, at run time and when it is bundled for one', (t) => {
  const page = `globalThis.document = {};\nconst { Sdk } = await import('@casehug/clio-sync');
    console.log((await Sdk.open({}, {}).catch((error) => error)).context.reason);`;
  const folder = project(t, { 'page.mjs': page, 'bundled.mjs': "import '@casehug/clio-sync';" });
  assert.equal(run('node', ['page.mjs'], { cwd: folder }), 'browser\n');
  const built = run(join(tools, '.bin/esbuild'), ['bundled.mjs', '--bundle', '--platform=browser'], { cwd: folder });
  assert.match(built, /runs on a server/);
  assert.ok(!built.includes('node:'));
});

test('the card is loaded where there is no page, and bundled for one without the engine', (t) => {
  const entry = '@casehug/clio-sync/card';
  const folder = project(t, {
    'server.mjs': `import * as card from '${entry}';\nconsole.log(Object.keys(card).join());`,
    'page.mjs': `import '${entry}';`,
    'vite.config.mjs': "export default { build: { rollupOptions: { input: 'page.mjs' } }, logLevel: 'error' };",
  });
  assert.equal(run('node', ['server.mjs'], { cwd: folder }), 'IntegrationCard,SyncButton\n');
  const built = run(join(tools, '.bin/esbuild'), ['page.mjs', '--bundle', '--minify', '--format=esm', '--platform=browser'], { cwd: folder });
  assert.match(built, /casehug-clio-card/);
  assert.ok(!/node:|\.wasm|sealingKey/.test(built));
  run(join(tools, '.bin/vite'), ['build'], { cwd: folder });
  assert.ok(readdirSync(join(folder, 'dist/assets')).some((name) => name.endsWith('.js')));
});

for (const format of ['esm', 'cjs']) {
  test(`bundled by esbuild as ${format}`, (t) => {
    const folder = project(t, { 'in.mjs': format === 'esm' ? esm('@casehug/clio-sync/inline') : cjs('@casehug/clio-sync/inline') });
    const out = join(folder, format === 'esm' ? 'out.mjs' : 'out.cjs');
    run(join(tools, '.bin/esbuild'), ['in.mjs', '--bundle', '--platform=node', `--format=${format}`, `--outfile=${out}`], { cwd: folder });
    rmSync(join(folder, 'node_modules'), { recursive: true });
    assert.equal(run('node', [out], { cwd: folder }), PRINTED);
  });
}

test('bundled without its module: the error says what is missing, and the module can be given', (t) => {
  const given = `import { readFileSync } from 'node:fs';\n${esm('@casehug/clio-sync').replace('{ clientId', "{ wasm: readFileSync(new URL('casehug_clio.wasm', import.meta.url)), clientId")}`;
  const folder = project(t, { 'in.mjs': given, 'bare.mjs': "import { Sdk } from '@casehug/clio-sync';\nconsole.log((await Sdk.open({}, {}).catch((error) => error)).context.reason);" });
  for (const name of ['in', 'bare']) {
    run(join(tools, '.bin/esbuild'), [`${name}.mjs`, '--bundle', '--platform=node', '--format=esm', `--outfile=out/${name}.mjs`], { cwd: folder });
  }
  cpSync(join(folder, 'node_modules/@casehug/clio-sync/dist/casehug_clio.wasm'), join(folder, 'out/casehug_clio.wasm'));
  assert.equal(run('node', ['out/in.mjs'], { cwd: folder }), PRINTED);
  rmSync(join(folder, 'out/casehug_clio.wasm'));
  assert.equal(run('node', ['out/bare.mjs'], { cwd: folder }), 'wasm_missing\n');
});

test('bundled by vite for a server', (t) => {
  const config = "export default { build: { ssr: 'in.mjs', rollupOptions: { output: { entryFileNames: 'out.mjs' } } }, ssr: { noExternal: true }, logLevel: 'error' };";
  const folder = project(t, { 'in.mjs': esm('@casehug/clio-sync/inline'), 'vite.config.mjs': config }, { type: 'module' });
  run(join(tools, '.bin/vite'), ['build'], { cwd: folder });
  rmSync(join(folder, 'node_modules'), { recursive: true });
  assert.equal(run('node', ['dist/out.mjs'], { cwd: folder }), PRINTED);
});

for (const [name, source] of [['in.mjs', esm], ['in.cjs', cjs]]) {
  test(`built and compiled by bun, ${name}: it runs elsewhere, and nothing tells where it was built`, (t) => {
    const folder = project(t, { [name]: source('@casehug/clio-sync/inline') });
    const bun = join(tools, '.bin/bun');
    for (const target of ['node', 'bun']) run(bun, ['build', name, `--target=${target}`, `--outfile=${target}/out.mjs`], { cwd: folder });
    run(bun, ['build', '--compile', name, '--outfile', 'program'], { cwd: folder });
    const elsewhere = mkdtempSync(join(tmpdir(), 'casehug-clio-elsewhere-'));
    t.after(() => rmSync(elsewhere, { recursive: true }));
    const started = { 'node/out.mjs': ['node'], 'bun/out.mjs': [bun], program: [] };
    for (const [built, before] of Object.entries(started)) {
      const at = join(elsewhere, built);
      cpSync(join(folder, built), at);
      assert.ok(!readFileSync(at).includes(basename(folder)), `${built} holds the folder in which it was built`);
      const [program, ...args] = [...before, at];
      assert.equal(run(program, args, { cwd: elsewhere }), PRINTED);
    }
  });
}

test('publint and attw find nothing', (t) => {
  const folder = project(t, {});
  const strict = ['run', '--strict', join(folder, 'node_modules/@casehug/clio-sync')];
  run(join(tools, '.bin/publint'), strict, { cwd: root });
  run(join(tools, '.bin/attw'), [tarball, '--exclude-entrypoints', './casehug_clio.wasm', './card'], { cwd: folder });
  // For pages and their bundlers: ES modules only.
  run(join(tools, '.bin/attw'), [tarball, '--entrypoints', './card', '--profile', 'esm-only'], { cwd: folder });
});
