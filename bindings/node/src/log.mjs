// The log functions of the SDKs of one instance, each under a number.
//
// A line is handed over in a microtask: never inside the module, and before whoever awaits the
// call that told it goes on.

export class Logs {
  #open = new Map();
  #waiting = [];
  #last = 0;

  /** The number for this function, or none if there is no function. */
  begin(write) {
    if (typeof write !== 'function') return undefined;
    this.#last += 1;
    this.#open.set(this.#last, write);
    return this.#last;
  }

  tell(number, entry) {
    this.#waiting.push({ number, entry });
    if (this.#waiting.length === 1) queueMicrotask(() => this.#deliver());
  }

  /** What was told before is still delivered, nothing afterwards. */
  end(number) {
    this.#deliver();
    this.#open.delete(number);
  }

  #deliver() {
    for (const { number, entry } of this.#waiting.splice(0)) {
      const write = this.#open.get(number);
      // An exception, or the failure of a promise, is the host's affair.
      new Promise((resolve) => resolve(write?.(entry))).catch(() => {});
    }
  }
}
