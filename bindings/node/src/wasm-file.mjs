// The module as a file beside this one.
import { readFile } from 'node:fs/promises';

export const readWasm = () => readFile(new URL('./casehug_clio.wasm', import.meta.url));
