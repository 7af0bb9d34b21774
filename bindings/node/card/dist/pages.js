import { fill, fresh, h } from './dom.js';
const DAYS = [
    ['since', 'From', 'day'],
    ['until', 'To', 'day'],
];
const TYPED_MS = 300;
const MOST = 500;
export function filters(of, changed) {
    let typing;
    const later = () => {
        clearTimeout(typing);
        typing = setTimeout(changed, TYPED_MS);
    };
    const fields = [...of, ...DAYS].map(([name, label, choices]) => {
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
    const days = () => {
        const { since, until } = chosen();
        return { since: dayBegins(since), until: dayBegins(until, 1) };
    };
    return { element, chosen, days };
}
function dayBegins(day, after = 0) {
    if (!day)
        return null;
    const begin = new Date(`${day}T00:00`);
    begin.setDate(begin.getDate() + after);
    return Number.isNaN(begin.getTime()) ? null : begin.toISOString();
}
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
    #adding = null;
    #last = Promise.resolve();
    constructor(size, read, show, fail) {
        this.#size = size;
        this.#read = read;
        this.#show = show;
        this.#fail = fail;
    }
    reload() {
        return this.#inTurn(async (current) => {
            if (!current())
                return;
            const most = Math.min(Math.max(this.#items.length, this.#size), MOST);
            const { items, next } = await this.#whole(null, most);
            if (!current())
                return;
            this.#items = items;
            this.#next = next;
            this.#draw();
        });
    }
    restart() {
        this.#turn += 1;
        this.#items = [];
        this.#shown = '';
        this.#last = Promise.resolve();
        const turn = this.#turn;
        this.reload().catch((error) => {
            if (turn === this.#turn)
                fill(this.element, h('div', { class: 'actions more' }, h('button', { type: 'button', onclick: () => this.restart() }, 'Try again')));
            this.#fail(error);
        });
    }
    async #whole(after, limit) {
        let page = await this.#read(after, limit);
        for (let passes = 0; page.items.length === 0 && page.next !== null && passes < 20; passes += 1) {
            page = await this.#read(page.next, limit);
        }
        return page;
    }
    #inTurn(read) {
        const turn = this.#turn;
        const done = this.#last.then(() => read(() => turn === this.#turn));
        this.#last = done.catch(() => undefined);
        return done;
    }
    async #more() {
        const turn = this.#turn;
        if (this.#adding === turn)
            return;
        this.#adding = turn;
        try {
            await this.#inTurn(async (current) => {
                if (!current() || this.#next === null)
                    return;
                const { items, next } = await this.#whole(this.#next, this.#size);
                if (!current())
                    return;
                this.#items = [...this.#items, ...items];
                this.#next = next;
                this.#draw();
            });
        }
        finally {
            if (this.#adding === turn)
                this.#adding = null;
        }
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
