// When the SDK's own work goes on.
//
// In microtasks, which wait for nothing. But while they follow each other, as they do over a store
// that answers at once, the event loop does not turn: no timer fires and no socket is read.
import { setImmediate } from 'node:timers';

/** How long work goes on in one turn of the loop, but for the step that is in progress then. */
const LONGEST_MS = 10;

/** When the first work of this turn began. */
let began;

/** Does it soon: in this turn of the loop, or in the next one if this one takes long. */
export function soon(work) {
  const now = begin();
  const inNextTurn = () => {
    begin();
    work();
  };
  if (now - began > LONGEST_MS) setImmediate(inNextTurn);
  else queueMicrotask(work);
}

/** The time; this turn began no later. */
function begin() {
  const now = performance.now();
  if (began === undefined) {
    began = now;
    setImmediate(() => (began = undefined));
  }
  return now;
}
