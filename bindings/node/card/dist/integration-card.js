// `<casehug-clio-card>`: the Clio card of Settings → Integrations.
import { CardError, isSignedOut, known, signedOut } from './api.js';
import { CardBase } from './base.js';
import { ask } from './dialog.js';
import { fill, fresh, h, icon } from './dom.js';
import { SHAPES, badge } from './format.js';
import { CONNECT_FAILURES } from './operations.js';
import { TabList, tab } from './tabs.js';
import { connectionWord } from './words.js';
/** Several changes within this time are one. */
const CALM_MS = 100;
/** What of the address is shown as a code; anything else is dropped. */
const CODE = /^[a-z0-9_]{1,40}$/;
/** What was done is old after that, and may not be true any more. */
const SAID_MS = 10_000;
export class IntegrationCard extends CardBase {
    #views = new Map();
    #state = h('span', { class: 'state', role: 'status' });
    #live = h('span', { class: 'live' });
    #said = h('p', { class: 'said', role: 'status' });
    #failed = h('div', { class: 'failed', role: 'alert' });
    #tabs = new TabList((name) => void this.#open(name));
    #panel = h('div', { class: 'panels' });
    #card = null;
    #current = '';
    #changed = new Set();
    #everything = false;
    /** Nobody is signed in: nothing is asked until the page is shown again. */
    #out = false;
    #word = '';
    #timer;
    #saying;
    connectedCallback() {
        document.addEventListener('visibilitychange', this.#seen);
        addEventListener('focus', this.#seen);
        void this.#begin();
    }
    disconnectedCallback() {
        document.removeEventListener('visibilitychange', this.#seen);
        removeEventListener('focus', this.#seen);
        clearTimeout(this.#timer);
        clearTimeout(this.#saying);
        this.leave();
        this.#views.clear();
        this.#card = null;
        this.#current = '';
        this.#out = false;
        this.#word = '';
    }
    async #begin() {
        if (this.joined)
            return;
        const { api } = this;
        this.#out = false;
        this.#failed.replaceChildren();
        fill(this.root, this.#frame());
        try {
            const me = await this.join(api, {
                changed: (what) => this.#note(what),
                live: (live) => this.#turn(live),
                signedOut: () => this.#fail(signedOut()),
            });
            if (!me)
                return;
            this.#card = this.#made(me);
            this.#tabs.show(me);
            void this.#returned();
            void this.#head();
            await this.#open('connection');
            // For whoever measures a page.
            performance.mark('casehug-clio-card');
        }
        catch (error) {
            this.#fail(error);
            fill(this.#panel, h('div', { class: 'actions' }, h('button', { type: 'button', onclick: () => void this.#begin() }, 'Try again')));
        }
    }
    #frame() {
        const title = fresh('title');
        return h('article', { class: 'card', 'aria-labelledby': title }, h('header', {}, h('span', { class: 'mark' }, icon('M9 15l6-6M10.5 6.5l1-1a4.2 4.2 0 0 1 6 6l-1 1M13.5 17.5l-1 1a4.2 4.2 0 0 1-6-6l1-1')), h('div', { class: 'title' }, h('h2', { id: title }, 'Clio'), h('p', { class: 'hint' }, 'Contacts, matters and documents of approved intakes')), this.#state, this.#live), this.#tabs.element, this.#failed, this.#said, this.#panel);
    }
    #made(me) {
        const callback = this.getAttribute('callback') || '/oauth/callback';
        const matters = this.getAttribute('matters');
        return {
            api: this.api,
            me,
            callback: new URL(callback, document.baseURI).href,
            matters: matters && new URL(matters, document.baseURI).href,
            say: (text, tone) => this.#say(text, tone),
            fail: (error) => this.#fail(error),
            ask: (question) => ask(this.root, question),
            open: (view) => void this.#open(view, true),
            refresh: () => this.#note(null),
        };
    }
    async #open(name, focus = false) {
        const card = this.#card;
        const chosen = card && tab(name, card.me);
        if (!chosen || chosen.name === this.#current)
            return;
        // What is said belongs to the view that is left; at first, to the way back from Clio.
        if (this.#current !== '')
            this.#say('');
        this.#current = chosen.name;
        this.#tabs.select(chosen.name, focus);
        try {
            const view = this.#views.get(chosen.name) ?? new (await chosen.load())(card);
            this.#views.set(chosen.name, view);
            if (this.#current !== chosen.name)
                return;
            const panel = { role: 'tabpanel', id: 'panel', 'aria-labelledby': `tab-${chosen.name}`, tabindex: 0 };
            fill(this.#panel, h('div', panel, view.element));
            await view.refresh();
        }
        catch (error) {
            this.#current = '';
            this.#fail(error);
        }
    }
    /** The state beside the title, and how many things wait for an answer. */
    async #head() {
        const card = this.#card;
        if (!card)
            return;
        try {
            const { api, me } = card;
            const { state } = await api.call('get_health');
            // The same word again would be read out again.
            if (state !== this.#word)
                fill(this.#state, badge(connectionWord(state)));
            this.#word = state;
            if (me.role !== 'admin')
                return;
            const [reviews, changes] = await Promise.all([api.call('list_reviews'), api.call('list_contact_proposals')]);
            this.#tabs.count('reviews', reviews.length);
            this.#tabs.count('contacts', changes.filter(({ accepted }) => !accepted).length);
        }
        catch (error) {
            // A view says itself what it could not load.
            if (isSignedOut(error))
                this.#fail(error);
        }
    }
    #note(what) {
        if (what)
            for (const topic of what)
                this.#changed.add(topic);
        else
            this.#everything = true;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#catchUp(), CALM_MS);
    }
    /** Shows what changed; a page that nobody sees waits until somebody does. */
    #catchUp() {
        if (document.hidden || this.#out || (!this.#everything && this.#changed.size === 0))
            return;
        const [everything, changed] = [this.#everything, this.#changed];
        this.#everything = false;
        this.#changed = new Set();
        const concerns = (topics) => everything || topics.some((topic) => changed.has(topic));
        const view = this.#views.get(this.#current);
        if (view && concerns(view.topics))
            void view.refresh();
        if (concerns(['health', 'reviews', 'contacts']))
            void this.#head();
    }
    #seen = () => {
        if (document.hidden)
            return;
        if (!this.joined)
            return void this.#begin();
        if (this.#out) {
            // The person may have signed in meanwhile; if not, it is said again.
            this.#out = false;
            this.#everything = true;
            this.#failed.replaceChildren();
        }
        this.#catchUp();
    };
    #turn(live) {
        this.#live.classList.toggle('on', live);
        fill(this.#live, live ? 'Live' : 'Waiting for CaseHug…');
    }
    #say(text, tone = 'good') {
        clearTimeout(this.#saying);
        this.#failed.replaceChildren();
        this.#said.classList.toggle('calm', tone === 'calm');
        this.#said.textContent = text;
        this.#saying = setTimeout(() => this.#said.replaceChildren(), SAID_MS);
    }
    #fail(error) {
        if (isSignedOut(error))
            this.#out = true;
        this.#said.textContent = '';
        const { message, code, number, where } = known(error);
        const close = h('button', { type: 'button', class: 'quiet small', onclick: () => this.#failed.replaceChildren() }, 'Dismiss');
        const said = code && h('code', {}, number === null ? code : `${code} (${number})`);
        fill(this.#failed, h('div', { class: 'note bad' }, icon(SHAPES.fair), h('p', {}, message, ' ', said, where && [' at ', h('code', {}, where)]), close));
    }
    /** Back from Clio: how it ended stands in the address, and is said once. */
    async #returned() {
        const here = new URL(location.href);
        const [connected, code] = [here.searchParams.get('connected'), here.searchParams.get('error')];
        if (connected === null && code === null)
            return;
        here.searchParams.delete('connected');
        here.searchParams.delete('error');
        history.replaceState(history.state, '', here);
        if (code !== null) {
            const why = Object.hasOwn(CONNECT_FAILURES, code) ? CONNECT_FAILURES[code] : undefined;
            this.#fail(new CardError(why ?? 'The firm was not connected. Begin again.', CODE.test(code) ? code : ''));
            return;
        }
        // Anybody can write an address: the host knows whether it is true.
        try {
            const { state } = await this.api.call('get_health');
            if (['connected', 'degraded'].includes(state))
                this.#say('Connected to Clio.');
        }
        catch {
            // The view says why it could not be asked.
        }
    }
}
