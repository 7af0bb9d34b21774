// What the package weighs: `sizes.mjs PACKAGE TARBALL`.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [folder, tarball] = process.argv.slice(2);
const dist = join(folder, 'dist');
const kB = (bytes) => `${Math.round(bytes / 1000)}`.padStart(8);

function row(name, bytes) {
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } });
  console.log(`${name.padEnd(32)}${kB(bytes.length)}${kB(gzipSync(bytes, { level: 9 }).length)}${kB(brotli.length)}`);
}

const together = (ending, from = dist) =>
  Buffer.concat(readdirSync(from).filter((name) => name.endsWith(ending)).map((name) => readFileSync(join(from, name))));

console.log(`${'kB'.padEnd(32)}${['raw', 'gzip', 'brotli'].map((name) => name.padStart(8)).join('')}`);
row('casehug_clio.wasm', readFileSync(join(dist, 'casehug_clio.wasm')));
row('JavaScript, ES modules', together('.mjs'));
row('types of ES modules', together('.d.mts'));
row('the integration card', together('.js', join(dist, 'card')));
console.log(`${'the tarball'.padEnd(32)}${' '.repeat(8)}${kB(statSync(tarball).size)}`);
