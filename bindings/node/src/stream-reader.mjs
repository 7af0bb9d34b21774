// Documents that come as streams: of Node, of the web, or what a generator yields.
//
// One chunk is held at a time, so the memory that a document takes is the stream's own.
import { isUint8Array } from 'node:util/types';

const NOTHING = new Uint8Array();

/** Whether it gives bytes by itself, unlike a reader, which fills a buffer. */
export function isStream(value) {
  return [value?.getReader, value?.[Symbol.asyncIterator], value?.[Symbol.iterator]].some((member) => typeof member === 'function');
}

/**
 * A reader of what the stream gives behind its first `skip` bytes. Closing it ends the stream, also
 * while a read waits for it.
 */
export function readerOf(stream, skip = 0) {
  const { next, end } = sourceOf(stream);
  let chunk = NOTHING;
  return {
    async read(buffer) {
      // A chunk without bytes is not the end.
      while (chunk.length === 0) {
        const { done, value } = await next();
        if (done) return 0;
        // Text too: nobody knows in which encoding it was meant.
        if (!isUint8Array(value)) throw new TypeError('readerOf: every chunk is a Uint8Array');
        chunk = value.subarray(skip);
        skip = Math.max(0, skip - value.length);
      }
      const count = Math.min(chunk.length, buffer.length);
      buffer.set(chunk.subarray(0, count));
      chunk = chunk.subarray(count);
      return count;
    },
    async close() {
      chunk = NOTHING;
      await end();
    },
  };
}

/** How to ask it for the next chunk, and how to end it. */
function sourceOf(stream) {
  if (typeof stream?.getReader === 'function') {
    const reader = stream.getReader();
    return { next: () => reader.read(), end: () => reader.cancel() };
  }
  const iterator = stream?.[Symbol.asyncIterator]?.() ?? stream?.[Symbol.iterator]?.();
  if (iterator === undefined) throw new TypeError('readerOf: neither a stream nor iterable');
  const next = () => iterator.next();
  const isOfNode = typeof stream.on === 'function' && typeof stream.destroy === 'function';
  if (!isOfNode) return { next, end: () => iterator.return?.() };
  // Its iterator listens from the first read on. An error before that, or after the last one, would
  // end the process.
  stream.on('error', () => {});
  // Its iterator would wait for the chunk that was asked for.
  return { next, end: () => stream.destroy() };
}
