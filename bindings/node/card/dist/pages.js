// A list that is read page by page, with a filter; both logs are one.
import { fill, fresh, h } from './dom.js';
const TYPED_MS = 300;
/** The controls of a filter. `changed` is called when the person has chosen. */
export function filters(of, changed) {
    let typing;
    const later = () => {
        clearTimeout(typing);
        typing = setTimeout(changed, TYPED_MS);
    };
    const fields = of.map(([name, label, choices]) => {
        const id = fresh(name);
        const control = choices === 'day'
            ? h('input', { type: 'date', id, name, onchange: changed })
            : choices
                ? h('select', { id, name, onchange: changed }, h('option', { value: '' }, 'All'), Object.entries(choices).map(([value, text]) => h('option', { value }, text)))
                : h('input', { type: 'search', id, name, autocomplete: 'off', oninput: later });
        return h('div', { class: 'field' }, h('label', { for: id }, label), control);
    });
    const element = h('form', { class: 'filters', role: 'search', onsubmit: (event) => event.preventDefault() }, fields);
    const chosen = () => {
        const entries = [...new FormData(element)].map(([name, value]) => [name, String(value).trim()]);
        return Object.fromEntries(entries.filter(([, value]) => value !== ''));
    };
    return { element, chosen };
}
/** The time at which a day begins here, or the one after it. */
export function dayBegins(day, after = 0) {
    if (!day)
        return null;
    const begin = new Date(`${day}T00:00`);
    begin.setDate(begin.getDate() + after);
    return Number.isNaN(begin.getTime()) ? null : begin.toISOString();
}
/** Shows pages one below the other. Loaded anew, it shows as many items as before. */
export class Pages {
    element = h('div', {});
    #read;
    #show;
    #size;
    #fail;
    #items = [];
    #next = null;
    #shown = '';
    #turn = 0;
    /** `read` asks for a page, `show` shows all items, `fail` says why more could not be read. */
    constructor(size, read, show, fail) {
        this.#size = size;
        this.#read = read;
        this.#show = show;
        this.#fail = fail;
    }
    /** Reads from the beginning. */
    async reload(most = Math.min(Math.max(this.#items.length, this.#size), 500)) {
        this.#turn += 1;
        const turn = this.#turn;
        const { items, next } = await this.#whole(null, most);
        // The filter was changed meanwhile.
        if (turn !== this.#turn)
            return;
        this.#items = items;
        this.#next = next;
        this.#draw();
    }
    /** Begins anew, as after a change of the filter. */
    restart() {
        this.#items = [];
        this.reload().catch(this.#fail);
    }
    /** A page may be empty although there is more: then the next is read too. */
    async #whole(after, limit) {
        let page = await this.#read(after, limit);
        for (let passes = 0; page.items.length === 0 && page.next !== null && passes < 20; passes += 1) {
            page = await this.#read(page.next, limit);
        }
        return page;
    }
    async #more() {
        const turn = this.#turn;
        const { items, next } = await this.#whole(this.#next, this.#size);
        if (turn !== this.#turn)
            return;
        this.#items = [...this.#items, ...items];
        this.#next = next;
        this.#draw();
    }
    #draw() {
        const shown = JSON.stringify([this.#items, this.#next]);
        if (shown === this.#shown)
            return;
        this.#shown = shown;
        const more = h('button', { type: 'button', 'data-key': 'more', onclick: () => void this.#more().catch(this.#fail) }, 'Show more');
        fill(this.element, this.#show(this.#items), this.#next !== null && h('div', { class: 'actions more' }, more));
    }
}
