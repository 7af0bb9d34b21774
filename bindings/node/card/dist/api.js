export class CardError extends Error {
    code;
    number;
    where;
    constructor(message, code, more = {}) {
        super(message);
        this.name = 'CardError';
        this.code = code;
        this.number = more.number ?? null;
        this.where = more.where ?? null;
    }
}
const SIGNED_OUT = 'signed_out';
export const signedOut = () => new CardError('You are no longer signed in to CaseHug. Sign in, and open this page again.', SIGNED_OUT);
export const isSignedOut = (error) => error instanceof CardError && error.code === SIGNED_OUT;
export const isRefused = (error) => error instanceof CardError && error.code === 'not_allowed';
export const isSame = (one, other) => one.firm === other.firm && one.user === other.user && one.role === other.role;
export const known = (error) => error instanceof CardError ? error : new CardError('A defect of this page. Report the code.', 'card_internal');
const LONGEST_MS = 120_000;
const READS = { headers: { accept: 'application/json' } };
export class Api {
    base;
    #until;
    constructor(base, until) {
        this.base = base.replace(/\/+$/, '');
        this.#until = until;
    }
    async call(name, ...sent) {
        const body = JSON.stringify(sent[0] ?? {});
        const headers = { 'content-type': 'application/json', accept: 'application/json' };
        return (await this.#ask(`${this.base}/${name}`, { method: 'POST', headers, body }));
    }
    async me() {
        return (await this.#ask(`${this.base}/me`, READS));
    }
    async matters(url) {
        const answer = (await this.#ask(url, READS));
        if (!Array.isArray(answer?.matters))
            throw unexpected('no_matters');
        return answer.matters.map(({ id }) => String(id));
    }
    async #ask(url, request) {
        let response;
        let text;
        this.#check();
        try {
            const signal = AbortSignal.timeout(LONGEST_MS);
            response = await fetch(url, { credentials: 'same-origin', cache: 'no-store', signal, ...request });
            text = await response.text();
        }
        catch {
            throw new CardError('CaseHug did not answer. Check your network connection; what is shown may be out of date.', 'no_answer');
        }
        this.#check();
        const answer = read(text);
        if (response.ok && answer !== undefined)
            return answer;
        throw failed(response.status, answer);
    }
    #check() {
        if (this.#until?.aborted)
            throw new CardError('Somebody else looks at this page.', 'card_ended');
    }
}
function unexpected(code) {
    return new CardError('CaseHug answered something unexpected. If it goes on, report the code.', code);
}
function read(text) {
    if (text === '')
        return null;
    try {
        return JSON.parse(text);
    }
    catch {
        return undefined;
    }
}
function failed(status, answer) {
    if (status === 401)
        return signedOut();
    const error = answer?.error;
    if (typeof error?.code === 'string') {
        const message = error.message || 'It could not be done.';
        return new CardError(message, error.code, { number: error.number ?? null, where: error.path ?? null });
    }
    return unexpected(`http_${status}`);
}
