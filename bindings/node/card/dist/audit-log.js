import { download, fill, h } from './dom.js';
import { badge, count, empty, moment, pair, table } from './format.js';
import { Pages, filters } from './pages.js';
import { View } from './view.js';
import { ACTIONS, AUDIT_STATUSES, actionName, auditWord, plain } from './words.js';
const PAGE = 50;
const PIECE = 5_000;
export class AuditLogView extends View {
    topics = ['audit'];
    #said = h('p', { class: 'note good', role: 'status', hidden: true });
    #filter = filters([
        ['action', 'Action', ACTIONS],
        ['status', 'Status', AUDIT_STATUSES],
        ['actor', 'By user'],
    ], () => this.#pages.restart());
    #pages = new Pages(PAGE, (after, limit) => {
        const { action, status, actor } = this.#filter.chosen();
        return this.card.api.call('list_audit', {
            query: {
                after,
                limit,
                action: action ?? null,
                status: status ?? null,
                actor: actor ?? null,
                ...this.#filter.days(),
            },
        });
    }, (records) => entries(records), (error) => this.card.fail(error));
    #built = false;
    async load() {
        await this.#pages.reload();
        if (this.#built)
            return;
        this.#built = true;
        fill(this.element, h('h3', {}, 'Audit log'), h('p', { class: 'lead' }, 'Every operation is logged with timestamp, action, status, and error details. Each entry carries the hash of the one before, so a change or removal is noticed.'), this.#filter.element, h('div', { class: 'actions' }, this.button('Verify', 'verify', () => this.#verify()), this.button('Export', 'export', () => this.#export()), h('button', { type: 'button', class: 'quiet', onclick: () => print() }, 'Print')), this.#said, this.#pages.element);
    }
    async #verify() {
        this.#said.hidden = true;
        const { entries } = await this.card.api.call('verify_audit');
        this.#said.textContent = `The log is whole: ${count(entries)} entries, each linked to the one before.`;
        this.#said.hidden = false;
    }
    async #export() {
        let text = '';
        for (let from = 1; from !== null;) {
            const piece = await this.card.api.call('export_audit', { from, limit: PIECE });
            text += piece.ndjson;
            from = piece.next;
        }
        download(`casehug-clio-audit-${new Date().toISOString().slice(0, 10)}.ndjson`, 'application/x-ndjson', text);
        return `${count(text.split('\n').length - 1)} entries exported.`;
    }
}
function entries(records) {
    if (records.length === 0)
        return empty('No entries', 'Nothing of that kind was logged.');
    const heads = ['Time', 'Action', 'Status', 'By', 'Details'];
    return table('audit', heads, records.map(row), 'Audit entries, newest first');
}
function row(of) {
    const cell = (label, ...children) => h('td', { role: 'cell', 'data-label': label }, h('div', {}, children));
    const known = Object.entries(of.details ?? {}).map(([name, value]) => pair(plain(name), value));
    return h('tr', { role: 'row', 'data-seq': of.seq }, cell('Time', moment(of.at)), cell('Action', actionName(of.action)), cell('Status', badge(auditWord(of.status))), cell('By', of.actor), cell('Details', of.code && [h('code', { class: 'code' }, of.code), ' '], known));
}
