import { CardError } from './api.js';
import { download, fill, fresh, h } from './dom.js';
import { View } from './view.js';
const FLAGS = [
    ['sync_when_approved', 'Auto-sync on approval', 'With auto-sync enabled, data pushes within seconds of approval. Off: nothing leaves until somebody clicks “Sync to Clio”.'],
    ['sync_when_created', 'Auto-sync on creation', 'Contact and matter only, as soon as the intake is created. Documents follow their approval.'],
    ['contact_review', 'Review contact changes', 'Changes of linked contacts in Clio are shown to an admin, who accepts or rejects them. Nothing is taken over by itself.'],
    ['case_number_as_display_number', 'Use the case number as Clio’s matter number', 'Clio honours it only for firms with manual matter numbering. The client reference always carries the case number.'],
];
const MISMATCH = [
    ['link', 'Link the existing contact', 'The sync log says that the name differs.'],
    ['review', 'Ask an admin', 'Nothing is created until then.'],
    ['create', 'Create a new contact', 'Clio then has two contacts of one email.'],
];
export class SettingsView extends View {
    topics = ['settings', 'mappings'];
    #read = null;
    #stale = false;
    #areas = [];
    #form = null;
    async load() {
        const { api } = this.card;
        const [settings, page] = await Promise.all([api.call('get_settings'), api.call('get_mappings')]);
        if (!this.#stale && this.#form && this.#read && this.#changes(this.#read) !== null)
            return;
        if (this.same(settings, page.practice_areas) && !this.#stale)
            return;
        this.#show(settings, page);
    }
    #show(settings, page) {
        this.#read = settings;
        this.#stale = false;
        this.#areas = page.practice_areas;
        this.#form = h('form', { class: 'settings', onsubmit: (event) => event.preventDefault() }, FLAGS.map((flag) => check(flag, settings)), h('fieldset', {}, h('legend', {}, 'If the email is known in Clio under another name'), h('p', { class: 'hint' }, 'CaseHug searches existing Clio contacts by email address before creating new ones. If a match is found, the existing contact is linked.'), MISMATCH.map(([value, label, help]) => option('radio', 'on_name_mismatch', value, settings.on_name_mismatch === value, label, help))), this.#fallback(settings), h('div', { class: 'actions' }, this.button('Save settings', 'save', () => this.#save(), 'primary')));
        fill(this.element, h('h3', {}, 'Settings'), this.#form, this.#document());
    }
    #fallback(settings) {
        const id = fresh('fallback');
        const areas = this.#areas.map((area) => h('option', { value: area.id, selected: area.id === settings.fallback_area }, area.name));
        const gone = settings.fallback_area !== null && !this.#areas.some(({ id: known }) => known === settings.fallback_area);
        return h('div', { class: 'field' }, h('label', { for: id }, 'Practice area of case types that lead to none'), h('select', { id, name: 'fallback_area' }, h('option', { value: '' }, 'None: the matter goes without'), gone && h('option', { value: settings.fallback_area, selected: true }, `No longer in Clio (no. ${settings.fallback_area})`), areas));
    }
    #changes(read) {
        if (!this.#form)
            return null;
        const form = new FormData(this.#form);
        const change = { revision: read.revision };
        for (const [flag] of FLAGS)
            if (form.has(flag) !== read[flag])
                change[flag] = form.has(flag);
        const mismatch = String(form.get('on_name_mismatch'));
        if (mismatch !== read.on_name_mismatch)
            change.on_name_mismatch = mismatch;
        const area = String(form.get('fallback_area')) || null;
        if (area !== read.fallback_area)
            change.fallback_area = area;
        return Object.keys(change).length > 1 ? change : null;
    }
    async #save() {
        const read = this.#read;
        const change = read && this.#changes(read);
        if (!change)
            return this.card.say('Nothing was changed.', 'calm');
        try {
            const { revision } = await this.card.api.call('change_settings', { change });
            this.#read = { ...read, ...change, revision };
        }
        catch (error) {
            this.#stale = error instanceof CardError && error.code === 'settings_changed';
            throw error;
        }
        return 'Settings saved.';
    }
    #document() {
        const file = h('input', { type: 'file', accept: 'application/json,.json', class: 'hidden', tabindex: -1, 'aria-hidden': 'true' });
        file.addEventListener('change', () => void this.#take(file));
        const give = async () => {
            const { document } = await this.card.api.call('export_settings');
            download('casehug-clio-settings.json', 'application/json', document);
            return 'Settings exported.';
        };
        return h('div', { class: 'panel' }, h('h4', {}, 'Settings as a file'), h('p', {}, 'With practice areas by name, for another firm or for your records.'), h('div', { class: 'actions' }, this.button('Export', 'export', give), h('button', { type: 'button', 'data-key': 'import', onclick: () => file.click() }, 'Import…'), file));
    }
    async #take(file) {
        const chosen = file.files?.[0];
        file.value = '';
        if (!chosen)
            return;
        try {
            await this.card.api.call('import_settings', { document: await chosen.text() });
            this.#stale = true;
            this.card.say('Settings imported.');
        }
        catch (error) {
            this.card.fail(error);
        }
        await this.refresh();
    }
}
function check([flag, label, help], settings) {
    return option('checkbox', flag, 'on', settings[flag], label, help);
}
function option(type, name, value, checked, label, help) {
    const [id, described] = [fresh(name), fresh('help')];
    return h('div', { class: 'option' }, h('input', { type, id, name, value, checked, 'aria-describedby': described }), h('div', {}, h('label', { for: id }, label), h('p', { class: 'hint', id: described }, help)));
}
