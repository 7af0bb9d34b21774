// What every view of the card is: an element that loads what it shows, and loads it anew when that
// changed.
import { isRefused, isSignedOut, known, type Api, type Person } from './api.js';
import type { Question } from './dialog.js';
import { fill, h, type Child } from './dom.js';
import { oneAtATime } from './turns.js';

/** What a view needs of the card, for as long as the same person looks; after that nothing is done. */
export interface Card {
  readonly api: Api;
  readonly me: Person;
  /** Where Clio sends the browser back to. */
  readonly callback: string;
  /** The route that lists the firm's matters, if the host has one. */
  readonly matters: string | null;
  /** Says that something is done, to eyes and screen readers; calm: that nothing was, and why. */
  say(text: string, tone?: 'good' | 'calm'): void;
  /** Shows what went wrong: message, advice and code. Of what was refused, when it is known why. */
  fail(error: unknown): Promise<void>;
  /** The host refused what a view asked for: it is not asked again by itself. */
  refused(view: View, error: unknown): void;
  ask(question: Question): Promise<boolean>;
  /** Shows another view. */
  open(view: string): void;
  /** Loads everything that is shown anew. */
  refresh(): void;
}

/** After a reload that failed; twice as long after each one more. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;

export abstract class View {
  readonly element: HTMLElement = h('section', { class: 'view' });
  /** What of a firm's changes makes this view load anew. */
  abstract readonly topics: readonly string[];
  protected readonly card: Card;
  /** Loads anew; once more at the end if it was asked for meanwhile. */
  readonly refresh = oneAtATime(() => this.#load());
  #loaded = false;
  /** Keys of the buttons whose action is not over: out of use, also when they are shown anew. */
  readonly #acting = new Set<string>();
  #shown = '';
  readonly #stale = h('p', { class: 'note fair', role: 'status' });
  #pause = FIRST_PAUSE_MS;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(card: Card) {
    this.card = card;
    this.element.append(h('p', { class: 'loading', role: 'status' }, 'Loading…'));
  }

  get admin(): boolean {
    return this.card.me.role === 'admin';
  }

  /** Whether the host said the same before; if not, this is what is shown from now on. */
  protected same(...answers: readonly unknown[]): boolean {
    const shown = JSON.stringify(answers);
    const same = shown === this.#shown;
    this.#shown = shown;
    return same;
  }

  /** The next load shows everything anew, also if the host says the same as before. */
  protected forget(): void {
    this.#shown = '';
  }

  /** Asks the host and shows what it says. */
  protected abstract load(): Promise<void>;

  async #load(): Promise<void> {
    try {
      await this.load();
      this.#loaded = true;
      this.#pause = FIRST_PAUSE_MS;
      clearTimeout(this.#retry);
      this.#stale.remove();
    } catch (error) {
      if (isRefused(error)) return this.card.refused(this, error);
      // What is shown stays, and says that it is old. An empty view has to say why it is empty.
      if (!this.#loaded) this.#broken(error);
      else if (!isSignedOut(error)) this.#old(error);
      if (isSignedOut(error)) void this.card.fail(error);
    }
  }

  #old(error: unknown): void {
    fill(this.#stale, 'This could not be brought up to date. It is tried again. ', h('code', {}, known(error).code));
    if (!this.#stale.isConnected) this.element.prepend(this.#stale);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#tryAgain(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }

  /** A view that is not shown is loaded when it is. */
  #tryAgain(): void {
    if (!this.element.isConnected) return;
    // A page that nobody sees waits; the card remembers that.
    this.card.refresh();
  }

  #broken(error: unknown): void {
    this.element.replaceChildren(broken(error, () => this.card.refresh()));
  }

  /**
   * A button that does something at the host: it is out of use meanwhile, and what went wrong is
   * shown. `action` may answer with what to say when it is done.
   */
  protected button(label: Child, key: string, action: () => Promise<string | void>, kind = ''): HTMLButtonElement {
    // `disabled` would take the focus away.
    const acts = this.#acting.has(key) && 'true';
    return h('button', { type: 'button', class: kind, 'data-key': key, 'aria-disabled': acts, onclick: () => void this.#press(key, action) }, label);
  }

  async #press(key: string, action: () => Promise<string | void>): Promise<void> {
    if (this.#acting.has(key)) return;
    this.#acting.add(key);
    for (const button of this.#buttons(key)) button.setAttribute('aria-disabled', 'true');
    try {
      const said = await action();
      if (said) this.card.say(said);
    } catch (error) {
      await this.card.fail(error);
    } finally {
      this.#acting.delete(key);
      for (const button of this.#buttons(key)) button.removeAttribute('aria-disabled');
    }
    await this.refresh();
  }

  #buttons(key: string): NodeListOf<Element> {
    return this.element.querySelectorAll(`button[data-key="${CSS.escape(key)}"]`);
  }
}

/** What is shown in place of a view that could not be loaded. */
export function broken(error: unknown, again: () => void): HTMLElement {
  const { message, code } = known(error);
  return h('div', { class: 'empty', role: 'alert' }, h('p', {}, message, ' ', h('code', {}, code)), h('button', { type: 'button', onclick: again }, 'Try again'));
}
