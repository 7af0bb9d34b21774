import { known } from './api.js';
import { fill, h, icon } from './dom.js';
import { SHAPES } from './format.js';
const SAID_MS = 10_000;
export class Notices {
    #said = h('p', { class: 'said', role: 'status' });
    #failed = h('div', { class: 'failed', role: 'alert' });
    elements = [this.#failed, this.#said];
    #saying;
    say(text, tone = 'good') {
        this.clear();
        this.#said.classList.toggle('calm', tone === 'calm');
        this.#said.textContent = text;
        this.#saying = setTimeout(() => this.#said.replaceChildren(), SAID_MS);
    }
    fail(error) {
        this.clear();
        const { message, code, number, where } = known(error);
        const close = h('button', { type: 'button', class: 'quiet small', onclick: () => this.#failed.replaceChildren() }, 'Dismiss');
        const said = code && h('code', {}, number === null ? code : `${code} (${number})`);
        fill(this.#failed, h('div', { class: 'note bad' }, icon(SHAPES.fair), h('p', {}, message, ' ', said, where && [' at ', h('code', {}, where)]), close));
    }
    clear() {
        clearTimeout(this.#saying);
        for (const of of this.elements)
            of.replaceChildren();
    }
}
