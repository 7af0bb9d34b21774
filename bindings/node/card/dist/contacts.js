import { fill, h } from './dom.js';
import { badge, empty, facts, moment, waits } from './format.js';
import { View } from './view.js';
export class ContactsView extends View {
    topics = ['contacts'];
    async load() {
        const proposals = await this.card.api.call('list_contact_proposals');
        if (this.same(proposals))
            return;
        fill(this.element, h('h3', {}, 'Contact changes'), h('p', { class: 'lead' }, 'Contacts that were changed in Clio or in CaseHug. Nothing is taken over unless an admin accepts it.'), proposals.length === 0
            ? empty('No changes to review', 'Switch on “Review contact changes” in the settings to see changes made in Clio.')
            : h('ul', { class: 'cards' }, proposals.map((proposal) => this.#proposal(proposal))));
    }
    #proposal(of) {
        const here = of.direction === 'from_clio';
        const accept = async () => {
            await this.card.api.call('accept_contact_proposal', { proposal: of.id });
            return here ? 'Accepted. CaseHug takes it over.' : 'Accepted. It was sent to Clio.';
        };
        const begun = of.accepted && !here;
        const reject = async () => {
            await this.card.api.call('reject_contact_proposal', { proposal: of.id });
            return begun ? 'Rejected. If it reached Clio before, it stays there.' : 'Rejected. Nothing was changed.';
        };
        const name = [of.first_name, of.last_name].join(' ').trim() || of.client;
        const whose = () => h('span', { class: 'sr' }, `: ${name}`);
        return h('li', { class: 'panel' }, h('div', { class: 'line' }, badge({ text: here ? 'Changed in Clio' : 'Changed in CaseHug', tone: 'calm' }), h('strong', { class: 'of' }, name), h('span', { class: 'hint' }, 'since ', moment(of.since))), facts([
            ['Email', of.emails.join(', ')],
            ['Phone', of.phones.join(', ')],
            ['Client', h('code', {}, of.client)],
            ['Contact in Clio', `no. ${of.clio}`],
        ]), of.accepted && h('p', { class: 'hint' }, here ? 'Accepted. It is not applied yet.' : 'Accepted, and not known to have reached Clio. If it stays here, send it again or reject it.'), waits(of) &&
            h('div', { class: 'actions' }, this.button([here ? 'Accept into CaseHug' : begun ? 'Send again' : 'Accept and send to Clio', whose()], `accept ${of.id}`, accept, 'primary'), this.button(['Reject', whose()], `reject ${of.id}`, reject, 'quiet')));
    }
}
