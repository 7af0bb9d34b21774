import { ConnectionView } from './connection.js';
import { fill, h } from './dom.js';
const TABS = [
    { name: 'connection', label: 'Connection', load: () => Promise.resolve(ConnectionView) },
    { name: 'settings', label: 'Settings', admin: true, load: async () => (await import('./settings.js')).SettingsView },
    { name: 'mapping', label: 'Practice areas', admin: true, load: async () => (await import('./mapping.js')).MappingView },
    { name: 'sync-log', label: 'Sync log', load: async () => (await import('./sync-log.js')).SyncLogView },
    { name: 'audit-log', label: 'Audit log', admin: true, load: async () => (await import('./audit-log.js')).AuditLogView },
    { name: 'reviews', label: 'Questions', admin: true, load: async () => (await import('./reviews.js')).ReviewsView },
    { name: 'contacts', label: 'Contact changes', admin: true, load: async () => (await import('./contacts.js')).ContactsView },
    { name: 'backfill', label: 'Older matters', load: async () => (await import('./backfill.js')).BackfillView },
];
export function tab(name, me) {
    const seen = TABS.filter(({ admin }) => !admin || me.role === 'admin');
    return seen.find((known) => known.name === name) ?? seen[0];
}
export class TabList {
    element = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Clio integration' });
    #open;
    #counts = new Map();
    #buttons = [];
    constructor(open) {
        this.#open = open;
        this.element.addEventListener('keydown', (event) => this.#steer(event));
    }
    show(me) {
        this.#counts.clear();
        this.#buttons = TABS.filter(({ admin }) => !admin || me.role === 'admin').map(({ name, label }) => {
            const count = h('span', { class: 'count', hidden: true });
            this.#counts.set(name, count);
            const attributes = { role: 'tab', id: `tab-${name}`, 'aria-controls': 'panel', 'data-view': name };
            return h('button', { type: 'button', ...attributes, onclick: () => this.#open(name) }, label, count);
        });
        fill(this.element, this.#buttons);
    }
    clear() {
        this.#counts.clear();
        this.#buttons = [];
        fill(this.element);
    }
    select(name, focus) {
        for (const button of this.#buttons) {
            const selected = button.dataset['view'] === name;
            button.setAttribute('aria-selected', String(selected));
            button.tabIndex = selected ? 0 : -1;
            if (selected && focus)
                button.focus();
        }
    }
    count(name, of) {
        const count = this.#counts.get(name);
        if (!count)
            return;
        count.hidden = of === 0;
        fill(count, of, h('span', { class: 'sr' }, ' open'));
    }
    #steer(event) {
        const at = this.#buttons.findIndex((button) => button.tabIndex === 0);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: this.#buttons.length - 1 }[event.key];
        const button = to === undefined ? undefined : this.#buttons.at(to % this.#buttons.length);
        if (!button)
            return;
        event.preventDefault();
        button.focus();
        this.#open(button.dataset['view'] ?? '');
    }
}
