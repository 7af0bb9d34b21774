// What many wait for, again and again: whoever waits is told by the next ring.
export class Bell {
  #next;

  /** Fulfilled by the first ring after this call. */
  heard() {
    if (this.#next === undefined) {
      let ring;
      const rung = new Promise((resolve) => (ring = resolve));
      this.#next = { rung, ring };
    }
    return this.#next.rung;
  }

  ring() {
    this.#next?.ring();
    this.#next = undefined;
  }
}
