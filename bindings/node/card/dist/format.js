import { h, icon } from './dom.js';
import { stepName } from './words.js';
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const numbers = new Intl.NumberFormat();
export const count = (of) => numbers.format(of);
export const several = (of, one) => `${count(of)} ${of === 1 ? one : `${one}s`}`;
export function moment(at) {
    const when = new Date(at);
    const text = Number.isNaN(when.getTime()) ? at : dateTime.format(when);
    return h('time', { datetime: at, title: at }, text);
}
export function endOf(ms) {
    const end = new Date(Date.now() + ms);
    return end.toDateString() === new Date().toDateString() ? timeOnly.format(end) : dateTime.format(end);
}
export function lasting(ms) {
    if (ms < 60_000)
        return several(Math.max(1, Math.round(ms / 1000)), 'second');
    if (ms < 3_600_000)
        return several(Math.round(ms / 60_000), 'minute');
    return several(Math.round(ms / 360_000) / 10, 'hour');
}
export const SHAPES = {
    good: 'M5 12.5l4.5 4.5L19 7.5',
    fair: 'M12 6v7.5m0 3.5v.5',
    bad: 'M7 7l10 10M17 7L7 17',
    calm: 'M6 12h12',
};
export function badge({ text, tone }) {
    return h('span', { class: `badge ${tone}` }, icon(SHAPES[tone]), text);
}
export function facts(of) {
    const there = of.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== '');
    return h('dl', { class: 'facts' }, there.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}
export function pair(name, value) {
    return h('span', { class: 'pair' }, `${name} `, h('code', {}, value), ' ');
}
export function advice(message, code, tone = 'fair') {
    return h('div', { class: `note ${tone}` }, icon(SHAPES[tone]), h('p', {}, message, ' ', h('code', {}, code)));
}
export const waits = ({ accepted, direction }) => !accepted || direction === 'to_clio';
export const twice = (of) => [
    `${stepName(of.step)} `,
    h('code', {}, of.id),
    ` is linked to no. ${of.clio} in Clio; the same is there as no. ${of.others.join(', ')}.`,
];
export function table(kind, heads, rows, caption) {
    return h('table', { class: `rows ${kind}`, role: 'table' }, caption && h('caption', { class: 'sr' }, caption), h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads.map((head) => h('th', { role: 'columnheader', scope: 'col' }, head)))), h('tbody', { role: 'rowgroup' }, rows));
}
export function empty(title, text) {
    return h('div', { class: 'empty' }, icon('M4 7h16v12H4zM4 7l3-3h10l3 3M9 12h6'), h('strong', {}, title), h('p', {}, text));
}
