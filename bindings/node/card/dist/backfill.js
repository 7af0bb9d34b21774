import { fill, fresh, h } from './dom.js';
import { badge, count, empty, endOf, lasting, moment, several } from './format.js';
import { View } from './view.js';
import { backfillWord } from './words.js';
const CHANGED = 'The list was changed meanwhile. Look at it, and plan it again.';
export class BackfillView extends View {
    topics = ['backfills'];
    #list = h('div', {});
    #plan = h('div', { role: 'status' });
    #matters = h('textarea', { id: fresh('matters'), rows: 4, spellcheck: 'false', autocomplete: 'off' });
    #built = false;
    async load() {
        const backfills = await this.card.api.call('list_backfills');
        if (!this.#built)
            this.#build();
        if (this.same(backfills))
            return;
        fill(this.#list, backfills.length === 0
            ? empty('No backfill yet', 'Older matters are synced in the background, behind all other work.')
            : h('ul', { class: 'cards' }, [...backfills].reverse().map((backfill) => this.#backfill(backfill))));
    }
    #build() {
        this.#built = true;
        this.#matters.addEventListener('input', () => fill(this.#plan));
        fill(this.element, h('h3', {}, 'Older matters'), h('p', { class: 'lead' }, 'Matters that existed before the integration can be synced too. Open any matter in CaseHug and click “Sync to Clio”, or send many at once from here.'), h('div', { class: 'panel' }, h('div', { class: 'field' }, h('label', { for: this.#matters.id }, 'Matter ids, one a line'), this.#matters), h('div', { class: 'actions' }, this.card.matters && this.button('All matters that are not synced', 'all', () => this.#all()), this.button('Plan', 'plan', () => this.#show(), 'primary')), this.#plan), this.#list);
    }
    #chosen() {
        return [...new Set(this.#matters.value.split(/[\s,;]+/).filter((id) => id !== ''))];
    }
    async #all() {
        const before = this.#matters.value;
        const ids = await this.card.api.matters(this.card.matters ?? '');
        const states = await inTurns(ids, 4, (matter) => this.card.api.call('get_matter_state', { matter }));
        const missing = ids.filter((_, at) => states[at]?.status === 'not_synced');
        if (this.#matters.value !== before)
            return this.card.say(CHANGED, 'calm');
        this.#matters.value = missing.join('\n');
        fill(this.#plan);
        return `${several(missing.length, 'matter')} of ${count(ids.length)} not synced yet.`;
    }
    async #show() {
        const matters = this.#chosen();
        if (matters.length === 0)
            return this.card.say('Enter at least one matter.', 'calm');
        const planned = () => String(this.#chosen()) === String(matters);
        const plan = await this.card.api.call('plan_backfill', { matters });
        if (!planned())
            return this.card.say(CHANGED, 'calm');
        const { least, most } = plan.calls;
        const start = async () => {
            if (!planned())
                return this.card.say(CHANGED, 'calm');
            await this.card.api.call('start_backfill', { matters });
            if (planned()) {
                this.#matters.value = '';
                fill(this.#plan);
            }
            return 'The backfill began.';
        };
        fill(this.#plan, h('h4', {}, 'Plan'), h('ul', {}, h('li', {}, `${several(plan.matters, 'matter')} to sync`), plan.unreadable > 0 && h('li', { class: 'warn' }, `${several(plan.unreadable, 'matter')} without a readable intake: they will fail`), h('li', {}, least === most ? `${several(most, 'call')} to Clio` : `${count(least)} to ${several(most, 'call')} to Clio`), h('li', {}, plan.lasts_ms > 0 ? `Takes ${lasting(plan.lasts_ms)} or more; done at about ${endOf(plan.lasts_ms)}` : 'Done within a minute')), this.admin
            ? h('div', { class: 'actions' }, this.button('Start backfill', 'start', start, 'primary'))
            : h('p', { class: 'hint' }, 'A firm admin can start it.'));
        return undefined;
    }
    #backfill(of) {
        const done = of.succeeded + of.failed;
        const id = fresh('progress');
        return h('li', { class: 'panel', 'data-backfill': of.id }, h('div', { class: 'line' }, badge(backfillWord(of.status)), h('strong', { class: 'of' }, several(of.total, 'matter')), h('span', { class: 'hint' }, 'started ', moment(of.started_at), ` by ${of.actor}`)), h('label', { for: id }, `${count(done)} of ${count(of.total)} done${of.failed > 0 ? `, ${count(of.failed)} failed at first` : ''}`), h('progress', { id, max: Math.max(of.total, 1), value: done }), this.admin && this.#controls(of));
    }
    #controls(of) {
        const { api } = this.card;
        const pause = async () => {
            await api.call('pause_backfill', { id: of.id });
            return 'Paused. What was begun is finished.';
        };
        const resume = async () => {
            await api.call('resume_backfill', { id: of.id });
            return 'The backfill goes on.';
        };
        const cancel = async () => {
            const yes = await this.card.ask({
                title: 'Cancel this backfill?',
                text: ['Nothing more of it is started. What is in Clio stays there, and what is being synced is finished.'],
                action: 'Cancel the backfill',
                keep: 'Go on',
            });
            if (!yes)
                return undefined;
            await api.call('cancel_backfill', { id: of.id });
            return 'Cancelled. What is in Clio stays there.';
        };
        const button = { running: ['Pause', pause], paused: ['Resume', resume] };
        const first = button[of.status];
        if (!first)
            return null;
        const which = h('span', { class: 'sr' }, ` the backfill of ${several(of.total, 'matter')}, `, moment(of.started_at));
        return h('div', { class: 'actions' }, this.button([first[0], which], `turn ${of.id}`, first[1]), this.button(['Cancel', which.cloneNode(true)], `cancel ${of.id}`, cancel, 'danger quiet'));
    }
}
async function inTurns(from, most, ask) {
    const answers = [];
    for (let at = 0; at < from.length; at += most)
        answers.push(...(await Promise.all(from.slice(at, at + most).map(ask))));
    return answers;
}
