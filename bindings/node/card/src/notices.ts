// What the card says of what was done, and of what went wrong.
import { known } from './api.js';
import { fill, h, icon } from './dom.js';
import { SHAPES } from './format.js';

/** What was done is old after that, and may not be true any more. */
const SAID_MS = 10_000;

export class Notices {
  readonly #said = h('p', { class: 'said', role: 'status' });
  readonly #failed = h('div', { class: 'failed', role: 'alert' });
  readonly elements = [this.#failed, this.#said];
  #saying: ReturnType<typeof setTimeout> | undefined;

  /** Says that something is done; calm: that nothing was, and why. */
  say(text: string, tone: 'good' | 'calm' = 'good'): void {
    this.clear();
    this.#said.classList.toggle('calm', tone === 'calm');
    this.#said.textContent = text;
    this.#saying = setTimeout(() => this.#said.replaceChildren(), SAID_MS);
  }

  /** Says what went wrong, with its code, until the person has read it. */
  fail(error: unknown): void {
    this.clear();
    const { message, code, number, where } = known(error);
    const close = h('button', { type: 'button', class: 'quiet small', onclick: () => this.#failed.replaceChildren() }, 'Dismiss');
    const said = code && h('code', {}, number === null ? code : `${code} (${number})`);
    fill(
      this.#failed,
      h('div', { class: 'note bad' }, icon(SHAPES.fair), h('p', {}, message, ' ', said, where && [' at ', h('code', {}, where)]), close),
    );
  }

  clear(): void {
    clearTimeout(this.#saying);
    for (const of of this.elements) of.replaceChildren();
  }
}
