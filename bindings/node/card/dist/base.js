import { Api, isSame } from './api.js';
import { sheet } from './style.js';
import { listen } from './stream.js';
const Base = globalThis.HTMLElement ?? class {
};
const asking = new Map();
function now(api) {
    const asked = asking.get(api.base);
    if (asked)
        return asked;
    const me = api.me().finally(() => asking.delete(api.base));
    asking.set(api.base, me);
    return me;
}
export class CardBase extends Base {
    #root;
    #end = null;
    #joining = false;
    #me = null;
    #turn = 0;
    constructor() {
        super();
        this.#root = this.attachShadow({ mode: 'open' });
        this.#root.adoptedStyleSheets = [sheet()];
    }
    connectedCallback() {
        document.addEventListener('visibilitychange', this.#seen);
        addEventListener('focus', this.#seen);
        addEventListener('pageshow', this.#back);
    }
    disconnectedCallback() {
        document.removeEventListener('visibilitychange', this.#seen);
        removeEventListener('focus', this.#seen);
        removeEventListener('pageshow', this.#back);
        this.leave();
    }
    #seen = () => {
        if (!document.hidden)
            this.shown();
    };
    #back = (event) => {
        if (event.persisted)
            this.#seen();
    };
    get root() {
        return this.#root;
    }
    get api() {
        return new Api(new URL(this.getAttribute('api') || '/api', document.baseURI).href);
    }
    get joined() {
        return this.#joining || this.#end !== null;
    }
    async join(api, listener) {
        this.leave();
        const turn = this.#turn;
        this.#joining = true;
        try {
            const me = await now(api);
            if (turn !== this.#turn)
                return null;
            this.#me = me;
            this.#end = listen(`${api.base}/stream`, me.firm, listener);
            return me;
        }
        catch (error) {
            if (turn !== this.#turn)
                return null;
            throw error;
        }
        finally {
            if (turn === this.#turn)
                this.#joining = false;
        }
    }
    leave() {
        this.#turn += 1;
        this.#joining = false;
        this.#me = null;
        this.#end?.();
        this.#end = null;
    }
    async another() {
        const known = this.#me;
        if (!known)
            return false;
        const turn = this.#turn;
        const me = await now(this.api);
        return turn === this.#turn && !isSame(me, known);
    }
}
