import { isSignedOut, known, signedOut } from './api.js';
import { CardBase } from './base.js';
import { fill, h } from './dom.js';
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
    static observedAttributes = ['matter'];
    #state = h('span', { class: 'state', role: 'status' });
    #more = h('div', { class: 'more' });
    #failed = h('p', { class: 'cause', role: 'alert' });
    #of = h('span', { class: 'sr' });
    #button = h('button', { type: 'button', class: 'small', onclick: () => void this.#sync() }, 'Sync to Clio', this.#of);
    #shown = '';
    #asking = false;
    /** There may be more to show than is shown. */
    #again = false;
    #visible = false;
    /** Nobody is signed in: nothing is asked until the page is shown again. */
    #out = false;
    #timer;
    #observer = null;
    connectedCallback() {
        fill(this.root, h('div', { class: 'sync' }, h('div', { class: 'line' }, this.#state, this.#button), this.#more, this.#failed));
        this.#of.textContent = ` ${this.#matter}`;
        document.addEventListener('visibilitychange', this.#seen);
        addEventListener('focus', this.#seen);
        this.#again = true;
        this.#watch();
        void this.#begin();
    }
    disconnectedCallback() {
        document.removeEventListener('visibilitychange', this.#seen);
        removeEventListener('focus', this.#seen);
        clearTimeout(this.#timer);
        this.#observer?.disconnect();
        this.#observer = null;
        this.#visible = false;
        this.leave();
    }
    attributeChangedCallback(_name, before, matter) {
        if (!this.isConnected || matter === before)
            return;
        this.#of.textContent = ` ${this.#matter}`;
        // What was shown is another matter's.
        this.#shown = '';
        for (const shown of [this.#state, this.#more])
            shown.replaceChildren();
        if (!this.#out)
            this.#failed.replaceChildren();
        void this.#refresh();
    }
    /** Follows whether the person sees it; where that cannot be told, it counts as seen. */
    #watch() {
        const seen = (visible) => {
            this.#visible = visible;
            this.#seen();
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
            await this.join(this.api, { changed, live: () => undefined, signedOut: () => this.#fail(signedOut()) });
        }
        catch (error) {
            this.#fail(error);
            this.#later(error);
        }
    }
    #seen = () => {
        if (document.hidden)
            return;
        if (this.#out) {
            this.#out = false;
            this.#again = true;
            this.#failed.replaceChildren();
        }
        if (this.#again)
            void this.#refresh();
    };
    /** Asks after this time; what is asked for until then is one. */
    #soon(ms) {
        this.#again = true;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.#refresh(), ms);
    }
    /** After what could not be asked; who is signed out is asked for when the page is shown again. */
    #later(error) {
        if (!isSignedOut(error) && this.isConnected)
            this.#soon(PAUSE_MS * (0.75 + Math.random() / 2));
    }
    /** Asks where the sync stands: once at a time, and not while nobody looks. */
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
            const matter = this.#matter;
            try {
                const state = await this.api.call('get_matter_state', { matter });
                if (matter === this.#matter)
                    this.#show(state);
            }
            catch (error) {
                // Of a matter that is not meant any more: the one that is comes next.
                if (matter !== this.#matter && !isSignedOut(error))
                    continue;
                if (this.#shown === '' || isSignedOut(error))
                    this.#fail(error);
                this.#later(error);
                break;
            }
        }
        this.#asking = false;
    }
    get #looked() {
        return this.#visible && !document.hidden && !this.#out;
    }
    #show(state) {
        const shown = JSON.stringify(state);
        if (shown === this.#shown)
            return;
        this.#shown = shown;
        // Who looks may still be unknown: that stays said.
        if (this.joined)
            this.#failed.replaceChildren();
        fill(this.#state, badge(matterWord(state.status)));
        fill(this.#more, inClio(state), notes(state), problem(state));
    }
    async #sync() {
        if (this.#button.getAttribute('aria-disabled') === 'true')
            return;
        this.#button.setAttribute('aria-disabled', 'true');
        const matter = this.#matter;
        try {
            await this.api.call('trigger_sync', { matter, trigger: 'manual' });
            if (matter === this.#matter)
                this.#failed.replaceChildren();
        }
        catch (error) {
            if (matter === this.#matter || isSignedOut(error))
                this.#fail(error);
        }
        finally {
            this.#button.removeAttribute('aria-disabled');
        }
        await this.#refresh();
    }
    #fail(error) {
        if (isSignedOut(error))
            this.#out = true;
        const { message, code } = known(error);
        fill(this.#failed, message, ' ', h('code', {}, code));
    }
}
/** What Clio says of the matter, with a way there. */
function inClio({ clio_url: url, clio_status: status }) {
    const link = url && /^https?:/.test(url) && h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, 'Open in Clio');
    if (!status && !link)
        return null;
    const word = status && h('span', {}, 'In Clio: ', h('strong', {}, plain(status.status)));
    const learned = status?.seen_at && h('span', { class: 'hint' }, ', learned ', moment(status.seen_at));
    return h('p', { class: 'hint' }, word, learned, status && link && ' · ', link);
}
/** What a person should look at in Clio. */
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
