// What both elements have in common: where the host's routes are, who looks, and the stream.
import { Api } from './api.js';
import { sheet } from './style.js';
import { listen } from './stream.js';
/** Where there is no page, on a server that only renders, the module can still be loaded. */
const Base = globalThis.HTMLElement ?? class {
};
const people = new Map();
/** Who is signed in: asked for once, by all elements of a page. */
function person(api) {
    const known = people.get(api.base);
    if (known)
        return known;
    const asked = api.me();
    people.set(api.base, asked);
    asked.catch(() => people.delete(api.base));
    return asked;
}
export class CardBase extends Base {
    #root;
    #end = null;
    #joining = false;
    constructor() {
        super();
        this.#root = this.attachShadow({ mode: 'open' });
        this.#root.adoptedStyleSheets = [sheet()];
    }
    /** What is shown stands in here. */
    get root() {
        return this.#root;
    }
    get api() {
        return new Api(new URL(this.getAttribute('api') || '/api', document.baseURI).href);
    }
    /** Whether it listens, or is about to. */
    get joined() {
        return this.#joining || this.#end !== null;
    }
    /** Says who looks, and begins to listen; null: the element was taken away meanwhile. */
    async join(api, listener) {
        this.#joining = true;
        const me = await person(api).finally(() => {
            this.#joining = false;
        });
        if (!this.isConnected)
            return null;
        this.leave();
        this.#end = listen(`${api.base}/stream`, me.firm, listener);
        return me;
    }
    leave() {
        this.#end?.();
        this.#end = null;
    }
}
