// `<casehug-clio-sync matter="…">`: "Sync to Clio" on a matter's page, with where its sync
// stands.
import type { MatterState } from '../../src/operations.mjs';
import { isRefused, isSame, isSignedOut, known, signedOut, type Person } from './api.js';
import { CardBase } from './base.js';
import { fill, h, type Child } from './dom.js';
import { badge, moment, twice } from './format.js';
import { matterWord, noteName, plain } from './words.js';

const TOPICS = ['runs', 'matters', 'health'];

/**
 * A list of matters has many buttons: a change asks for what is seen, and not all at one moment.
 */
const CALM_MS = 100;
const SPREAD_MS = 400;

/** After a state that could not be read. */
const PAUSE_MS = 15_000;

export class SyncButton extends CardBase {
  static readonly observedAttributes = ['matter', 'api'];
  readonly #state = h('span', { class: 'state', role: 'status' });
  readonly #more = h('div', { class: 'more' });
  readonly #failed = h('p', { class: 'cause', role: 'alert' });
  readonly #of = h('span', { class: 'sr' });
  readonly #button = h('button', { type: 'button', class: 'small', onclick: () => void this.#sync() }, 'Sync to Clio', this.#of);
  #shown = '';
  /** To whom it is shown; stays while the element is off the page. */
  #person: Person | null = null;
  /** Of what is shown; an answer for an earlier one is dropped. */
  #turn = 0;
  #asking = false;
  /** There may be more to show than is shown. */
  #again = false;
  #visible = false;
  /** Nobody is signed in: nothing is asked until the page is shown again. */
  #out = false;
  /** The host refused it: asked again at each change, it would be refused each time. */
  #refused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #observer: IntersectionObserver | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    fill(this.root, h('div', { class: 'sync' }, h('div', { class: 'line' }, this.#state, this.#button), this.#more, this.#failed));
    this.#of.textContent = ` ${this.#matter}`;
    this.#out = false;
    this.#refused = false;
    this.#again = true;
    this.#watch();
    void this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#observer?.disconnect();
    this.#observer = null;
    this.#visible = false;
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (now === before) return;
    this.#of.textContent = ` ${this.#matter}`;
    this.#refused = false;
    this.#button.removeAttribute('aria-disabled');
    this.#clear();
    if (!this.#out) this.#failed.replaceChildren();
    if (!this.isConnected) return;
    if (name === 'api') this.leave();
    void this.#refresh();
  }

  /** What was shown is another matter's, or another person's. */
  #clear(): void {
    this.#shown = '';
    this.#turn += 1;
    for (const shown of [this.#state, this.#more]) shown.replaceChildren();
  }

  /** Follows whether the person sees it; where that cannot be told, it counts as seen. */
  #watch(): void {
    const seen = (visible: boolean): void => {
      this.#visible = visible;
      if (this.#again) void this.#refresh();
    };
    if (typeof IntersectionObserver !== 'function') return seen(true);
    this.#observer = new IntersectionObserver((entries) => seen(entries.at(-1)?.isIntersecting === true));
    this.#observer.observe(this);
  }

  get #matter(): string {
    return this.getAttribute('matter') ?? '';
  }

