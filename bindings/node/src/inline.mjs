// The same package with its WebAssembly module inside: for bundlers and programs of one file. The
// other entry's file is no part of it: some bundlers write the build machine's folder in its place.
import { brotliDecompressSync } from 'node:zlib';

import { useWasm } from './engine.mjs';
import compressed from './inline-bytes.cjs';

useWasm(() => brotliDecompressSync(Buffer.from(compressed, 'base64')));

export * from './sdk.mjs';
