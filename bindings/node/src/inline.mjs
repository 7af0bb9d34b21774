// The same package with its WebAssembly module inside: for bundlers and programs of one file.
import { brotliDecompressSync } from 'node:zlib';

import { useWasm } from './engine.mjs';
import compressed from './inline-bytes.cjs';

useWasm(() => brotliDecompressSync(Buffer.from(compressed, 'base64')));

export * from './index.mjs';
