import { isRefused, isSame, isSignedOut, known, signedOut } from './api.js';
import { CardBase } from './base.js';
import { fill, h } from './dom.js';
import { badge, moment, twice } from './format.js';
import { matterWord, noteName, plain } from './words.js';
const TOPICS = ['runs', 'matters', 'health'];
const CALM_MS = 100;
const SPREAD_MS = 400;
const PAUSE_MS = 15_000;
export class SyncButton extends CardBase {
    static observedAttributes = ['matter', 'api'];
    #state = h('span', { class: 'state', role: 'status' });
    #more = h('div', { class: 'more' });
    #failed = h('p', { class: 'cause', role: 'alert' });
    #of = h('span', { class: 'sr' });
    #button = h('button', { type: 'button', class: 'small', onclick: () => void this.#sync() }, 'Sync to Clio', this.#of);
    #shown = '';
    #person = null;
    #turn = 0;
    #asking = false;
    #again = false;
    #visible = false;
    #out = false;
    #refused = false;
    #timer;
    #observer = null;
    connectedCallback() {
        super.connectedCallback();
        fill(this.root, h('div', { class: 'sync' }, h('div', { class: 'line' }, this.#state, this.#button), this.#more, this.#failed));
        this.#of.textContent = ` ${this.#matter}`;
        this.#out = false;
        this.#refused = false;
        this.#again = true;
        this.#watch();
        void this.#begin();
    }
    disconnectedCallback() {
        super.disconnectedCallback();
        clearTimeout(this.#timer);
        this.#observer?.disconnect();
        this.#observer = null;
        this.#visible = false;
    }
    attributeChangedCallback(name, before, now) {
        if (now === before)
            return;
        this.#of.textContent = ` ${this.#matter}`;
        this.#refused = false;
        this.#button.removeAttribute('aria-disabled');
        this.#clear();
        if (!this.#out)
            this.#failed.replaceChildren();
        if (!this.isConnected)
            return;
        if (name === 'api')
            this.leave();
        void this.#refresh();
    }
    #clear() {
        this.#shown = '';
        this.#turn += 1;
        for (const shown of [this.#state, this.#more])
            shown.replaceChildren();
    }
    #watch() {
        const seen = (visible) => {
            this.#visible = visible;
            if (this.#again)
                void this.#refresh();
        };
        if (typeof IntersectionObserver !== 'function')
            return seen(true);
        this.#observer = new IntersectionObserver((entries) => seen(entries.at(-1)?.isIntersecting === true));
        this.#observer.observe(this);
    }
    get #matter() {
        return this.getAttribute('matter') ?? '';
    }
    async #begin() {
        if (this.joined)
            return;
        this.#failed.replaceChildren();
        const changed = (what) => {
            if (!what || what.some((topic) => TOPICS.includes(topic)))
                this.#soon(CALM_MS + Math.random() * SPREAD_MS);
        };
        try {
            const me = await this.join(this.api, { changed, live: () => undefined, signedOut: () => void this.#fail(signedOut()) });
            if (!me)
                return;
            const another = this.#person !== null && !isSame(me, this.#person);
            this.#person = me;
            if (!another)
                return;
            this.#clear();
            void this.#refresh();
        }
        catch (error) {
            void this.#fail(error);
            this.#later(error);
        }
    }
    shown() {
        void this.#recheck(true);
    }
    async #recheck(anew = false) {
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
        }
        catch (error) {
            if (isSignedOut(error)) {
                this.#clear();
                return this.#fail(error);
            }
        }
        if (this.#again || !this.joined)
            void this.#refresh();
    }
    #soon(ms) {
        this.#again = true;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.#refresh(), ms);
    }
    #later(error) {
        if (!isSignedOut(error) && !isRefused(error) && this.isConnected)
            this.#soon(PAUSE_MS * (0.75 + Math.random() / 2));
    }
    async #refresh() {
        this.#again = true;
        if (!this.#looked)
            return;
        if (!this.joined)
            void this.#begin();
        if (this.#asking)
            return;
        this.#asking = true;
        while (this.#again && this.#looked) {
            this.#again = false;
            const turn = this.#turn;
            try {
                const state = await this.api.call('get_matter_state', { matter: this.#matter });
                if (turn === this.#turn)
                    this.#show(state);
            }
            catch (error) {
                if (turn !== this.#turn && !isSignedOut(error))
                    continue;
                if (isRefused(error)) {
                    this.#refused = true;
                    this.#clear();
                }
                if (this.#shown === '' || isSignedOut(error))
                    void this.#fail(error);
                this.#later(error);
                break;
            }
        }
        this.#asking = false;
    }
    get #looked() {
        return this.#visible && !document.hidden && !this.#out && !this.#refused;
    }
    #show(state) {
        const shown = JSON.stringify(state);
        if (shown === this.#shown)
            return;
        this.#shown = shown;
        if (this.joined)
            this.#failed.replaceChildren();
        fill(this.#state, badge(matterWord(state.status)));
        fill(this.#more, inClio(state), notes(state), problem(state));
    }
    async #sync() {
        if (this.#button.getAttribute('aria-disabled') === 'true')
            return;
        this.#button.setAttribute('aria-disabled', 'true');
        const [turn, matter] = [this.#turn, this.#matter];
        try {
            await this.api.call('trigger_sync', { matter, trigger: 'manual' });
            if (turn === this.#turn)
                this.#failed.replaceChildren();
            if (this.#out)
                await this.#recheck(true);
        }
        catch (error) {
            if (turn === this.#turn || isSignedOut(error))
                await this.#fail(error);
        }
        finally {
            if (matter === this.#matter)
                this.#button.removeAttribute('aria-disabled');
        }
        await this.#refresh();
    }
    async #fail(error) {
        if (isSignedOut(error))
            this.#out = true;
        const { message, code } = known(error);
        fill(this.#failed, message, ' ', h('code', {}, code));
        if (isRefused(error))
            await this.#recheck();
    }
}
function inClio({ clio_url: url, clio_status: status }) {
    const link = url && /^https?:/.test(url) && h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, 'Open in Clio');
    if (!status && !link)
        return null;
    const word = status && h('span', {}, 'In Clio: ', h('strong', {}, plain(status.status)));
    const learned = status?.seen_at && h('span', { class: 'hint' }, ', learned ', moment(status.seen_at));
    return h('p', { class: 'hint' }, word, learned, status && link && ' · ', link);
}
function notes({ clio_contact: contact, clio_contact_gone: gone, clio_contact_notes: known, second_records: records }) {
    const line = (...text) => h('li', {}, text);
    const lines = [
        gone && line(`The contact${contact ? ` no. ${contact}` : ''} is gone in Clio, or hidden from the connected user.`),
        ...known.map((note) => line(noteName(note), ' ', h('code', {}, note), contact && ` (contact no. ${contact})`)),
        ...records.map((of) => line(twice(of), ' Look at them in Clio: keep the one that is linked, and merge or delete the other.')),
    ].filter((of) => of !== false);
    return lines.length > 0 && h('ul', { class: 'look', 'aria-label': 'Look at these in Clio' }, lines);
}
function problem({ status, last_run: last, parked }) {
    if (parked)
        return h('p', { class: 'hint' }, 'It waits for the firm to be connected.');
    if (!last?.failure || !['failed', 'partial', 'queued', 'gone'].includes(status))
        return null;
    return h('p', { class: 'cause' }, last.failure.message, ' ', h('code', {}, last.failure.code), ' ', moment(last.at));
}
