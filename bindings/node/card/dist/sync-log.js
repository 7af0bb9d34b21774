import { fill, h } from './dom.js';
import { badge, empty, moment, several } from './format.js';
import { Pages, filters } from './pages.js';
import { details } from './run-details.js';
import { View } from './view.js';
import { CAUSES, RUN_STATUSES, causeName, runWord, triggerName } from './words.js';
const PAGE = 25;
export class SyncLogView extends View {
    topics = ['runs'];
    #open = new Set();
    #filter = filters([
        ['status', 'Status', RUN_STATUSES],
        ['cause', 'Cause', CAUSES],
        ['matter', 'Matter'],
    ], () => this.#pages.restart());
    #pages = new Pages(PAGE, (after, limit) => {
        const { status, cause, matter } = this.#filter.chosen();
        return this.card.api.call('list_runs', {
            query: {
                after,
                limit,
                status: status ?? null,
                cause: cause ?? null,
                matter: matter ?? null,
                ...this.#filter.days(),
            },
        });
    }, (runs) => this.#list(runs), (error) => this.card.fail(error));
    #built = false;
    async load() {
        await this.#pages.reload();
        if (this.#built)
            return;
        this.#built = true;
        fill(this.element, h('h3', {}, 'Sync log'), h('p', { class: 'lead' }, 'Failed syncs are logged with error details. Expired tokens are auto-refreshed and rate limits auto-retried; what remains is retried from here.'), this.#filter.element, h('div', { class: 'actions' }, this.button('Retry all failed', 'retry-all', () => this.#retryAll()), h('button', { type: 'button', class: 'quiet', onclick: () => print() }, 'Print')), this.#pages.element);
    }
    async #retryAll() {
        const { matters } = await this.card.api.call('retry_failed');
        return matters === 0 ? 'No matter’s last sync failed.' : `${several(matters, 'matter')} will be tried again.`;
    }
    #list(runs) {
        if (runs.length === 0) {
            const filtered = Object.keys(this.#filter.chosen()).length > 0;
            return filtered
                ? empty('Nothing of that kind', 'Choose something else above to see more of the log.')
                : empty('Nothing was synced yet', 'Approve an intake, or click “Sync to Clio” on a matter.');
        }
        return h('ol', { class: 'log', 'aria-label': 'Runs, newest first' }, runs.map((run) => this.#run(run)));
    }
    #run(run) {
        const status = run.status ?? 'running';
        const more = h('div', { class: 'more-of', id: `run-${run.run}` }, details(run));
        const shown = this.#open.has(run.run);
        more.hidden = !shown;
        const toggle = h('button', { type: 'button', class: 'quiet small', 'data-key': `details ${run.run}`, 'aria-expanded': String(shown), 'aria-controls': more.id }, 'Details', h('span', { class: 'sr' }, ` of ${run.matter}`));
        toggle.addEventListener('click', () => {
            more.hidden = !more.hidden;
            toggle.setAttribute('aria-expanded', String(!more.hidden));
            if (more.hidden)
                this.#open.delete(run.run);
            else
                this.#open.add(run.run);
        });
        const retry = async () => {
            await this.card.api.call('retry_run', { run: run.run });
            return `${run.matter} will be tried again.`;
        };
        const failed = run.status === 'failed' || run.status === 'partial';
        const asks = run.failure?.code === 'needs_review';
        const label = ['Retry', h('span', { class: 'sr' }, ` ${run.matter}`)];
        return h('li', { 'data-run': run.run }, h('div', { class: 'line' }, badge(runWord(status)), notable(run) && badge({ text: 'Has notes', tone: 'fair' }), h('strong', { class: 'of' }, run.matter), h('span', { class: 'hint' }, moment(run.ended_at ?? run.started_at), ` · ${triggerName(run.trigger)} · ${run.actor} · ${several(run.calls, 'call')}`), h('span', { class: 'actions' }, toggle, failed && this.button(label, `retry ${run.run}`, retry, 'small'))), run.failure &&
            h('p', { class: 'cause' }, h('strong', {}, asks ? 'A question: ' : `${causeName(run.failure.kind)}: `), run.failure.message, ' ', h('code', {}, run.failure.code), asks && this.admin && [' ', h('button', { type: 'button', class: 'quiet small', onclick: () => this.card.open('reviews') }, 'Answer it')]), run.next_attempt_at && h('p', { class: 'hint' }, 'Next attempt: ', moment(run.next_attempt_at)), more);
    }
}
function notable(run) {
    return run.steps.some(({ notes, second_records: twice }) => notes.length + twice.length > 0);
}
