import { fill, fresh, h } from './dom.js';
import { empty, table } from './format.js';
import { View } from './view.js';
import { plain } from './words.js';
const BY = {
    own: 'Chosen by your firm',
    own_base: 'Chosen by your firm for its base',
    default: 'Default',
    default_base: 'Default of its base',
    fallback: 'Fallback',
};
const WHY = {
    unknown_case_type: 'Nobody mapped this case type',
    no_such_practice_area: 'Your firm has no such practice area in Clio',
    practice_areas_not_known: 'Known after the firm is connected',
};
const FEW = 8;
export class MappingView extends View {
    topics = ['settings', 'mappings'];
    #find = h('input', { type: 'search', id: fresh('find'), 'data-key': 'find', autocomplete: 'off' });
    #list = h('div', {});
    #chosen = h('select', { id: fresh('area') });
    #choosing = new Map();
    #page = null;
    #built = false;
    #all = false;
    async load() {
        const page = await this.card.api.call('get_mappings');
        if (!this.#built)
            this.#build();
        if (this.same(page))
            return;
        this.#page = page;
        const was = this.#chosen.value;
        const areas = page.practice_areas.map(({ id, name }) => h('option', { value: id, selected: id === was }, name));
        fill(this.#chosen, h('option', { value: '' }, 'Choose…'), areas);
        this.#show();
    }
    #build() {
        this.#built = true;
        this.#find.addEventListener('input', () => this.#show());
        const reload = async () => {
            const areas = await this.card.api.call('reload_practice_areas');
            return `${areas.length} practice areas loaded from Clio.`;
        };
        fill(this.element, h('h3', {}, 'Practice areas'), h('p', { class: 'lead' }, 'Case type → Clio practice area mappings. Default mappings work for most firms.'), h('div', { class: 'filters' }, h('div', { class: 'field' }, h('label', { for: this.#find.id }, 'Find a case type'), this.#find), this.button('Reload from Clio', 'reload', reload)), this.#list, this.#another());
    }
    #show() {
        const page = this.#page;
        if (!page)
            return;
        const wanted = this.#find.value.trim().toLowerCase();
        const seen = new Set(page.seen.map(({ case_type }) => case_type.toLowerCase()));
        const found = (of) => of.case_type.toLowerCase().includes(wanted);
        const others = page.mappings.filter((of) => found(of) && !seen.has(of.case_type.toLowerCase()));
        const few = wanted === '' && !this.#all ? others.filter((of, at) => of.own || at < FEW) : others;
        const lately = page.seen.filter(found);
        fill(this.#list, !page.practice_areas_known && h('div', { class: 'note calm' }, h('p', {}, 'Your firm’s practice areas are known once it is connected.')), lately.length > 0 && [h('h4', {}, 'Seen lately'), this.#table(lately, page)], others.length > 0 && [h('h4', {}, lately.length > 0 ? 'Others' : 'Case types'), this.#table(few, page)], few.length < others.length && h('div', { class: 'actions more' }, h('button', { type: 'button', onclick: () => this.#showAll() }, `Show all ${others.length}`)), lately.length + others.length === 0 && empty('No such case type', 'Map it below, and it leads to the practice area of your choice.'));
    }
    #showAll() {
        this.#all = true;
        this.#show();
    }
    #table(mappings, page) {
        const heads = ['Case type', 'Clio practice area', 'Chosen by'];
        return table('mapping', heads, mappings.map((of) => this.#row(of, page)));
    }
    #row(of, page) {
        const key = of.case_type;
        const chosen = of.own && of.id ? of.id : '';
        const select = h('select', { 'aria-label': `Practice area of ${of.case_type}`, 'data-key': `area ${key}` }, this.#areas(of, page));
        const choosing = this.#choosing.get(key);
        if (choosing !== undefined && [...select.options].some(({ value }) => value === choosing))
            select.value = choosing;
        const save = this.button(['Save', h('span', { class: 'sr' }, ` ${key}`)], `save ${key}`, () => this.#map(of.case_type, select.value || null), 'primary small');
        save.hidden = select.value === chosen;
        if (save.hidden)
            this.#choosing.delete(key);
        select.addEventListener('change', () => {
            save.hidden = select.value === chosen;
            if (save.hidden)
                this.#choosing.delete(key);
            else
                this.#choosing.set(key, select.value);
        });
        const leads = of.by ? (BY[of.by] ?? plain(of.by)) : of.to === 'missing' ? 'No longer in Clio' : (WHY[of.why ?? ''] ?? 'Without one');
        return h('tr', { role: 'row' }, h('th', { role: 'rowheader', scope: 'row' }, of.case_type), h('td', { role: 'cell', 'data-label': 'Clio practice area' }, h('span', { class: 'choose' }, select, save)), h('td', { role: 'cell', 'data-label': 'Chosen by', class: of.by ? '' : 'warn' }, leads));
    }
    #areas(of, page) {
        const standard = !of.own && of.name ? `Default: ${of.name}` : of.own ? 'Back to the default' : 'Default: none';
        const known = page.practice_areas.some(({ id }) => id === of.id);
        return [
            h('option', { value: '', selected: !of.own }, standard),
            of.own && of.id && !known && h('option', { value: of.id, selected: true }, `No longer in Clio (no. ${of.id})`),
            page.practice_areas.map(({ id, name }) => h('option', { value: id, selected: of.own && id === of.id }, name)),
        ];
    }
    async #map(case_type, practice_area) {
        await this.card.api.call('map_case_type', { case_type, practice_area });
        if (this.#choosing.get(case_type) === (practice_area ?? ''))
            this.#choosing.delete(case_type);
        this.forget();
        return practice_area === null ? `“${case_type}” goes by its default again.` : `“${case_type}” is mapped.`;
    }
    #another() {
        const name = fresh('name');
        const typed = h('input', { type: 'text', id: name, autocomplete: 'off', maxlength: 200 });
        const chosen = this.#chosen;
        const map = async () => {
            if (typed.value.trim() === '' || chosen.value === '')
                return this.card.say('Enter a case type and choose a practice area.', 'calm');
            const before = typed.value;
            const said = await this.#map(before.trim(), chosen.value);
            if (typed.value === before)
                typed.value = '';
            return said;
        };
        return h('div', { class: 'panel' }, h('h4', {}, 'Another case type'), h('div', { class: 'filters' }, h('div', { class: 'field' }, h('label', { for: name }, 'Case type'), typed), h('div', { class: 'field' }, h('label', { for: chosen.id }, 'Clio practice area'), chosen), this.button('Map', 'map', map)));
    }
}
