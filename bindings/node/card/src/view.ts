// What every view of the card is: an element that loads what it shows, and loads it anew when that
// changed.
import { CardError, type Api, type Person } from './api.js';
import type { Question } from './dialog.js';
import { h, type Child } from './dom.js';

/** What a view needs of the card. */
export interface Card {
  readonly api: Api;
  readonly me: Person;
  /** Where Clio sends the browser back to. */
  readonly callback: string;
  /** The route that lists the firm's matters, if the host has one. */
  readonly matters: string | null;
  /** Says that something is done, to eyes and screen readers. */
  say(text: string): void;
  /** Shows what went wrong: message, advice and code. */
  fail(error: unknown): void;
  ask(question: Question): Promise<boolean>;
  /** Shows another view. */
  open(view: string): void;
  /** Loads everything that is shown anew. */
  refresh(): void;
}

export abstract class View {
  readonly element: HTMLElement = h('section', { class: 'view' });
  /** What of a firm's changes makes this view load anew. */
  abstract readonly topics: readonly string[];
  protected readonly card: Card;
  #loading: Promise<void> | null = null;
  #again = false;
  #loaded = false;

  constructor(card: Card) {
    this.card = card;
    this.element.append(h('p', { class: 'loading', role: 'status' }, 'Loading…'));
  }

  get admin(): boolean {
    return this.card.me.role === 'admin';
  }

  /** Asks the host and shows what it says. */
  protected abstract load(): Promise<void>;

  /** Loads anew; once more at the end if it was asked for meanwhile. */
  refresh(): Promise<void> {
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
      } catch (error) {
        // What is shown stays; the card says whether changes arrive. An empty view has to say why.
        if (!this.#loaded) this.#broken(error);
      }
    } while (this.#again);
  }

  #broken(error: unknown): void {
    const message = error instanceof CardError ? error.message : 'It could not be shown.';
    const code = error instanceof CardError ? error.code : 'internal';
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
      try {
        const said = await action();
        if (said) this.card.say(said);
      } catch (error) {
        this.card.fail(error);
      } finally {
        button.removeAttribute('aria-disabled');
      }
      await this.refresh();
    };
    const button = h('button', { type: 'button', class: kind, 'data-key': key, onclick: () => void press() }, label);
    return button;
  }
}
