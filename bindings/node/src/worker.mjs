// A worker that runs beside everything else on this thread.

/** Works until it is stopped. `Sdk.startWorker` makes one. */
export class SyncWorker {
  #tell;

  constructor(work) {
    const stopped = new Promise((resolve) => (this.#tell = resolve));
    /** Fulfilled when it has ended; rejected with what it could not begin or go on with. */
    this.ended = work(stopped).then(() => undefined);
    // Whoever waits for it hears of it; nobody has to, as the log tells.
    this.ended.catch(() => {});
  }

  /** Claims nothing more; fulfilled when the steps in progress have ended. */
  async stop() {
    this.#tell();
    await this.ended;
  }
}
