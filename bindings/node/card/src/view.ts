// What every view of the card is: an element that loads what it shows, and loads it anew when that
// changed.
import { isSignedOut, known, type Api, type Person } from './api.js';
import type { Question } from './dialog.js';
import { fill, h, type Child } from './dom.js';

/** What a view needs of the card. */
export interface Card {
  readonly api: Api;
  readonly me: Person;
  /** Where Clio sends the browser back to. */
  readonly callback: string;
  /** The route that lists the firm's matters, if the host has one. */
  readonly matters: string | null;
  /** Says that something is done, to eyes and screen readers; calm: that nothing was, and why. */
  say(text: string, tone?: 'good' | 'calm'): void;
  /** Shows what went wrong: message, advice and code. */
  fail(error: unknown): void;
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
  #loading: Promise<void> | null = null;
  #again = false;
  #loaded = false;
  /** Actions of buttons that are not over. */
  #acting = 0;
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

  /** Whether a button was pressed whose action is not over; then the view loads anew by itself. */
  protected get acts(): boolean {
    return this.#acting > 0;
  }

  /** Whether the host said the same before; if not, this is what is shown from now on. */
  protected same(...answers: readonly unknown[]): boolean {
    const shown = JSON.stringify(answers);
    const same = shown === this.#shown;
    this.#shown = shown;
    return same;
  }

  /** Asks the host and shows what it says. */
  protected abstract load(): Promise<void>;

  /**
   * Loads anew; once more at the end if it was asked for meanwhile. While a button's action is not
   * over it waits for that, so that the button stays as it is.
   */
  refresh(): Promise<void> {
    if (this.acts) return Promise.resolve();
    if (this.#loading) {
      this.#again = true;
      return this.#loading;
    }
    this.#loading = this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.load();
        this.#loaded = true;
        this.#pause = FIRST_PAUSE_MS;
        clearTimeout(this.#retry);
        this.#stale.remove();
      } catch (error) {
        // What is shown stays, and says that it is old. An empty view has to say why it is empty.
        if (!this.#loaded) this.#broken(error);
        else if (!isSignedOut(error)) this.#old(error);
        if (isSignedOut(error)) this.card.fail(error);
      }
    } while (this.#again && !this.acts);
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
    const { message, code } = known(error);
    const again = h('button', { type: 'button', onclick: () => this.card.refresh() }, 'Try again');
    this.element.replaceChildren(h('div', { class: 'empty', role: 'alert' }, h('p', {}, message, ' ', h('code', {}, code)), again));
  }

  /**
   * A button that does something at the host: it is out of use meanwhile, and what went wrong is
   * shown. `action` may answer with what to say when it is done.
   */
  protected button(label: Child, key: string, action: () => Promise<string | void>, kind = ''): HTMLButtonElement {
    const press = async (): Promise<void> => {
      if (button.getAttribute('aria-disabled') === 'true') return;
      // `disabled` would take the focus away.
      button.setAttribute('aria-disabled', 'true');
      this.#acting += 1;
      try {
        const said = await action();
        if (said) this.card.say(said);
      } catch (error) {
        this.card.fail(error);
      } finally {
        this.#acting -= 1;
        button.removeAttribute('aria-disabled');
      }
      await this.refresh();
    };
    const button = h('button', { type: 'button', class: kind, 'data-key': key, onclick: () => void press() }, label);
    return button;
  }
}
