// The firm's settings: when matters are synced, and what is asked before.
import type { FirmSettings, MappingPage, SettingsChange } from '../../src/operations.mjs';
import { CardError } from './api.js';
import { download, fill, fresh, h, type Child } from './dom.js';
import { View } from './view.js';

type Flag = 'sync_when_approved' | 'sync_when_created' | 'contact_review' | 'case_number_as_display_number';

const FLAGS: readonly (readonly [Flag, string, string])[] = [
  ['sync_when_approved', 'Auto-sync on approval', 'With auto-sync enabled, data pushes within seconds of approval. Off: nothing leaves until somebody clicks “Sync to Clio”.'],
  ['sync_when_created', 'Auto-sync on creation', 'Contact and matter only, as soon as the intake is created. Documents follow their approval.'],
  ['contact_review', 'Review contact changes', 'Changes of linked contacts in Clio are shown to an admin, who accepts or rejects them. Nothing is taken over by itself.'],
  ['case_number_as_display_number', 'Use the case number as Clio’s matter number', 'Clio honours it only for firms with manual matter numbering. The client reference always carries the case number.'],
];

const MISMATCH = [
  ['link', 'Link the existing contact', 'The sync log says that the name differs.'],
  ['review', 'Ask an admin', 'Nothing is created until then.'],
  ['create', 'Create a new contact', 'Clio then has two contacts of one email.'],
] as const;

export class SettingsView extends View {
  readonly topics = ['settings', 'mappings'];
  #read: FirmSettings | null = null;
  /** What was read is known to be old: it is read again, whatever stands in the form. */
  #stale = false;
  #areas: MappingPage['practice_areas'] = [];
  #form: HTMLFormElement | null = null;

  protected async load(): Promise<void> {
    const { api } = this.card;
    const [settings, page] = await Promise.all([api.call('get_settings'), api.call('get_mappings')]);
    // What the person has begun to change is not taken out of their hands: saving says if it
    // clashes.
    if (!this.#stale && this.#form && this.#read && this.#changes(this.#read) !== null) return;
    if (this.same(settings, page.practice_areas) && !this.#stale) return;
    this.#show(settings, page);
  }

  #show(settings: FirmSettings, page: MappingPage): void {
    this.#read = settings;
    this.#stale = false;
    this.#areas = page.practice_areas;
    this.#form = h(
      'form',
      { class: 'settings', onsubmit: (event) => event.preventDefault() },
      FLAGS.map((flag) => check(flag, settings)),
      h(
        'fieldset',
        {},
        h('legend', {}, 'If the email is known in Clio under another name'),
        h('p', { class: 'hint' }, 'CaseHug searches existing Clio contacts by email address before creating new ones. If a match is found, the existing contact is linked.'),
        MISMATCH.map(([value, label, help]) => option('radio', 'on_name_mismatch', value, settings.on_name_mismatch === value, label, help)),
      ),
      this.#fallback(settings),
      h('div', { class: 'actions' }, this.button('Save settings', 'save', () => this.#save(), 'primary')),
    );
    fill(this.element, h('h3', {}, 'Settings'), this.#form, this.#document());
  }

  #fallback(settings: FirmSettings): Child {
    const id = fresh('fallback');
    const areas = this.#areas.map((area) => h('option', { value: area.id, selected: area.id === settings.fallback_area }, area.name));
    const gone = settings.fallback_area !== null && !this.#areas.some(({ id: known }) => known === settings.fallback_area);
    return h(
      'div',
      { class: 'field' },
      h('label', { for: id }, 'Practice area of case types that lead to none'),
      h(
        'select',
        { id, name: 'fallback_area' },
        h('option', { value: '' }, 'None: the matter goes without'),
        gone && h('option', { value: settings.fallback_area, selected: true }, `No longer in Clio (no. ${settings.fallback_area})`),
        areas,
      ),
    );
  }

  /** What of the form differs from what was read; null: nothing. */
  #changes(read: FirmSettings): SettingsChange | null {
    if (!this.#form) return null;
    const form = new FormData(this.#form);
    const change: SettingsChange = { revision: read.revision };
    for (const [flag] of FLAGS) if (form.has(flag) !== read[flag]) change[flag] = form.has(flag);
    const mismatch = String(form.get('on_name_mismatch'));
    if (mismatch !== read.on_name_mismatch) change.on_name_mismatch = mismatch;
    const area = String(form.get('fallback_area')) || null;
    if (area !== read.fallback_area) change.fallback_area = area;
    return Object.keys(change).length > 1 ? change : null;
  }

  async #save(): Promise<string | void> {
    const read = this.#read;
    const change = read && this.#changes(read);
    if (!change) return this.card.say('Nothing was changed.', 'calm');
    try {
      const { revision } = await this.card.api.call('change_settings', { change });
      // What was changed in the form meanwhile stays there, as a change of what is saved now.
      this.#read = { ...read, ...(change as Partial<FirmSettings>), revision };
    } catch (error) {
      // After somebody else's change what they saved is shown, to be looked at again. After
      // anything else the form stays as it is, and can be saved again.
      this.#stale = error instanceof CardError && error.code === 'settings_changed';
      throw error;
    }
    return 'Settings saved.';
  }

  #document(): Child {
    const file = h('input', { type: 'file', accept: 'application/json,.json', class: 'hidden', tabindex: -1, 'aria-hidden': 'true' });
    file.addEventListener('change', () => void this.#take(file));
    const give = async (): Promise<string> => {
      const { document } = await this.card.api.call('export_settings');
      download('casehug-clio-settings.json', 'application/json', document);
      return 'Settings exported.';
    };
    return h(
      'div',
      { class: 'panel' },
      h('h4', {}, 'Settings as a file'),
      h('p', {}, 'With practice areas by name, for another firm or for your records.'),
      h(
        'div',
        { class: 'actions' },
        this.button('Export', 'export', give),
        h('button', { type: 'button', 'data-key': 'import', onclick: () => file.click() }, 'Import…'),
        file,
      ),
    );
  }

  async #take(file: HTMLInputElement): Promise<void> {
    const chosen = file.files?.[0];
    file.value = '';
    if (!chosen) return;
    try {
      await this.card.api.call('import_settings', { document: await chosen.text() });
      this.#stale = true;
      this.card.say('Settings imported.');
    } catch (error) {
      this.card.fail(error);
    }
    await this.refresh();
  }
}

function check([flag, label, help]: (typeof FLAGS)[number], settings: FirmSettings): HTMLElement {
  return option('checkbox', flag, 'on', settings[flag], label, help);
}

function option(type: 'checkbox' | 'radio', name: string, value: string, checked: boolean, label: string, help: string): HTMLElement {
  const [id, described] = [fresh(name), fresh('help')];
  return h(
    'div',
    { class: 'option' },
    h('input', { type, id, name, value, checked, 'aria-describedby': described }),
    h('div', {}, h('label', { for: id }, label), h('p', { class: 'hint', id: described }, help)),
  );
}
