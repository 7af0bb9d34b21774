// Reads a stream of server-sent events until it ends, however it ends.
//
// `EventSource` does not do: it gives up for good at an answer such as 503, which is what a restart
// behind a proxy looks like, and does not notice a connection that is silently gone.

/** The server says something every 15 s; after three that did not come, nobody is there. */
export const SILENCE_MS = 50_000;

/** Takes an event, its name and its data; and hears that something came, a heartbeat too. */
interface Reader {
  event(name: string, data: string): void;
  heard(): void;
}

/** Resolves when the stream ends, fails or falls silent, with the status if that was no stream. */
export async function read(url: string, reader: Reader, stop: AbortSignal): Promise<number | null> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  stop.addEventListener('abort', end);
  let silence = setTimeout(end, SILENCE_MS);
  try {
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream' },
      credentials: 'same-origin',
      cache: 'no-store',
      signal: ended.signal,
    });
    if (!response.ok || !response.body) return response.status;
    const lines = new Lines(reader);
    const decoder = new TextDecoder();
    const body = response.body.getReader();
    for (;;) {
      const { done, value } = await body.read();
      if (done) return null;
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_MS);
      lines.take(decoder.decode(value, { stream: true }));
      reader.heard();
    }
  } catch {
    // Ended: whoever asked begins anew.
    return null;
  } finally {
    clearTimeout(silence);
    stop.removeEventListener('abort', end);
    end();
  }
}

/** Puts events together from pieces of text. */
class Lines {
  readonly #reader: Reader;
  #rest = '';
  #name = '';
  #data: string[] = [];

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  take(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '') {
      if (this.#data.length > 0) this.#reader.event(this.#name || 'message', this.#data.join('\n'));
      this.#name = '';
      this.#data = [];
      return;
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'event') this.#name = value;
    if (field === 'data') this.#data.push(value);
  }
}
