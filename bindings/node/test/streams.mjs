// `streams.mjs`: documents that come as streams, through `NodeHttp`, as JSON: cases, and what was
// wrong with each.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';

import { look } from '../bench/memory.mjs';
import { sdk } from './support.mjs';

const MIB = 1024 * 1024;
const LARGE = 64 * MIB;
const MOST_GROWTH = 8 * MIB;
const CHUNK = 60_000;
const document = { firm: 'f', matter: 'm', document: 'd', upload: 'd' };
/** The same bytes for all documents, at any offset. */
const PATTERN = Uint8Array.from({ length: 2 * CHUNK }, (_, at) => at % 251);
const piece = (from, length) => PATTERN.slice(from % 251, (from % 251) + length);

/** `len` bytes from an offset on, in chunks that are made as they are asked for. */
function* chunks(len, from = 0) {
  for (let at = from; at < len; at += CHUNK) {
    if (at % (7 * CHUNK) === from) yield new Uint8Array();
    yield piece(at, Math.min(CHUNK, len - at));
  }
}

async function* later(pieces) {
  yield* pieces;
}

/** A `ReadableStream` of the web. */
function web(pieces) {
  const iterator = later(pieces);
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return();
    },
  });
}

const KINDS = {
  'a Readable of Node': (pieces) => Readable.from(later(pieces), { objectMode: false }),
  'a ReadableStream of the web': web,
  'an async generator': later,
  'an iterable': (pieces) => pieces,
};

