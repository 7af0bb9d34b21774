// What both elements have in common: where the host's routes are, who looks, and the stream.
import { Api, type Person } from './api.js';
import { sheet } from './style.js';
import { listen, type Listener } from './stream.js';

/** Where there is no page, on a server that only renders, the module can still be loaded. */
const Base: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);

const people = new Map<string, Promise<Person>>();

/** Who is signed in: asked for once, by all elements of a page. */
function person(api: Api): Promise<Person> {
  const known = people.get(api.base);
  if (known) return known;
  const asked = api.me();
  people.set(api.base, asked);
  asked.catch(() => people.delete(api.base));
  return asked;
}

export abstract class CardBase extends Base {
  readonly #root: ShadowRoot;
  #end: (() => void) | null = null;
  #joining = false;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: 'open' });
    this.#root.adoptedStyleSheets = [sheet()];
  }

  /** What is shown stands in here. */
  protected get root(): ShadowRoot {
    return this.#root;
  }

  protected get api(): Api {
    return new Api(new URL(this.getAttribute('api') || '/api', document.baseURI).href);
  }

  /** Whether it listens, or is about to. */
  protected get joined(): boolean {
    return this.#joining || this.#end !== null;
  }

  /** Says who looks, and begins to listen; null: the element was taken away meanwhile. */
  protected async join(api: Api, listener: Listener): Promise<Person | null> {
    this.#joining = true;
    const me = await person(api).finally(() => {
      this.#joining = false;
    });
    if (!this.isConnected) return null;
    this.leave();
    this.#end = listen(`${api.base}/stream`, me.firm, listener);
    return me;
  }

  protected leave(): void {
    this.#end?.();
    this.#end = null;
  }
}
