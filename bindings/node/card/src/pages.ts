// A list that is read page by page, with a filter; both logs are one.
import { fill, fresh, h, type Child } from './dom.js';

interface Page<Item> {
  items: Item[];
  next: string | null;
}

/** Of a filter: its name, its label, and what can be chosen; without choices it is typed. */
type Filter = readonly [name: string, label: string, choices?: Readonly<Record<string, string>> | 'day'];

/** What is chosen of a filter, by name; what is left open is not there. */
type Chosen = Readonly<Record<string, string>>;

/** Of which time; both logs have it. */
const DAYS: readonly Filter[] = [
  ['since', 'From', 'day'],
  ['until', 'To', 'day'],
];

interface Filters {
  element: HTMLFormElement;
  chosen(): Chosen;
  /** The chosen days as the host takes them. */
  days(): { since: string | null; until: string | null };
}

const TYPED_MS = 300;

/** Items that are read anew at once. */
const MOST = 500;

/** The controls of a filter, and of its days. `changed` is called when the person has chosen. */
export function filters(of: readonly Filter[], changed: () => void): Filters {
  let typing: ReturnType<typeof setTimeout> | undefined;
  const later = (): void => {
    clearTimeout(typing);
    typing = setTimeout(changed, TYPED_MS);
  };
  const fields = [...of, ...DAYS].map(([name, label, choices]) => {
    const id = fresh(name);
    const control =
      choices === 'day'
        ? h('input', { type: 'date', id, name, onchange: changed })
        : choices
          ? h('select', { id, name, onchange: changed }, h('option', { value: '' }, 'All'), Object.entries(choices).map(([value, text]) => h('option', { value }, text)))
          : h('input', { type: 'search', id, name, autocomplete: 'off', oninput: later });
    return h('div', { class: 'field' }, h('label', { for: id }, label), control);
  });
  const element = h('form', { class: 'filters', role: 'search', onsubmit: (event) => event.preventDefault() }, fields);
  const chosen = (): Chosen => {
    const entries = [...new FormData(element)].map(([name, value]) => [name, String(value).trim()] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== ''));
  };
  const days = (): ReturnType<Filters['days']> => {
    const { since, until } = chosen();
    return { since: dayBegins(since), until: dayBegins(until, 1) };
  };
  return { element, chosen, days };
}

/** The time at which a day begins here, or the one after it. */
function dayBegins(day: string | undefined, after = 0): string | null {
  if (!day) return null;
  const begin = new Date(`${day}T00:00`);
  begin.setDate(begin.getDate() + after);
  return Number.isNaN(begin.getTime()) ? null : begin.toISOString();
}

/** Shows pages one below the other. Loaded anew, it shows as many items as before. */
export class Pages<Item> {
  readonly element = h('div', {});
  readonly #read: (after: string | null, limit: number) => Promise<Page<Item>>;
  readonly #show: (items: readonly Item[]) => Child;
  readonly #size: number;
  readonly #fail: (error: unknown) => void;
  #items: Item[] = [];
  #next: string | null = null;
  #shown = '';
  /** Which choice of the filter it is; an answer for an earlier one is dropped. */
  #turn = 0;
  /** The turn in which a next page is being read: a second click is one too many. */
  #adding: number | null = null;
  /** One reading at a time, so that none undoes another. */
  #last: Promise<void> = Promise.resolve();

  /** `read` asks for a page, `show` shows all items, `fail` says why more could not be read. */
  constructor(
    size: number,
    read: (after: string | null, limit: number) => Promise<Page<Item>>,
    show: (items: readonly Item[]) => Child,
    fail: (error: unknown) => void,
  ) {
    this.#size = size;
    this.#read = read;
    this.#show = show;
    this.#fail = fail;
  }

  /** Reads from the beginning, after a next page that is being read. */
  reload(): Promise<void> {
    return this.#inTurn(async (current) => {
      if (!current()) return;
      const most = Math.min(Math.max(this.#items.length, this.#size), MOST);
      const { items, next } = await this.#whole(null, most);
      if (!current()) return;
      this.#items = items;
      this.#next = next;
      this.#draw();
    });
  }

  /** Begins anew, as after a change of the filter, whatever is being read. */
  restart(): void {
    this.#turn += 1;
    this.#items = [];
    // Nothing of one choice is said in the words of another.
    this.#shown = '';
    this.#last = Promise.resolve();
    const turn = this.#turn;
    this.reload().catch((error: unknown) => {
      // What is shown is of another choice.
      if (turn === this.#turn) fill(this.element, h('div', { class: 'actions more' }, h('button', { type: 'button', onclick: () => this.restart() }, 'Try again')));
      this.#fail(error);
    });
  }

  /** A page may be empty although there is more: then the next is read too. */
  async #whole(after: string | null, limit: number): Promise<Page<Item>> {
    let page = await this.#read(after, limit);
    for (let passes = 0; page.items.length === 0 && page.next !== null && passes < 20; passes += 1) {
      page = await this.#read(page.next, limit);
    }
    return page;
  }

  #inTurn(read: (current: () => boolean) => Promise<void>): Promise<void> {
    const turn = this.#turn;
    const done = this.#last.then(() => read(() => turn === this.#turn));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #more(): Promise<void> {
    const turn = this.#turn;
    if (this.#adding === turn) return;
    this.#adding = turn;
    try {
      await this.#inTurn(async (current) => {
        if (!current() || this.#next === null) return;
        const { items, next } = await this.#whole(this.#next, this.#size);
        if (!current()) return;
        this.#items = [...this.#items, ...items];
        this.#next = next;
        this.#draw();
      });
    } finally {
      if (this.#adding === turn) this.#adding = null;
    }
  }

  #draw(): void {
    const shown = JSON.stringify([this.#items, this.#next]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const more = h('button', { type: 'button', 'data-key': 'more', onclick: () => void this.#more().catch(this.#fail) }, 'Show more');
    fill(this.element, this.#show(this.#items), this.#next !== null && h('div', { class: 'actions more' }, more));
  }
}
