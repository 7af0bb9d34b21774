// The monotonic clock of the SDK, in milliseconds.
//
// It bounds how long a request may still be sent, so it must go on while the machine is suspended. `performance.now()` stands still then;
// `os.uptime()` goes on, but is coarse. Where the two part by more than a second, the machine was suspended.
import { uptime } from 'node:os';

const COARSE_MS = 1000;
const origin = { fine: performance.now(), coarse: uptime() };
let last = 0;

export function monotonic() {
  const fine = performance.now() - origin.fine;
  const coarse = (uptime() - origin.coarse) * 1000 - COARSE_MS;
  last = Math.max(last, fine, coarse);
  return last;
}
