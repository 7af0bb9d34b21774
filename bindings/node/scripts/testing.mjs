// The package with functions of the module that only its tests need, the suites and panics:
// `testing.mjs RAW PACKAGE OUT`.
//
// OUT is a copy of the installed PACKAGE but for the module and what wasm-bindgen made for it,
// which are in RAW. What would load the module otherwise, CommonJS and the inline entry, is left
// out.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { factory } from './glue.mjs';

const [raw, from, out] = process.argv.slice(2);
const isLeftOut = (path) => path.endsWith('.cjs') || /inline\.[^/]*$/.test(path);
cpSync(from, out, { recursive: true, filter: (path) => !isLeftOut(path) });
cpSync(join(raw, 'casehug_clio_wasm_bg.wasm'), join(out, 'dist/casehug_clio.wasm'));
writeFileSync(join(out, 'dist/glue.mjs'), factory(readFileSync(join(raw, 'casehug_clio_wasm.js'), 'utf8')));
