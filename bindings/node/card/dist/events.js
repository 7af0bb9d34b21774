export const SILENCE_MS = 50_000;
export async function read(url, reader, stop) {
    const ended = new AbortController();
    const end = () => ended.abort();
    stop.addEventListener('abort', end);
    let silence = setTimeout(end, SILENCE_MS);
    try {
        const response = await fetch(url, {
            headers: { accept: 'text/event-stream' },
            credentials: 'same-origin',
            cache: 'no-store',
            signal: ended.signal,
        });
        if (!response.ok || !response.body)
            return response.status;
        const lines = new Lines(reader);
        const decoder = new TextDecoder();
        const body = response.body.getReader();
        for (;;) {
            const { done, value } = await body.read();
            if (done)
                return null;
            clearTimeout(silence);
            silence = setTimeout(end, SILENCE_MS);
            lines.take(decoder.decode(value, { stream: true }));
            reader.heard();
        }
    }
    catch {
        return null;
    }
    finally {
        clearTimeout(silence);
        stop.removeEventListener('abort', end);
        end();
    }
}
class Lines {
    #reader;
    #rest = '';
    #name = '';
    #data = [];
    constructor(reader) {
        this.#reader = reader;
    }
    take(text) {
        const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
        this.#rest = lines.pop() ?? '';
        for (const line of lines)
            this.#line(line);
    }
    #line(line) {
        if (line === '') {
            if (this.#data.length > 0)
                this.#reader.event(this.#name || 'message', this.#data.join('\n'));
            this.#name = '';
            this.#data = [];
            return;
        }
        const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        if (field === 'event')
            this.#name = value;
        if (field === 'data')
            this.#data.push(value);
    }
}
