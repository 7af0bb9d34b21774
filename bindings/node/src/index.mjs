// The CaseHug-Clio SDK for Node, with its WebAssembly module in a file beside it.
import { useWasm } from './engine.mjs';
import { readWasm } from './wasm-file.mjs';

useWasm(readWasm);

export * from './sdk.mjs';
