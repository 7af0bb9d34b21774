// What this process holds, in bytes.
import { readFileSync } from 'node:fs';

import { engine } from '../test/support.mjs';

/** After a collection: what is reachable, the WebAssembly module's memory, the process's pages. */
export async function look() {
  await collect();
  const { heapUsed, external } = process.memoryUsage();
  const module = (await engine()).memory.buffer.byteLength;
  return { reachable: heapUsed + external, module, process: pages('VmRSS') };
}

/** The most pages that the process ever had. */
export const peak = () => pages('VmHWM');

function pages(name) {
  const [, kib] = new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'latin1'));
  return Number(kib) * 1024;
}

async function collect() {
  // What a turn of the loop lets go of goes too.
  await new Promise((resolve) => setImmediate(resolve));
  if (globalThis.Bun === undefined) globalThis.gc();
  else globalThis.Bun.gc(true);
}