/** What a server got: its length and digest. */
async function server() {
  const got = [];
  const listening = http.createServer(async (request, response) => {
    const hash = createHash('sha256');
    let length = 0;
    try {
      for await (const chunk of request) {
        hash.update(chunk);
        length += chunk.length;
      }
      got.push({ length, digest: hash.digest('hex') });
      response.end('stored');
    } catch {
      // The request broke off.
    }
  });
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${listening.address().port}/`, got, end: () => listening.closeAllConnections?.() ?? listening.close() };
}

function digestOf(len, from = 0) {
  const hash = createHash('sha256');
  for (const chunk of chunks(len, from)) hash.update(chunk);
  return hash.digest('hex');
}

const { url, got, end } = await server();

function put(open, more = {}) {
  const { offset = 0, len, last = true, timeoutMs = 60_000 } = more;
  const body = { ...document, offset, len, last };
  return new sdk.NodeHttp({ open }).send({ method: 'PUT', url, headers: [], body, connection: 'own', timeoutMs, notAfter: null, maxResponse: 100 });
}

const fails = (open, kind, more) => assert.rejects(put(open, more), { kind });
const cases = [];
const check = (name, work) => cases.push([name, work]);

/** Looks at what is reachable every 8 MiB. */
async function* watched(pieces, looks) {
  let [sent, next] = [0, 0];
  for (const piece of pieces) {
    yield piece;
    sent += piece.length;
    if (sent >= next) {
      next = sent + 8 * MIB;
      // Buffers are given back by the second collection.
      await look();
      looks.push((await look()).reachable);
    }
  }
}

for (const [kind, make] of Object.entries(KINDS)) {
  // Nothing can wait for a look in the midst of an iterable.
  if (kind !== 'an iterable') {
    check(`64 MiB of ${kind}, within ${MOST_GROWTH / MIB} MiB`, async () => {
      await put(() => make(chunks(MIB)), { len: MIB });
      const before = (await look()).reachable;
      const looks = [];
      assert.equal((await put(() => make(watched(chunks(LARGE), looks)), { len: LARGE })).status, 200);
      assert.deepEqual(got.at(-1), { length: LARGE, digest: digestOf(LARGE) });
      assert.ok(looks.length >= 8, `${looks.length} looks`);
      const grown = Math.max(...looks) - before;
      assert.ok(grown <= MOST_GROWTH, `${Math.round(grown / 1024)} KiB`);
    });
  }

  check(`${kind} from an offset, a part and the rest`, async () => {
    const len = 5 * CHUNK + 7;
    for (const [offset, part, last] of [[CHUNK + 1, 2 * CHUNK, false], [3 * CHUNK + 1, 2 * CHUNK + 6, true]]) {
      await put((_, from) => make(chunks(len, from)), { offset, len: part, last });
      await put((_, from) => sdk.readerOf(make(chunks(len)), from), { offset, len: part, last });
      const [one, other] = got.slice(-2);
      assert.deepEqual(one, other);
      assert.equal(one.length, part);
      if (last) assert.equal(one.digest, digestOf(len, offset));
    }
  });

  check(`${kind} that is too short, too long, empty or breaks`, async () => {
    const before = got.length;
    const breaking = function* () {
      yield piece(0, CHUNK);
      throw new Error('broken');
    };
    await fails(() => make(chunks(CHUNK - 1)), 'body_short', { len: CHUNK });
    await fails(() => make(chunks(CHUNK + 1)), 'body_long', { len: CHUNK });
    await fails(() => make(chunks(1)), 'body_long', { len: 0 });
    await fails(() => make(chunks(0)), 'body_short', { len: 1 });
    await fails(() => make(breaking()), 'body_unreadable', { len: 2 * CHUNK });
    assert.equal(got.length, before);
    await put(() => make(chunks(0)), { len: 0 });
    assert.equal(got.at(-1).length, 0);
  });

  check(`${kind} that was used before`, async () => {
    const same = make(chunks(CHUNK));
    await put(() => same, { len: CHUNK });
    const error = await put(() => same, { len: CHUNK }).catch((thrown) => thrown);
    assert.ok(['body_short', 'body_unreadable'].includes(error.kind), `${error.kind}`);
  });
}

check('what is no stream, and chunks that are no bytes', async () => {
  for (const wrong of [null, undefined, 7, 'text', {}, ['text'], [[1, 2]], new Uint8Array(9), [new Uint16Array(9)], Readable.from(['text'])]) {
    await fails(() => wrong, 'body_unreadable', { len: 9 });
  }
});

check('a stream is ended when nobody waits for it any more', async () => {
  const never = new Promise(() => {});
  const ended = [];
  const stuck = {
    'a Readable of Node': () => new Readable({ read() {}, destroy: (_, done) => (ended.push('readable'), done()) }),
    'a ReadableStream of the web': () => new ReadableStream({ pull: () => never, cancel: () => void ended.push('web') }),
    'an iterator': () => ({ [Symbol.asyncIterator]: () => ({ next: () => never, return: async () => ended.push('iterator') }) }),
  };
  for (const make of Object.values(stuck)) await fails(make, 'timeout', { len: 9, timeoutMs: 200 });
  assert.deepEqual(ended, ['readable', 'web', 'iterator']);
  // One that is opened too late.
  const late = { readable: stuck['a Readable of Node'], web: stuck['a ReadableStream of the web'] };
  for (const make of Object.values(late)) await fails(() => after(400).then(make), 'timeout', { len: 9, timeoutMs: 200 });
  await after(500);
  assert.deepEqual(ended.slice(3), ['readable', 'web']);
});

check('a Readable that breaks while nobody reads it ends nothing', async () => {
  const broken = () => {
    const stream = new Readable({ read() {} });
    setImmediate(() => stream.destroy(new Error('broken')));
    return stream;
  };
  const reader = sdk.readerOf(broken());
  await after(50);
  await assert.rejects(reader.read(new Uint8Array(9)));
  await reader.close();
  await fails(broken, 'body_unreadable', { len: 9 });
});

check('a reader that cannot be closed changes no answer', async () => {
  for (const close of [() => { throw new Error('broken'); }, () => Promise.reject(new Error('broken'))]) {
    const open = () => ({ ...sdk.readerOf(chunks(CHUNK)), close });
    assert.equal((await put(open, { len: CHUNK })).status, 200);
  }
});

const outcomes = [];
for (const [name, work] of cases) outcomes.push([name, await work().then(() => null, (error) => `${error?.stack ?? error}`)]);
console.log(JSON.stringify(outcomes));
end();
process.exit(0);
