import { Api, CardError, isRefused, isSignedOut, signedOut } from './api.js';
import { CardBase } from './base.js';
import { ask } from './dialog.js';
import { fill, fresh, h, icon } from './dom.js';
import { badge, waits } from './format.js';
import { Notices } from './notices.js';
import { CONNECT_FAILURES } from './operations.js';
import { TabList, tab } from './tabs.js';
import { oneAtATime } from './turns.js';
import { broken } from './view.js';
import { connectionWord } from './words.js';
const CALM_MS = 100;
const CODE = /^[a-z0-9_]{1,40}$/;
export class IntegrationCard extends CardBase {
    #views = new Map();
    #state = h('span', { class: 'state', role: 'status' });
    #live = h('span', { class: 'live' });
    #notices = new Notices();
    #tabs = new TabList((name) => void this.#open(name));
    #panel = h('div', { class: 'panels' });
    #head = oneAtATime(() => this.#loadHead());
    #card = null;
    #until = new AbortController();
    #current = '';
    #changed = new Set();
    #everything = false;
    #out = false;
    #headless = false;
    #word = '';
    #timer;
    connectedCallback() {
        super.connectedCallback();
        void this.#begin();
    }
    disconnectedCallback() {
        super.disconnectedCallback();
        this.#forget();
    }
    #forget() {
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
        for (const shown of [this.#state, this.#panel])
            shown.replaceChildren();
    }
    async #begin() {
        if (this.joined)
            return;
        this.#forget();
        fill(this.root, this.#frame());
        const listener = {
            changed: (what) => this.#note(what),
            live: (live) => this.#turn(live),
            signedOut: () => void this.#fail(signedOut()),
        };
        try {
            const me = await this.join(this.api, listener);
            if (!me)
                return;
            this.#card = this.#made(me);
            this.#tabs.show(me);
            void this.#returned();
            void this.#head();
            await this.#open('connection');
            performance.mark('casehug-clio-card');
        }
        catch (error) {
            this.#lost(error);
        }
    }
    #lost(error) {
        void this.#fail(error);
        fill(this.#panel, h('div', { class: 'actions' }, h('button', { type: 'button', onclick: () => void this.#begin() }, 'Try again')));
    }
    async #recheck() {
        const card = this.#card;
        if (!card)
            return;
        let another;
        try {
            another = await this.another();
        }
        catch (error) {
            if (this.#card !== card)
                return;
            if (!isSignedOut(error)) {
                if (this.#out)
                    void this.#fail(error);
                return;
            }
            this.#forget();
            this.#lost(error);
            return;
        }
        if (this.#card !== card)
            return;
        if (another) {
            this.#forget();
            await this.#begin();
            if (this.#card)
                this.#notices.say('Somebody else is signed in by now, or your role changed. Everything here was loaded anew.', 'calm');
        }
        else if (this.#out) {
            this.#out = false;
            this.#everything = true;
            this.#notices.clear();
        }
    }
    #frame() {
        const title = fresh('title');
        return h('article', { class: 'card', 'aria-labelledby': title }, h('header', {}, h('span', { class: 'mark' }, icon('M9 15l6-6M10.5 6.5l1-1a4.2 4.2 0 0 1 6 6l-1 1M13.5 17.5l-1 1a4.2 4.2 0 0 1-6-6l1-1')), h('div', { class: 'title' }, h('h2', { id: title }, 'Clio'), h('p', { class: 'hint' }, 'Contacts, matters and documents of approved intakes')), this.#state, this.#live), this.#tabs.element, this.#notices.elements, this.#panel);
    }
    #made(me) {
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
                if (!until.aborted)
                    this.#notices.say(text, tone);
            },
            fail: async (error) => {
                if (!until.aborted)
                    await this.#fail(error);
            },
            refused: (view, error) => {
                if (!until.aborted)
                    this.#refused(view, error);
            },
            ask: async (question) => !until.aborted && ask(this.root, question, until),
            open: (view) => {
                if (!until.aborted)
                    void this.#open(view, true);
            },
            refresh: () => {
                if (!until.aborted)
                    this.#note(null);
            },
        };
    }
    async #open(name, focus = false) {
        const card = this.#card;
        const chosen = card && tab(name, card.me);
        if (!chosen || chosen.name === this.#current)
            return;
        if (this.#current !== '')
            this.#notices.clear();
        this.#current = chosen.name;
        this.#tabs.select(chosen.name, focus);
        const current = () => this.#card === card && this.#current === chosen.name;
        try {
            const Made = await chosen.load();
            if (!current())
                return;
            const view = this.#views.get(chosen.name) ?? new Made(card);
            this.#views.set(chosen.name, view);
            this.#show(chosen.name, view.element);
            await view.refresh();
        }
        catch (error) {
            if (current())
                this.#show(chosen.name, broken(error, () => this.#reopen(chosen.name)));
        }
    }
    #show(name, of) {
        const panel = { role: 'tabpanel', id: 'panel', 'aria-labelledby': `tab-${name}`, tabindex: 0 };
        fill(this.#panel, h('div', panel, of));
    }
    #reopen(name) {
        if (this.#current !== name)
            return;
        this.#current = '';
        void this.#open(name);
    }
    #refused(view, error) {
        const [name] = [...this.#views].find(([, known]) => known === view) ?? [];
        if (name === undefined)
            return;
        this.#views.delete(name);
        if (this.#current === name)
            this.#show(name, broken(error, () => this.#reopen(name)));
        void this.#recheck();
    }
    async #loadHead() {
        const card = this.#card;
        if (!card || this.#headless)
            return;
        try {
            const { api, me } = card;
            const { state } = await api.call('get_health');
            if (state !== this.#word)
                fill(this.#state, badge(connectionWord(state)));
            this.#word = state;
            if (me.role !== 'admin')
                return;
            const [reviews, changes] = await Promise.all([api.call('list_reviews'), api.call('list_contact_proposals')]);
            this.#tabs.count('reviews', reviews.length);
            this.#tabs.count('contacts', changes.filter(waits).length);
        }
        catch (error) {
            if (this.#card !== card)
                return;
            if (isSignedOut(error))
                void this.#fail(error);
            if (!isRefused(error))
                return;
            this.#headless = true;
            void this.#recheck();
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
    shown() {
        if (!this.joined)
            void this.#begin();
        else
            void this.#recheck().then(() => this.#catchUp());
    }
    #turn(live) {
        this.#live.classList.toggle('on', live);
        fill(this.#live, live ? 'Live' : 'Waiting for CaseHug…');
    }
    async #fail(error) {
        if (isSignedOut(error))
            this.#out = true;
        this.#notices.fail(error);
        if (isRefused(error))
            await this.#recheck();
    }
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
            void this.#fail(new CardError(why ?? 'The firm was not connected. Begin again.', CODE.test(code) ? code : ''));
            return;
        }
        try {
            const card = this.#card;
            const state = (await card?.api.call('get_health'))?.state ?? '';
            if (['connected', 'degraded'].includes(state))
                card?.say('Connected to Clio.');
        }
        catch {
        }
    }
}
