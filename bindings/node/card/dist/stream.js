import { SILENCE_MS, read } from './events.js';
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const streams = new Map();
export function listen(url, firm, listener) {
    const name = `casehug-clio ${new URL(url, location.href).href} ${firm}`;
    let stream = streams.get(name);
    if (!stream) {
        stream = new Stream(url, name, () => streams.delete(name));
        streams.set(name, stream);
    }
    return stream.add(listener);
}
class Stream {
    #url;
    #name;
    #forget;
    #listeners = new Set();
    #channel = null;
    #stop = new AbortController();
    #reads = false;
    #live = false;
    #silence;
    #wake = null;
    constructor(url, name, forget) {
        this.#url = url;
        this.#name = name;
        this.#forget = forget;
    }
    add(listener) {
        this.#listeners.add(listener);
        if (this.#listeners.size === 1)
            this.#begin();
        listener.live(this.#live);
        return () => {
            this.#listeners.delete(listener);
            if (this.#listeners.size > 0)
                return;
            this.#end();
            this.#forget();
        };
    }
    #begin() {
        addEventListener('pagehide', this.#leave);
        addEventListener('pageshow', this.#return);
        addEventListener('focus', this.#shown);
        document.addEventListener('visibilitychange', this.#shown);
        this.#join();
    }
    #end() {
        removeEventListener('pagehide', this.#leave);
        removeEventListener('pageshow', this.#return);
        removeEventListener('focus', this.#shown);
        document.removeEventListener('visibilitychange', this.#shown);
        this.#part();
    }
    #leave = () => this.#part();
    #return = (event) => {
        if (!event.persisted)
            return;
        this.#join();
        this.#changed(null);
    };
    #shown = () => {
        if (document.hidden)
            return;
        if (this.#reads)
            this.#wake?.();
        else
            this.#say({ kind: 'shown' });
    };
    #join() {
        const stop = new AbortController();
        this.#stop = stop;
        if (!navigator.locks || typeof BroadcastChannel !== 'function') {
            void this.#read(stop.signal);
            return;
        }
        this.#channel = new BroadcastChannel(this.#name);
        this.#channel.onmessage = ({ data }) => this.#hear(data);
        this.#say({ kind: 'who' });
        this.#listen();
        navigator.locks
            .request(this.#name, { signal: stop.signal }, () => this.#read(stop.signal))
            .catch(() => undefined);
    }
    #part() {
        this.#stop.abort();
        clearTimeout(this.#silence);
        this.#channel?.close();
        this.#channel = null;
        this.#reads = false;
        this.#turn(false);
    }
    #hear(message) {
        if (this.#reads) {
            if (message.kind === 'who')
                this.#say(this.#wake ? { kind: 'signedOut' } : { kind: 'live', live: this.#live });
            if (message.kind === 'shown')
                this.#wake?.();
            return;
        }
        if (message.kind === 'who' || message.kind === 'shown')
            return;
        this.#listen();
        if (message.kind === 'changed')
            this.#changed(message.what);
        if (message.kind === 'live')
            this.#turn(message.live);
        if (message.kind === 'signedOut')
            this.#signedOut();
    }
    #listen() {
        clearTimeout(this.#silence);
        this.#silence = setTimeout(() => {
            this.#turn(false);
            this.#changed(null);
            this.#listen();
        }, SILENCE_MS);
    }
    async #read(stop) {
        if (stop.aborted)
            return;
        this.#reads = true;
        clearTimeout(this.#silence);
        let pause = FIRST_PAUSE_MS;
        while (!stop.aborted) {
            const event = (name, data) => {
                if (name === 'hello') {
                    pause = FIRST_PAUSE_MS;
                    this.#turn(true);
                    this.#say({ kind: 'live', live: true });
                }
                if (name !== 'hello' && name !== 'changed')
                    return;
                const what = name === 'hello' ? null : topics(data);
                this.#changed(what);
                this.#say({ kind: 'changed', what });
            };
            const heard = () => this.#say({ kind: 'live', live: this.#live });
            const refused = await read(this.#url, { event, heard }, stop);
            if (stop.aborted)
                return;
            this.#turn(false);
            this.#say({ kind: 'live', live: false });
            if (refused === 401) {
                this.#signedOut();
                this.#say({ kind: 'signedOut' });
                await this.#woken(stop);
                continue;
            }
            await waited(pause * (0.75 + Math.random() / 2), stop);
            pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
            if (!stop.aborted)
                this.#changed(null);
            this.#say({ kind: 'changed', what: null });
        }
    }
    async #woken(stop) {
        await new Promise((resolve) => {
            this.#wake = resolve;
            stop.addEventListener('abort', () => resolve(), { once: true });
        });
        this.#wake = null;
    }
    #say(message) {
        this.#channel?.postMessage(message);
    }
    #changed(what) {
        for (const listener of this.#listeners)
            listener.changed(what);
    }
    #signedOut() {
        for (const listener of this.#listeners)
            listener.signedOut();
    }
    #turn(live) {
        this.#live = live;
        for (const listener of this.#listeners)
            listener.live(live);
    }
}
function topics(data) {
    try {
        const { what } = JSON.parse(data);
        return Array.isArray(what) ? what.map(String) : null;
    }
    catch {
        return null;
    }
}
function waited(ms, stop) {
    return new Promise((resolve) => {
        const done = () => {
            clearTimeout(timer);
            resolve();
        };
        const timer = setTimeout(done, ms);
        stop.addEventListener('abort', done, { once: true });
    });
}
