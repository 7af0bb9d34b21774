import { isRefused, isSignedOut, known } from './api.js';
import { fill, h } from './dom.js';
import { oneAtATime } from './turns.js';
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
export class View {
    element = h('section', { class: 'view' });
    card;
    refresh = oneAtATime(() => this.#load());
    #loaded = false;
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
    same(...answers) {
        const shown = JSON.stringify(answers);
        const same = shown === this.#shown;
        this.#shown = shown;
        return same;
    }
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
    #tryAgain() {
        if (!this.element.isConnected)
            return;
        this.card.refresh();
    }
    #broken(error) {
        this.element.replaceChildren(broken(error, () => this.card.refresh()));
    }
    button(label, key, action, kind = '') {
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
export function broken(error, again) {
    const { message, code } = known(error);
    return h('div', { class: 'empty', role: 'alert' }, h('p', {}, message, ' ', h('code', {}, code)), h('button', { type: 'button', onclick: again }, 'Try again'));
}
