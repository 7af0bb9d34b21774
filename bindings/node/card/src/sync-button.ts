// `<casehug-clio-sync matter="…">`: "Sync to Clio" on a matter's page, with where its sync stands.
import type { MatterState } from '../../src/operations.mjs';
import { CardError } from './api.js';
import { CardBase } from './base.js';
import { fill, h, type Child } from './dom.js';
import { badge, moment } from './format.js';
import { matterWord, plain } from './words.js';

const TOPICS = ['runs', 'matters', 'health', 'connection'];

export class SyncButton extends CardBase {
  static readonly observedAttributes = ['matter'];
  readonly #state = h('span', { class: 'state', role: 'status' });
  readonly #more = h('div', { class: 'more' });
  readonly #failed = h('p', { class: 'cause', role: 'alert' });
  readonly #button = h('button', { type: 'button', class: 'small', onclick: () => void this.#sync() }, 'Sync to Clio');
  #shown = '';
  #asking = false;
  #again = false;

  connectedCallback(): void {
    fill(this.root, h('div', { class: 'sync' }, h('div', { class: 'line' }, this.#state, this.#button), this.#more, this.#failed));
    document.addEventListener('visibilitychange', this.#seen);
    void this.#begin();
  }

  disconnectedCallback(): void {
    document.removeEventListener('visibilitychange', this.#seen);
    this.leave();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) void this.#refresh();
  }

  get #matter(): string {
    return this.getAttribute('matter') ?? '';
  }

  async #begin(): Promise<void> {
    const changed = (what: readonly string[] | null): void => {
      if (!what || what.some((topic) => TOPICS.includes(topic))) void this.#refresh();
    };
    try {
      await Promise.all([this.join(this.api, { changed, live: () => undefined }), this.#refresh()]);
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #seen = (): void => {
    if (this.#again) void this.#refresh();
  };

  /** Asks where the sync stands: once at a time, and not while nobody looks. */
  async #refresh(): Promise<void> {
    if (this.#asking || document.hidden) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      do {
        this.#again = false;
        this.#show(await this.api.call('get_matter_state', { matter: this.#matter }));
      } while (this.#again && !document.hidden);
    } catch (error) {
      if (this.#shown === '') this.#fail(error);
    } finally {
      this.#asking = false;
    }
  }

  #show(state: MatterState): void {
    const shown = JSON.stringify(state);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#failed.textContent = '';
    fill(this.#state, badge(matterWord(state.status)));
    fill(this.#more, inClio(state), problem(state));
  }

  async #sync(): Promise<void> {
    if (this.#button.getAttribute('aria-disabled') === 'true') return;
    this.#button.setAttribute('aria-disabled', 'true');
    try {
      await this.api.call('trigger_sync', { matter: this.#matter, trigger: 'manual' });
      this.#failed.textContent = '';
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#button.removeAttribute('aria-disabled');
    }
    await this.#refresh();
  }

  #fail(error: unknown): void {
    const known = error instanceof CardError ? error : new CardError('A defect of this page. Report the code.', 'card_internal');
    fill(this.#failed, known.message, ' ', h('code', {}, known.code));
  }
}

/** What Clio says of the matter, with a way there. */
function inClio({ clio_url: url, clio_status: status }: MatterState): Child {
  const link = url && /^https?:/.test(url) && h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, 'Open in Clio');
  if (!status && !link) return null;
  return h('p', { class: 'hint' }, status && ['In Clio: ', h('strong', {}, plain(status.status))], status && link && ' · ', link);
}

function problem({ status, last_run: last, parked }: MatterState): Child {
  if (parked) return h('p', { class: 'hint' }, 'It waits for the firm to be connected.');
  if (!last?.failure || !['failed', 'partial', 'queued', 'gone'].includes(status)) return null;
  return h('p', { class: 'cause' }, last.failure.message, ' ', h('code', {}, last.failure.code), ' ', moment(last.at));
}
