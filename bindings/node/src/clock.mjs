// The monotonic clock of the SDK, in milliseconds.
//
// It bounds how long a request may still be sent, so it must go on while the machine is suspended.
// `performance.now()` stands still then; `os.uptime()` goes on, but is coarse. Where the two part
// by more than a second, the machine was suspended. The uptime is read from a file: it is asked for
// once a second, and when the wall clock went otherwise than the fine one, as in a suspension.
import { uptime } from 'node:os';

const COARSE_MS = 1000;
const ASK_AFTER_MS = 1000;
const MOVED_MS = 200;
const origin = { fine: performance.now(), coarse: uptime() };
/** When the uptime was asked for last, and how far the wall clock was ahead then. */
let asked = { at: -Infinity, ahead: 0 };
/** For how long the machine was suspended. */
let suspended = 0;

export function monotonic() {
  const fine = performance.now() - origin.fine;
  const ahead = Date.now() - fine;
  if (fine - asked.at >= ASK_AFTER_MS || Math.abs(ahead - asked.ahead) >= MOVED_MS) {
    suspended = Math.max(suspended, (uptime() - origin.coarse) * 1000 - fine - COARSE_MS);
    asked = { at: fine, ahead };
  }
  return fine + suspended;
}
