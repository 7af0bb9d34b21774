// What every view of the card is: an element that loads what it shows, and loads it anew when that
// changed.
import { isSignedOut, known } from './api.js';
import { fill, h } from './dom.js';
/** After a reload that failed; twice as long after each one more. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
export class View {
    element = h('section', { class: 'view' });
    card;
    #loading = null;
    #again = false;
    #loaded = false;
    /** Actions of buttons that are not over. */
    #acting = 0;
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
    /** Whether a button was pressed whose action is not over; then the view loads anew by itself. */
    get acts() {
        return this.#acting > 0;
    }
    /** Whether the host said the same before; if not, this is what is shown from now on. */
    same(...answers) {
        const shown = JSON.stringify(answers);
        const same = shown === this.#shown;
        this.#shown = shown;
        return same;
    }
    /**
     * Loads anew; once more at the end if it was asked for meanwhile. While a button's action is not
     * over it waits for that, so that the button stays as it is.
     */
    refresh() {
        if (this.acts)
            return Promise.resolve();
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
                this.#pause = FIRST_PAUSE_MS;
                clearTimeout(this.#retry);
                this.#stale.remove();
            }
            catch (error) {
                // What is shown stays, and says that it is old. An empty view has to say why it is empty.
                if (!this.#loaded)
                    this.#broken(error);
                else if (!isSignedOut(error))
                    this.#old(error);
                if (isSignedOut(error))
                    this.card.fail(error);
            }
        } while (this.#again && !this.acts);
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
        const { message, code } = known(error);
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
            this.#acting += 1;
            try {
                const said = await action();
                if (said)
                    this.card.say(said);
            }
            catch (error) {
                this.card.fail(error);
            }
            finally {
                this.#acting -= 1;
                button.removeAttribute('aria-disabled');
            }
            await this.refresh();
        };
        const button = h('button', { type: 'button', class: kind, 'data-key': key, onclick: () => void press() }, label);
        return button;
    }
}
