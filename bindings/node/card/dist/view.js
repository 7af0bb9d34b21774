// What every view of the card is: an element that loads what it shows, and loads it anew when that
// changed.
import { CardError } from './api.js';
import { h } from './dom.js';
export class View {
    element = h('section', { class: 'view' });
    card;
    #loading = null;
    #again = false;
    #loaded = false;
    constructor(card) {
        this.card = card;
        this.element.append(h('p', { class: 'loading', role: 'status' }, 'Loading…'));
    }
    get admin() {
        return this.card.me.role === 'admin';
    }
    /** Loads anew; once more at the end if it was asked for meanwhile. */
    refresh() {
        if (this.#loading) {
            this.#again = true;
            return this.#loading;
        }
        this.#loading = this.#load().finally(() => {
            this.#loading = null;
        });
        return this.#loading;
    }
    async #load() {
        do {
            this.#again = false;
            try {
                await this.load();
                this.#loaded = true;
            }
            catch (error) {
                // What is shown stays; the card says whether changes arrive. An empty view has to say why.
                if (!this.#loaded)
                    this.#broken(error);
            }
        } while (this.#again);
    }
    #broken(error) {
        const message = error instanceof CardError ? error.message : 'It could not be shown.';
        const code = error instanceof CardError ? error.code : 'internal';
        const again = h('button', { type: 'button', onclick: () => this.card.refresh() }, 'Try again');
        this.element.replaceChildren(h('div', { class: 'empty', role: 'alert' }, h('p', {}, message, ' ', h('code', {}, code)), again));
    }
    /**
     * A button that does something at the host: it is out of use meanwhile, and what went wrong is
     * shown. `action` may answer with what to say when it is done.
     */
    button(label, key, action, kind = '') {
        const press = async () => {
            if (button.getAttribute('aria-disabled') === 'true')
                return;
            // `disabled` would take the focus away.
            button.setAttribute('aria-disabled', 'true');
            try {
                const said = await action();
                if (said)
                    this.card.say(said);
            }
            catch (error) {
                this.card.fail(error);
            }
            finally {
                button.removeAttribute('aria-disabled');
            }
            await this.refresh();
        };
        const button = h('button', { type: 'button', class: kind, 'data-key': key, onclick: () => void press() }, label);
        return button;
    }
}
