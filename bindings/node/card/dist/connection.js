import { fill, h } from './dom.js';
import { advice, count, facts, moment, several, twice } from './format.js';
import { View } from './view.js';
import { connectionWord, regionName } from './words.js';
const LEADS = {
    not_connected: 'Connect your firm to Clio, and approved intakes arrive there as contacts, matters and documents.',
    connected: 'Approved intakes are sent to Clio, and status changes come back.',
    degraded: 'The connection works in part. See what to do below.',
    reconnect_required: 'Clio no longer accepts the authorization. Nothing is sent until a firm admin reconnects.',
    revoking: 'The firm is disconnected. Clio is still asked to take back what it granted; nothing has to be done for that.',
    disconnected: 'The firm is disconnected. Existing data is preserved in both systems.',
};
const FEW = 20;
export class ConnectionView extends View {
    topics = ['health', 'settings', 'runs', 'held'];
    async load() {
        const { api } = this.card;
        const health = await api.call('get_health');
        const held = health.held_matters > 0 ? await api.call('list_held_matters') : [];
        if (this.same(health, held))
            return;
        fill(this.element, h('h3', {}, 'Connection'), h('p', { class: 'lead' }, LEADS[health.state] ?? connectionWord(health.state).text), health.advice.filter(({ code }) => code !== 'not_connected').map(({ message, code }) => advice(message, code, health.state === 'reconnect_required' ? 'bad' : 'fair')), this.#account(health), this.#buttons(health), this.#held(held), second(health), this.#failure(health), assurance(health));
    }
    #account(health) {
        const { connection: of, webhooks, budget } = health;
        if (!of)
            return null;
        const active = ['connected', 'degraded'].includes(health.state);
        return [
            of.unrevoked && advice(of.unrevoked.message, of.unrevoked.code),
            facts([
                ['Clio account', [of.account_name ?? (of.account ? null : 'Not readable'), of.account && [' ', h('small', {}, `no. ${of.account}`)]]],
                ['Authorized in Clio by', of.user_email],
                ['Connected', [moment(of.connected_at), ` by ${of.connected_by}`]],
                ['Region', regionName(of.region)],
                ['Last successful sync', health.last_success ? moment(health.last_success) : active && 'None yet'],
                ['Status from Clio', active && updates(webhooks)],
                ['Waiting to be synced', active && several(health.due_jobs, 'matter')],
                ['Clio’s request limit', active && `${count(budget.limit)} a minute${budget.left === null ? '' : `, ${count(budget.left)} left`}`],
            ]),
            webhooks?.cause && active && advice(webhooks.cause.message, webhooks.cause.code, 'calm'),
        ];
    }
    #buttons(health) {
        if (!this.admin) {
            return h('p', { class: 'hint' }, 'Any firm admin can manage the connection. Ask one of them if something has to change.');
        }
        const connect = (label, kind = 'primary') => this.button(label, 'connect', () => this.#connect('begin_connect'), kind);
        const disconnect = this.button('Disconnect', 'disconnect', () => this.#disconnect(health.connection?.id ?? null), 'danger quiet');
        if (['connected', 'degraded', 'reconnect_required'].includes(health.state)) {
            return h('div', { class: 'actions' }, connect('Reconnect', health.state === 'connected' ? '' : 'primary'), disconnect);
        }
        if (health.state === 'not_connected')
            return h('div', { class: 'actions' }, connect('Connect to Clio'));
        const other = this.button('Connect another account', 'separate', () => this.#separate(), 'quiet');
        return [
            h('p', { class: 'hint' }, 'If you reconnect, previously synced matters keep their links. No duplicates are created for already-synced cases.'),
            h('div', { class: 'actions' }, connect('Reconnect'), other),
        ];
    }
    async #connect(operation) {
        const { authorize_url } = await this.card.api.call(operation, { redirect_uri: this.card.callback });
        if (!/^https?:/.test(authorize_url))
            throw new Error('not an address');
        location.assign(authorize_url);
        await new Promise((resolve) => setTimeout(resolve, 5000));
    }
    async #separate() {
        const yes = await this.card.ask({
            title: 'Connect another Clio account?',
            text: [
                'Your matters count as not synced yet in that account.',
                'What was synced to the earlier account stays linked there, and counts again when you return to it.',
            ],
            action: 'Connect another account',
            keep: 'Cancel',
        });
        if (yes)
            await this.#connect('begin_separate_connect');
    }
    async #disconnect(connection) {
        const yes = await this.card.ask({
            title: 'Disconnect Clio?',
            text: [
                'This revokes tokens and deactivates. Existing data is preserved in both systems.',
                'What is approved while you are disconnected waits, and leaves only if an admin says so after reconnecting.',
            ],
            action: 'Disconnect',
            keep: 'Stay connected',
        });
        if (!yes)
            return undefined;
        const { state } = await this.card.api.call('disconnect', { connection }).finally(() => this.card.refresh());
        return state === 'revoking' ? 'Disconnected. Clio is still being told.' : 'Disconnected. Existing data is preserved in both systems.';
    }
    #held(held) {
        if (held.length === 0)
            return null;
        const listed = held.map(({ matter }) => matter);
        const names = () => [
            listed.slice(0, FEW).map((matter, at) => [at > 0 && ', ', h('code', {}, matter)]),
            listed.length > FEW && ` and ${count(listed.length - FEW)} more`,
        ];
        const release = async () => {
            const { matters } = await this.card.api.call('release_held_matters', { matters: listed });
            return `${several(matters, 'matter')} will be synced.`;
        };
        const discard = async () => {
            const yes = await this.card.ask({
                title: `Discard ${several(listed.length, 'matter')}?`,
                text: [names(), 'They are not sent by themselves then. One that is approved once more is listed here again, or synced if it is in Clio already. Each can still be synced with “Sync to Clio”.'],
                action: 'Discard',
            });
            if (!yes)
                return undefined;
            const { matters } = await this.card.api.call('discard_held_matters', { matters: listed });
            return `${several(matters, 'matter')} discarded.`;
        };
        return h('div', { class: 'panel' }, h('h4', {}, `${several(held.length, 'matter')} on hold`), h('p', {}, 'Triggered while not connected, or still waiting when the Clio account was changed or auto-sync was switched off. An admin decides. ', names()), this.admin && h('div', { class: 'actions' }, this.button('Sync them now', 'release', release, 'primary'), this.button('Discard', 'discard', discard, 'danger quiet')));
    }
    #failure({ last_failure: last }) {
        if (!last)
            return null;
        const open = h('button', { type: 'button', class: 'quiet', 'data-key': 'log', onclick: () => this.card.open('sync-log') }, 'Open the sync log');
        return h('div', { class: 'panel bad' }, h('h4', {}, 'Last failed sync'), h('p', {}, h('code', {}, last.matter), last.at && [', ', moment(last.at)]), last.failure && h('p', {}, last.failure.message, ' ', h('code', {}, last.failure.code)), h('div', { class: 'actions' }, open));
    }
}
function updates(webhooks) {
    if (!webhooks)
        return 'Not set up yet';
    return webhooks.delivers ? 'Within seconds, by webhooks' : 'Within minutes: Clio is asked';
}
function second({ second_records: records }) {
    if (records.length === 0)
        return null;
    return h('div', { class: 'panel' }, h('h4', {}, 'Twice in Clio'), h('p', {}, 'Look at them in Clio: keep the one that is linked, and merge or delete the other.'), h('ul', {}, records.map((of) => h('li', {}, twice(of)))));
}
function assurance({ state }) {
    const more = state === 'not_connected' && h('p', {}, 'Which Clio plans are supported? Boutique, Corporate, and Elite — any plan with API access.');
    return h('div', { class: 'fine' }, h('p', {}, 'Per-firm. One Clio connection serves all users in the CaseHug firm. Any firm admin can manage it.'), h('p', {}, 'CaseHug never sees your Clio password. OAuth 2.0 tokens are stored server-side only, encrypted at rest, never exposed to the browser, and auto-refreshed.'), more);
}
