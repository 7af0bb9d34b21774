// What both elements have in common: where the host's routes are, who looks, and the stream.
import { Api, isSame, type Person } from './api.js';
import { sheet } from './style.js';
import { listen, type Listener } from './stream.js';

/** Where there is no page, on a server that only renders, the module can still be loaded. */
const Base: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);

const asking = new Map<string, Promise<Person>>();

/** Who is signed in by now: asked once for all elements of a page that ask in the same moment. */
function now(api: Api): Promise<Person> {
  const asked = asking.get(api.base);
  if (asked) return asked;
  const me = api.me().finally(() => asking.delete(api.base));
  asking.set(api.base, me);
  return me;
}

export abstract class CardBase extends Base {
  readonly #root: ShadowRoot;
  #end: (() => void) | null = null;
  #joining = false;
  #me: Person | null = null;
  /** Which joining it is; an answer for one that was left is dropped. */
  #turn = 0;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: 'open' });
    this.#root.adoptedStyleSheets = [sheet()];
  }

  connectedCallback(): void {
    document.addEventListener('visibilitychange', this.#seen);
    addEventListener('focus', this.#seen);
    addEventListener('pageshow', this.#back);
  }

  disconnectedCallback(): void {
    document.removeEventListener('visibilitychange', this.#seen);
    removeEventListener('focus', this.#seen);
    removeEventListener('pageshow', this.#back);
    this.leave();
  }

  /** The page is shown again: somebody else may be signed in by then. */
  protected abstract shown(): void;

  readonly #seen = (): void => {
    if (!document.hidden) this.shown();
  };

  readonly #back = (event: PageTransitionEvent): void => {
    if (event.persisted) this.#seen();
  };

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

  /** Says who looks, and begins to listen; null: it was left meanwhile. */
  protected async join(api: Api, listener: Listener): Promise<Person | null> {
    this.leave();
    const turn = this.#turn;
    this.#joining = true;
    try {
      const me = await now(api);
      if (turn !== this.#turn) return null;
      this.#me = me;
      this.#end = listen(`${api.base}/stream`, me.firm, listener);
      return me;
    } catch (error) {
      if (turn !== this.#turn) return null;
      throw error;
    } finally {
      if (turn === this.#turn) this.#joining = false;
    }
  }

  protected leave(): void {
    this.#turn += 1;
    this.#joining = false;
    this.#me = null;
    this.#end?.();
    this.#end = null;
  }

  /** Asks who is signed in by now: whether it is another person, or another role. */
  protected async another(): Promise<boolean> {
    const known = this.#me;
    if (!known) return false;
    const turn = this.#turn;
    const me = await now(this.api);
    return turn === this.#turn && !isSame(me, known);
  }
}
