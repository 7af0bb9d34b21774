// Times and numbers as the person's browser writes them, and small pieces that views share.
import type { ProposedContact, SecondRecord } from '../../src/operations.mjs';
import { h, icon, type Child } from './dom.js';
import { stepName, type Word } from './words.js';

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const numbers = new Intl.NumberFormat();

export const count = (of: number): string => numbers.format(of);

/** `1 matter`, `2 matters`. */
export const several = (of: number, one: string): string => `${count(of)} ${of === 1 ? one : `${one}s`}`;

/** A moment, readable, with the exact one for machines. */
export function moment(at: string): HTMLTimeElement {
  const when = new Date(at);
  const text = Number.isNaN(when.getTime()) ? at : dateTime.format(when);
  return h('time', { datetime: at, title: at }, text);
}

/** When something ends that lasts so long from now, without a day if that is today. */
export function endOf(ms: number): string {
  const end = new Date(Date.now() + ms);
  return end.toDateString() === new Date().toDateString() ? timeOnly.format(end) : dateTime.format(end);
}

/** A length of time in the largest unit that fits. */
export function lasting(ms: number): string {
  if (ms < 60_000) return several(Math.max(1, Math.round(ms / 1000)), 'second');
  if (ms < 3_600_000) return several(Math.round(ms / 60_000), 'minute');
  return several(Math.round(ms / 360_000) / 10, 'hour');
}

export const SHAPES = {
  good: 'M5 12.5l4.5 4.5L19 7.5',
  fair: 'M12 6v7.5m0 3.5v.5',
  bad: 'M7 7l10 10M17 7L7 17',
  calm: 'M6 12h12',
};

/** A status in words, with a sign beside the colour for those who do not see that. */
export function badge({ text, tone }: Word): HTMLSpanElement {
  return h('span', { class: `badge ${tone}` }, icon(SHAPES[tone]), text);
}

/** Names and values; what has no value is left out. */
export function facts(of: readonly (readonly [string, Child])[]): HTMLDListElement {
  const there = of.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== '');
  return h('dl', { class: 'facts' }, there.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

/** A name and its value in a line of several. */
export function pair(name: string, value: string): HTMLElement {
  return h('span', { class: 'pair' }, `${name} `, h('code', {}, value), ' ');
}

/** What to do, with the code that support asks for. */
export function advice(message: string, code: string, tone: 'fair' | 'bad' | 'calm' = 'fair'): HTMLElement {
  return h('div', { class: `note ${tone}` }, icon(SHAPES[tone]), h('p', {}, message, ' ', h('code', {}, code)));
}

/**
 * Whether a change of a contact waits for a person. What CaseHug was told to take over does not;
 * what was accepted for Clio and is still there may never have reached it.
 */
export const waits = ({ accepted, direction }: ProposedContact): boolean => !accepted || direction === 'to_clio';

/** A record that is in Clio more than once. */
export const twice = (of: SecondRecord): Child => [
  `${stepName(of.step)} `,
  h('code', {}, of.id),
  ` is linked to no. ${of.clio} in Clio; the same is there as no. ${of.others.join(', ')}.`,
];

/** Rows under their columns' names; `caption` is for those who do not see it. */
export function table(kind: string, heads: readonly string[], rows: readonly Child[], caption?: string): HTMLTableElement {
  return h(
    'table',
    { class: `rows ${kind}`, role: 'table' },
    caption && h('caption', { class: 'sr' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads.map((head) => h('th', { role: 'columnheader', scope: 'col' }, head)))),
    h('tbody', { role: 'rowgroup' }, rows),
  );
}

/** There is nothing, and why that is fine. */
export function empty(title: string, text: string): HTMLElement {
  return h('div', { class: 'empty' }, icon('M4 7h16v12H4zM4 7l3-3h10l3 3M9 12h6'), h('strong', {}, title), h('p', {}, text));
}
