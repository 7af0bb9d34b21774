import { CardError } from './api.js';
import { fill, fresh, h } from './dom.js';
import { empty, moment } from './format.js';
import { View } from './view.js';
const QUESTIONS = {
    contact: 'Which contact in Clio is this client?',
    matter: 'Is one of these in Clio this matter?',
    document: 'Is one of these in Clio this document?',
};
const NONE = {
    contact: 'None of these: create a new contact',
    matter: 'None of these: create a new matter',
    document: 'None of these: send the document again',
};
const CHANGED = 'The records in Clio that come into question changed. Look at them, and choose again.';
const keyOf = ({ step, id }) => `${step} ${id}`;
export class ReviewsView extends View {
    topics = ['reviews'];
    #chosen = new Map();
    #changed = new Set();
    async load() {
        const reviews = await this.card.api.call('list_reviews');
        this.#keep(reviews);
        if (this.same(reviews))
            return;
        fill(this.element, h('h3', {}, 'Questions'), h('p', { class: 'lead' }, 'It could not be told by itself whether a record in Clio is the one that is meant. Look at it in Clio, then answer; the sync goes on by itself.'), reviews.length === 0
            ? empty('No open questions', 'When a person has to decide, the question is here.')
            : h('ul', { class: 'cards' }, reviews.map((review) => this.#question(review))));
    }
    #keep(reviews) {
        const now = new Map(reviews.map((review) => [keyOf(review), String(review.candidates)]));
        for (const [key, { of }] of this.#chosen)
            if (now.get(key) !== of)
                this.#drop(key);
        for (const key of this.#changed)
            if (!now.has(key))
                this.#changed.delete(key);
    }
    #drop(key) {
        this.#chosen.delete(key);
        this.#changed.add(key);
        this.forget();
    }
    #question(review) {
        const name = fresh('answer');
        const key = keyOf(review);
        const choose = (value) => {
            this.#chosen.set(key, { value, of: String(review.candidates) });
            this.#changed.delete(key);
        };
        const choice = (value, label) => {
            const id = fresh('choice');
            return h('div', { class: 'option' }, h('input', { type: 'radio', id, name, value, checked: this.#chosen.get(key)?.value === value, 'data-key': `choice ${key} ${value}`, onchange: () => choose(value) }), h('label', { for: id }, label));
        };
        const form = h('form', { onsubmit: (event) => event.preventDefault() }, h('fieldset', {}, h('legend', {}, QUESTIONS[review.step] ?? 'Is one of these in Clio the one that is meant?'), review.candidates.map((clio) => choice(clio, `No. ${clio} in Clio`)), choice('', NONE[review.step] ?? 'None of these')), h('div', { class: 'actions' }, this.button(['Answer', h('span', { class: 'sr' }, ` for ${review.id}`)], `answer ${key}`, () => this.#answer(review, key), 'primary')));
        return h('li', { class: 'panel' }, h('p', { class: 'hint' }, h('code', {}, review.id), ' · since ', moment(review.since)), h('p', { class: 'hint' }, `Waiting for the answer: ${review.matters.join(', ')}`), this.#changed.has(key) && h('p', { class: 'note fair', role: 'status' }, CHANGED), form);
    }
    async #answer({ step, id, candidates }, key) {
        const chosen = this.#chosen.get(key);
        if (chosen === undefined)
            return this.card.say('Choose an answer first.', 'calm');
        const decision = chosen.value === '' ? { answer: 'create' } : { answer: 'link', clio: chosen.value };
        try {
            await this.card.api.call('resolve_review', { step, id, decision, candidates });
        }
        catch (error) {
            if (error instanceof CardError && error.code === 'review_changed')
                this.#drop(key);
            throw error;
        }
        this.#chosen.delete(key);
        return 'Answered. The matter is synced again.';
    }
}
