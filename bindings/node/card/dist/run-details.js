import { h } from './dom.js';
import { badge, facts, moment, pair } from './format.js';
import { noteName, outcomeWord, plain, stepName } from './words.js';
export function details(run) {
    return [
        facts([
            ['Started', moment(run.started_at)],
            ['Ended', run.ended_at ? moment(run.ended_at) : 'Not yet'],
            ['Attempt', run.attempt],
            ['Retries', run.retries],
            ['Run', h('code', {}, run.run)],
        ]),
        run.steps.length > 0 ? h('ul', { class: 'steps' }, run.steps.map(step)) : h('p', { class: 'hint' }, 'No step was begun.'),
        run.failure && !run.steps.some(({ failure }) => failure?.code === run.failure?.code) && circumstances('Why', run.failure),
        run.survived && circumstances('Went on after', run.survived),
    ];
}
function step(of) {
    return h('li', {}, badge(outcomeWord(of.outcome)), ' ', h('span', {}, `${stepName(of.step)} `, h('code', {}, of.id), of.clio && ` → no. ${of.clio} in Clio`), of.notes.map((note) => h('p', { class: 'hint' }, noteName(note), ' ', h('code', {}, note))), of.second_records.length > 0 && h('p', { class: 'hint' }, `The same is in Clio as no. ${of.second_records.join(', ')}.`), of.failure && h('p', { class: 'cause' }, of.failure.message, ' ', h('code', {}, of.failure.code), context(of.failure)));
}
function circumstances(title, of) {
    return h('div', { class: 'cause' }, h('strong', {}, `${title}: `), of.message, ' ', h('code', {}, of.code), context(of));
}
const SAID = ['step', 'matter', 'client', 'document'];
function context({ context: known }) {
    const entries = Object.entries(known).filter(([name]) => !SAID.includes(name));
    return entries.length > 0 && h('div', {}, entries.map(([name, value]) => pair(plain(name), value)));
}
