// `<casehug-clio-card>`: the Clio card of Settings → Integrations.
import { Api, CardError, isRefused, isSignedOut, signedOut, type Person } from './api.js';
import { CardBase } from './base.js';
import { ask } from './dialog.js';
import { fill, fresh, h, icon } from './dom.js';
import { badge, waits } from './format.js';
import { Notices } from './notices.js';
import { CONNECT_FAILURES } from './operations.js';
import { TabList, tab } from './tabs.js';
import { oneAtATime } from './turns.js';
import { broken, type Card, type View } from './view.js';
import { connectionWord } from './words.js';

/** Several changes within this time are one. */
const CALM_MS = 100;

/** What of the address is shown as a code; anything else is dropped. */
const CODE = /^[a-z0-9_]{1,40}$/;

export class IntegrationCard extends CardBase {
  readonly #views = new Map<string, View>();
  readonly #state = h('span', { class: 'state', role: 'status' });
  readonly #live = h('span', { class: 'live' });
  readonly #notices = new Notices();
  readonly #tabs = new TabList((name) => void this.#open(name));
  readonly #panel = h('div', { class: 'panels' });
  readonly #head = oneAtATime(() => this.#loadHead());
  #card: Card | null = null;
  /** Ends what was begun for the one who looks. */
  #until = new AbortController();
  #current = '';
  #changed = new Set<string>();
  #everything = false;
  /** Nobody is signed in: nothing is asked until the page is shown again. */
  #out = false;
  /** The host refused what stands beside the title: it is not asked again. */
  #headless = false;
  #word = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#forget();
  }

  /** Nothing of what was shown to a person stays, and nothing of it goes on. */
  #forget(): void {
    this.#until.abort();
    this.leave();
    clearTimeout(this.#timer);
    this.#views.clear();
    this.#card = null;
    this.#current = '';
    this.#changed.clear();
    this.#everything = false;
    this.#out = false;
    this.#headless = false;
    this.#word = '';
    this.#tabs.clear();
    this.#notices.clear();
    for (const shown of [this.#state, this.#panel]) shown.replaceChildren();
  }

  async #begin(): Promise<void> {
    if (this.joined) return;
    this.#forget();
    fill(this.root, this.#frame());
    const listener = {
      changed: (what: readonly string[] | null) => this.#note(what),
      live: (live: boolean) => this.#turn(live),
      signedOut: () => void this.#fail(signedOut()),
    };
    try {
      const me = await this.join(this.api, listener);
      if (!me) return;
      this.#card = this.#made(me);
      this.#tabs.show(me);
      void this.#returned();
      void this.#head();
      await this.#open('connection');
      // For whoever measures a page.
      performance.mark('casehug-clio-card');
    } catch (error) {
      this.#lost(error);
    }
  }

  /** Who looks cannot be told. */
  #lost(error: unknown): void {
    void this.#fail(error);
    fill(this.#panel, h('div', { class: 'actions' }, h('button', { type: 'button', onclick: () => void this.#begin() }, 'Try again')));
  }

  /** Asks whether the same person looks; if not, everything begins anew. */
  async #recheck(): Promise<void> {
    const card = this.#card;
    if (!card) return;
    let another: boolean;
    try {
      another = await this.another();
    } catch (error) {
      if (this.#card !== card) return;
      if (!isSignedOut(error)) {
        // Views say themselves what they could not load.
        if (this.#out) void this.#fail(error);
        return;
      }
      this.#forget();
      this.#lost(error);
      return;
    }
    if (this.#card !== card) return;
    if (another) {
      this.#forget();
      await this.#begin();
      if (this.#card) this.#notices.say('Somebody else is signed in by now, or your role changed. Everything here was loaded anew.', 'calm');
    } else if (this.#out) {
      this.#out = false;
      this.#everything = true;
      this.#notices.clear();
    }
  }

  #frame(): HTMLElement {
    const title = fresh('title');
    return h(
      'article',
      { class: 'card', 'aria-labelledby': title },
      h(
        'header',
        {},
        h('span', { class: 'mark' }, icon('M9 15l6-6M10.5 6.5l1-1a4.2 4.2 0 0 1 6 6l-1 1M13.5 17.5l-1 1a4.2 4.2 0 0 1-6-6l1-1')),
        h('div', { class: 'title' }, h('h2', { id: title }, 'Clio'), h('p', { class: 'hint' }, 'Contacts, matters and documents of approved intakes')),
        this.#state,
        this.#live,
      ),
      this.#tabs.element,
      this.#notices.elements,
      this.#panel,
    );
  }

  #made(me: Person): Card {
    const callback = this.getAttribute('callback') || '/oauth/callback';
    const matters = this.getAttribute('matters');
    this.#until = new AbortController();
    const until = this.#until.signal;
    return {
      api: new Api(this.api.base, until),
      me,
      callback: new URL(callback, document.baseURI).href,
      matters: matters && new URL(matters, document.baseURI).href,
      say: (text, tone) => {
        if (!until.aborted) this.#notices.say(text, tone);
      },
      fail: async (error) => {
        if (!until.aborted) await this.#fail(error);
      },
      refused: (view, error) => {
        if (!until.aborted) this.#refused(view, error);
      },
      ask: async (question) => !until.aborted && ask(this.root, question, until),
      open: (view) => {
        if (!until.aborted) void this.#open(view, true);
      },
      refresh: () => {
        if (!until.aborted) this.#note(null);
      },
    };
  }

  async #open(name: string, focus = false): Promise<void> {
    const card = this.#card;
    const chosen = card && tab(name, card.me);
    if (!chosen || chosen.name === this.#current) return;
    // What is said belongs to the view that is left; at first, to the way back from Clio.
    if (this.#current !== '') this.#notices.clear();
    this.#current = chosen.name;
    this.#tabs.select(chosen.name, focus);
    const current = (): boolean => this.#card === card && this.#current === chosen.name;
    try {
      const Made = await chosen.load();
      if (!current()) return;
      const view = this.#views.get(chosen.name) ?? new Made(card);
      this.#views.set(chosen.name, view);
      this.#show(chosen.name, view.element);
      await view.refresh();
    } catch (error) {
      // Its script did not load. What was shown before is another view's.
      if (current()) this.#show(chosen.name, broken(error, () => this.#reopen(chosen.name)));
    }
  }

  #show(name: string, of: HTMLElement): void {
    const panel = { role: 'tabpanel', id: 'panel', 'aria-labelledby': `tab-${name}`, tabindex: 0 };
    fill(this.#panel, h('div', panel, of));
  }

  #reopen(name: string): void {
    if (this.#current !== name) return;
    this.#current = '';
    void this.#open(name);
  }

  /**
   * Asked again at each change, what was refused would be refused each time, and each time that is
   * a change of the audit log. So the view goes, until the person asks for it.
   */
  #refused(view: View, error: unknown): void {
    const [name] = [...this.#views].find(([, known]) => known === view) ?? [];
    if (name === undefined) return;
    this.#views.delete(name);
    if (this.#current === name) this.#show(name, broken(error, () => this.#reopen(name)));
    void this.#recheck();
  }

  /** The state beside the title, and how many things wait for an answer. */
  async #loadHead(): Promise<void> {
    const card = this.#card;
    if (!card || this.#headless) return;
    try {
      const { api, me } = card;
      const { state } = await api.call('get_health');
      // The same word again would be read out again.
      if (state !== this.#word) fill(this.#state, badge(connectionWord(state)));
      this.#word = state;
      if (me.role !== 'admin') return;
      const [reviews, changes] = await Promise.all([api.call('list_reviews'), api.call('list_contact_proposals')]);
      this.#tabs.count('reviews', reviews.length);
      this.#tabs.count('contacts', changes.filter(waits).length);
    } catch (error) {
      // A view says itself what it could not load.
      if (this.#card !== card) return;
      if (isSignedOut(error)) void this.#fail(error);
      if (!isRefused(error)) return;
      this.#headless = true;
      void this.#recheck();
    }
  }

  #note(what: readonly string[] | null): void {
    if (what) for (const topic of what) this.#changed.add(topic);
    else this.#everything = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#catchUp(), CALM_MS);
  }

  /** Shows what changed; a page that nobody sees waits until somebody does. */
  #catchUp(): void {
    if (document.hidden || this.#out || (!this.#everything && this.#changed.size === 0)) return;
    const [everything, changed] = [this.#everything, this.#changed];
    this.#everything = false;
    this.#changed = new Set();
    const concerns = (topics: readonly string[]): boolean => everything || topics.some((topic) => changed.has(topic));
    const view = this.#views.get(this.#current);
    if (view && concerns(view.topics)) void view.refresh();
    if (concerns(['health', 'reviews', 'contacts'])) void this.#head();
  }

  protected shown(): void {
    if (!this.joined) void this.#begin();
    else void this.#recheck().then(() => this.#catchUp());
  }

  #turn(live: boolean): void {
    this.#live.classList.toggle('on', live);
    fill(this.#live, live ? 'Live' : 'Waiting for CaseHug…');
  }

  /** Says what went wrong. What was refused may have been asked for in another's name. */
  async #fail(error: unknown): Promise<void> {
    if (isSignedOut(error)) this.#out = true;
    this.#notices.fail(error);
    if (isRefused(error)) await this.#recheck();
  }

  /** Back from Clio: how it ended stands in the address, and is said once. */
  async #returned(): Promise<void> {
    const here = new URL(location.href);
    const [connected, code] = [here.searchParams.get('connected'), here.searchParams.get('error')];
    if (connected === null && code === null) return;
    here.searchParams.delete('connected');
    here.searchParams.delete('error');
    history.replaceState(history.state, '', here);
    if (code !== null) {
      const why = Object.hasOwn(CONNECT_FAILURES, code) ? CONNECT_FAILURES[code] : undefined;
      void this.#fail(new CardError(why ?? 'The firm was not connected. Begin again.', CODE.test(code) ? code : ''));
      return;
    }
    // Anybody can write an address: the host knows whether it is true.
    try {
      const card = this.#card;
      const state = (await card?.api.call('get_health'))?.state ?? '';
      if (['connected', 'degraded'].includes(state)) card?.say('Connected to Clio.');
    } catch {
      // The view says why it could not be asked.
    }
  }
}