  async #begin(): Promise<void> {
    if (this.joined) return;
    this.#failed.replaceChildren();
    const changed = (what: readonly string[] | null): void => {
      if (!what || what.some((topic) => TOPICS.includes(topic))) this.#soon(CALM_MS + Math.random() * SPREAD_MS);
    };
    try {
      const me = await this.join(this.api, { changed, live: () => undefined, signedOut: () => void this.#fail(signedOut()) });
      if (!me) return;
      const another = this.#person !== null && !isSame(me, this.#person);
      this.#person = me;
      if (!another) return;
      this.#clear();
      void this.#refresh();
    } catch (error) {
      void this.#fail(error);
      this.#later(error);
    }
  }

  protected shown(): void {
    void this.#recheck(true);
  }

  /**
   * Asks whether the same person looks; if not, nothing of what was shown stays. `anew`: what was
   * refused, or not asked while nobody was signed in, is asked again whoever it is.
   */
  async #recheck(anew = false): Promise<void> {
    try {
      const another = await this.another();
      if (another) {
        this.leave();
        this.#clear();
      }
      if (another || (anew && (this.#out || this.#refused))) {
        this.#out = false;
        this.#refused = false;
        this.#again = true;
        this.#failed.replaceChildren();
      }
    } catch (error) {
      if (isSignedOut(error)) {
        this.#clear();
        return this.#fail(error);
      }
    }
    if (this.#again || !this.joined) void this.#refresh();
  }

  /** Asks after this time; what is asked for until then is one. */
  #soon(ms: number): void {
    this.#again = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh(), ms);
  }

  /** After what could not be asked; who is signed out is asked for when the page is shown again. */
  #later(error: unknown): void {
    if (!isSignedOut(error) && !isRefused(error) && this.isConnected) this.#soon(PAUSE_MS * (0.75 + Math.random() / 2));
  }

  /** Asks where the sync stands: once at a time, and not while nobody looks. */
  async #refresh(): Promise<void> {
    this.#again = true;
    if (!this.#looked) return;
    if (!this.joined) void this.#begin();
    if (this.#asking) return;
    this.#asking = true;
    while (this.#again && this.#looked) {
      this.#again = false;
      const turn = this.#turn;
      try {
        const state = await this.api.call('get_matter_state', { matter: this.#matter });
        if (turn === this.#turn) this.#show(state);
      } catch (error) {
        // Of a matter that is not meant any more: the one that is comes next.
        if (turn !== this.#turn && !isSignedOut(error)) continue;
        if (isRefused(error)) {
          this.#refused = true;
          this.#clear();
        }
        if (this.#shown === '' || isSignedOut(error)) void this.#fail(error);
        this.#later(error);
        break;
      }
    }
    this.#asking = false;
  }

  get #looked(): boolean {
    return this.#visible && !document.hidden && !this.#out && !this.#refused;
  }

  #show(state: MatterState): void {
    const shown = JSON.stringify(state);
    if (shown === this.#shown) return;
    this.#shown = shown;
    // Who looks may still be unknown: that stays said.
    if (this.joined) this.#failed.replaceChildren();
    fill(this.#state, badge(matterWord(state.status)));
    fill(this.#more, inClio(state), notes(state), problem(state));
  }

  async #sync(): Promise<void> {
    if (this.#button.getAttribute('aria-disabled') === 'true') return;
    this.#button.setAttribute('aria-disabled', 'true');
    const [turn, matter] = [this.#turn, this.#matter];
    try {
      await this.api.call('trigger_sync', { matter, trigger: 'manual' });
      if (turn === this.#turn) this.#failed.replaceChildren();
      // Somebody is signed in by now.
      if (this.#out) await this.#recheck(true);
    } catch (error) {
      if (turn === this.#turn || isSignedOut(error)) await this.#fail(error);
    } finally {
      if (matter === this.#matter) this.#button.removeAttribute('aria-disabled');
    }
    await this.#refresh();
  }

  async #fail(error: unknown): Promise<void> {
    if (isSignedOut(error)) this.#out = true;
    const { message, code } = known(error);
    fill(this.#failed, message, ' ', h('code', {}, code));
    if (isRefused(error)) await this.#recheck();
  }
}

/** What Clio says of the matter, with a way there. */
function inClio({ clio_url: url, clio_status: status }: MatterState): Child {
  const link = url && /^https?:/.test(url) && h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, 'Open in Clio');
  if (!status && !link) return null;
  const word = status && h('span', {}, 'In Clio: ', h('strong', {}, plain(status.status)));
  const learned = status?.seen_at && h('span', { class: 'hint' }, ', learned ', moment(status.seen_at));
  return h('p', { class: 'hint' }, word, learned, status && link && ' · ', link);
}

/** What a person should look at in Clio. */
function notes({ clio_contact: contact, clio_contact_gone: gone, clio_contact_notes: known, second_records: records }: MatterState): Child {
  const line = (...text: Child[]): Child => h('li', {}, text);
  const lines = [
    gone && line(`The contact${contact ? ` no. ${contact}` : ''} is gone in Clio, or hidden from the connected user.`),
    ...known.map((note) => line(noteName(note), ' ', h('code', {}, note), contact && ` (contact no. ${contact})`)),
    ...records.map((of) => line(twice(of), ' Look at them in Clio: keep the one that is linked, and merge or delete the other.')),
  ].filter((of) => of !== false);
  return lines.length > 0 && h('ul', { class: 'look', 'aria-label': 'Look at these in Clio' }, lines);
}

function problem({ status, last_run: last, parked }: MatterState): Child {
  if (parked) return h('p', { class: 'hint' }, 'It waits for the firm to be connected.');
  if (!last?.failure || !['failed', 'partial', 'queued', 'gone'].includes(status)) return null;
  return h('p', { class: 'cause' }, last.failure.message, ' ', h('code', {}, last.failure.code), ' ', moment(last.at));
}
