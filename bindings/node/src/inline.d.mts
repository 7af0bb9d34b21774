// The same package with its WebAssembly module inside: for bundlers and programs of one file.
export * from './index.mjs';
