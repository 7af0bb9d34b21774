// What every view of the card is: an element that loads what it shows, and loads it anew when that
// changed.
import { isRefused, isSignedOut, known } from './api.js';
import { fill, h } from './dom.js';
import { oneAtATime } from './turns.js';
/** After a reload that failed; twice as long after each one more. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
export class View {
    element = h('section', { class: 'view' });
    card;
    /** Loads anew; once more at the end if it was asked for meanwhile. */
    refresh = oneAtATime(() => this.#load());
    #loaded = false;
    /** Keys of the buttons whose action is not over: out of use, also when they are shown anew. */
    #acting = new Set();
    #shown = '';
    #stale = h('p', { class: 'note fair', role: 'status' });
    #pause = FIRST_PAUSE_MS;
    #retry;
    constructor(card) {
        this.card = card;
        this.element.append(h('p', { class: 'loading', role: 'status' }, 'Loading…'));
    }
    get admin() {
        return this.card.me.role === 'admin';
    }
    /** Whether the host said the same before; if not, this is what is shown from now on. */
    same(...answers) {
        const shown = JSON.stringify(answers);
        const same = shown === this.#shown;
        this.#shown = shown;
        return same;
    }
    /** The next load shows everything anew, also if the host says the same as before. */
    forget() {
        this.#shown = '';
    }
    async #load() {
        try {
            await this.load();
            this.#loaded = true;
            this.#pause = FIRST_PAUSE_MS;
            clearTimeout(this.#retry);
            this.#stale.remove();
        }
        catch (error) {
            if (isRefused(error))
                return this.card.refused(this, error);
            // What is shown stays, and says that it is old. An empty view has to say why it is empty.
            if (!this.#loaded)
                this.#broken(error);
            else if (!isSignedOut(error))
                this.#old(error);
            if (isSignedOut(error))
                void this.card.fail(error);
        }
    }
    #old(error) {
        fill(this.#stale, 'This could not be brought up to date. It is tried again. ', h('code', {}, known(error).code));
        if (!this.#stale.isConnected)
            this.element.prepend(this.#stale);
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#tryAgain(), this.#pause * (0.75 + Math.random() / 2));
        this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    }
    /** A view that is not shown is loaded when it is. */
    #tryAgain() {
        if (!this.element.isConnected)
            return;
        // A page that nobody sees waits; the card remembers that.
        this.card.refresh();
    }
    #broken(error) {
        this.element.replaceChildren(broken(error, () => this.card.refresh()));
    }
    /**
     * A button that does something at the host: it is out of use meanwhile, and what went wrong is
     * shown. `action` may answer with what to say when it is done.
     */
    button(label, key, action, kind = '') {
        // `disabled` would take the focus away.
        const acts = this.#acting.has(key) && 'true';
        return h('button', { type: 'button', class: kind, 'data-key': key, 'aria-disabled': acts, onclick: () => void this.#press(key, action) }, label);
    }
    async #press(key, action) {
        if (this.#acting.has(key))
            return;
        this.#acting.add(key);
        for (const button of this.#buttons(key))
            button.setAttribute('aria-disabled', 'true');
        try {
            const said = await action();
            if (said)
                this.card.say(said);
        }
        catch (error) {
            await this.card.fail(error);
        }
        finally {
            this.#acting.delete(key);
            for (const button of this.#buttons(key))
                button.removeAttribute('aria-disabled');
        }
        await this.refresh();
    }
    #buttons(key) {
        return this.element.querySelectorAll(`button[data-key="${CSS.escape(key)}"]`);
    }
}
/** What is shown in place of a view that could not be loaded. */
export function broken(error, again) {
    const { message, code } = known(error);
    return h('div', { class: 'empty', role: 'alert' }, h('p', {}, message, ' ', h('code', {}, code)), h('button', { type: 'button', onclick: again }, 'Try again'));
}
