// The HTTP port on `node:http` and `node:https`.
//
// Connections are made here and handed to Node when they stand, TLS included. A request that must
// be written at most once has one of its own: until it stands it is certain that nothing was
// written, and only then is it decided whether the request may still be sent. Others share
// connections, which an agent keeps for some seconds. No redirect, no proxy, no retry, no cookie,
// no decompression: `node:http` has none.
//
// A document goes out of one buffer that is used again, counted here: `node:http` hangs on a body
// that is too short and lets one pass that is too long.
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

import { monotonic } from './clock.mjs';
import { HttpFailure } from './errors.mjs';
import { isStream, readerOf } from './stream-reader.mjs';

const CHUNK = 64 * 1024;
/** Before another address of the host is tried: a slow one may be the only one that works. */
const NEXT_ADDRESS_MS = 5_000;
/** Before any server closes an idle connection: Node's close after five seconds, others later. */
const IDLE_MS = 4_000;
/** Idle connections to one host. */
const MOST_IDLE = 8;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Why an exchange is over that nobody waits for. Made once: an error costs a stack trace. */
const OVER = new HttpFailure('lost', 'maybe');

/** Keeps connections; to make one, it asks the request. */
class Keeping extends http.Agent {
  constructor() {
    super({ keepAlive: true, maxFreeSockets: MOST_IDLE, timeout: IDLE_MS });
  }

  createConnection({ opened }, done) {
    opened().then((socket) => done(null, socket), done);
  }

  getName({ origin }) {
    return origin;
  }
}

export class NodeHttp {
  #documents;
  #ca;
  /**
   * Deno 2.9 sends a request again by itself when a kept connection is lost: there none is kept.
   */
  #keeping = 'Deno' in globalThis ? undefined : new Keeping();

  /**
   * `documents.open(document, offset)` gives a reader or a stream; `ca`: PEM certificates to trust
   * besides Node's.
   */
  constructor(documents, { ca } = {}) {
    this.#documents = documents;
    this.#ca = ca;
  }

  async send(request, signal) {
    const url = allowed(request.url);
    const headers = checked(request);
    const ending = new AbortController();
    let ended;
    const end = (kind) => {
      ended ??= kind;
      ending.abort(OVER);
    };
    const abandon = () => end('lost');
    const timer = setTimeout(() => end('timeout'), Math.min(request.timeoutMs, LONGEST_TIMER_MS));
    signal?.addEventListener('abort', abandon, { once: true });
    if (signal?.aborted) abandon();
    let socket;
    let reader;
    let sent = 'no';
    try {
      requireInTime(request);
      if (isDocument(request.body)) {
        const opening = this.#open(request.body);
        // What is opened too late nobody reads.
        reader = await unlessEnded(opening, ending.signal).catch((error) => {
          opening.then(close, () => {});
          throw error;
        });
        if (request.body.len === 0 && request.body.last) await unlessEnded(requireEnd(reader), ending.signal);
      }
      const opened = async () => {
        // Until it stands nothing was written, and then it may be too late.
        sent = 'no';
        const made = await connect(url, this.#ca, ending.signal);
        try {
          requireInTime(request);
        } catch (late) {
          made.destroy();
          throw late;
        }
        sent = 'maybe';
        return made;
      };
      let way = { agent: this.#keeping, origin: url.origin, opened };
      if (request.connection !== 'kept' || this.#keeping === undefined) {
        socket = await opened();
        way = { createConnection: () => socket };
      } else {
        requireInTime(request);
        // Unless it has to connect; and then it goes on that connection and no other.
        sent = 'maybe';
      }
      return await exchange({ request, url, headers, way, reader, signal: ending.signal });
    } catch (error) {
      const failure = error instanceof HttpFailure ? error : new HttpFailure('lost', sent);
      throw new HttpFailure(ended ?? failure.kind, ended === undefined && failure.sent === 'no' ? 'no' : sent);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abandon);
      ending.abort(OVER);
      socket?.destroy();
      close(reader);
      if (request.body instanceof Uint8Array) request.body.fill(0); // It held client data or a secret.
    }
  }

  async #open({ firm, matter, document, upload, offset }) {
    try {
      const opened = await this.#documents.open({ firm, matter, document, upload }, offset);
      const reader = isStream(opened) ? readerOf(opened) : opened;
      if (typeof reader.read !== 'function') throw new TypeError('neither a reader nor a stream');
      return reader;
    } catch {
      throw new HttpFailure('body_unreadable', 'no');
    }
  }
}

/** A reader that cannot be closed is the host's affair. */
async function close(reader) {
  try {
    await reader?.close?.();
  } catch {
    // Whatever it says, the exchange has ended.
  }
}

/** `https`, or `http` to this machine's own loopback; no user name or password in it. */
function allowed(text) {
  const refused = () => new HttpFailure('refused', 'no');
  if (!URL.canParse(text)) throw refused();
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const loopback = host === 'localhost' || host === '::1' || (net.isIPv4(host) && host.startsWith('127.'));
  const scheme = url.protocol === 'https:' || (url.protocol === 'http:' && loopback);
  if (!scheme || url.username !== '' || url.password !== '') throw refused();
  // As it was given: a cursor of Clio's is followed byte for byte.
  const path = text.slice(text.indexOf('/', url.protocol.length + 2)).split('#')[0];
  return { secure: url.protocol === 'https:', origin: url.origin, host, port: url.port || (url.protocol === 'https:' ? 443 : 80), authority: url.host, path };
}

function checked({ method, headers, body }) {
  const all = Object.create(null);
  try {
    for (const [name, value] of headers) {
      http.validateHeaderName(name);
      http.validateHeaderValue(name, value);
      all[name] = [...(all[name] ?? []), value];
    }
  } catch {
    throw new HttpFailure('refused', 'no');
  }
  const len = body === null ? 0 : isDocument(body) ? body.len : body.length;
  if (len > 0 || body !== null || !['GET', 'DELETE'].includes(method)) all['content-length'] = [String(len)];
  return all;
}

function isDocument(body) {
  return body !== null && !(body instanceof Uint8Array);
}

function requireInTime({ notAfter }) {
  if (notAfter !== null && monotonic() >= notAfter) throw new HttpFailure('not_after', 'no');
}

/** What the promise gives, unless the exchange ends first: foreign code may wait for ever. */
function unlessEnded(promise, signal) {
  return new Promise((resolve, reject) => {
    const end = () => reject(OVER);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

async function connect({ secure, host, port }, ca, signal) {
  const plain = await opened(net.connect({ host, port, noDelay: true, autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS }), 'connect', 'connect', signal);
  if (!secure) return plain;
  const trusted = ca === undefined ? undefined : [...tls.rootCertificates, ...[ca].flat()];
  const encrypted = tls.connect({
    socket: plain,
    host,
    servername: net.isIP(host) ? undefined : host,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true, // Also where the environment says otherwise.
    ALPNProtocols: ['http/1.1'],
    ca: trusted,
  });
  return opened(encrypted, 'secureConnect', 'tls', signal);
}

function opened(socket, event, kind, signal) {
  const done = new Promise((resolve, reject) => {
    const failed = () => reject(new HttpFailure(kind, 'no'));
    socket.once(event, () => {
      // Whoever uses it then learns of an error there; without a listener it would end the process.
      socket.off('error', failed).off('close', failed).on('error', () => {});
      resolve(socket);
    });
    socket.once('error', failed).once('close', failed);
  });
  return unlessEnded(done, signal).catch((error) => {
    socket.destroy();
    throw error;
  });
}

function exchange({ request, url, headers, way, reader, signal }) {
  const streamed = reader !== undefined && request.body.len > 0;
  const progress = { whole: !streamed, over: false };
  // Of a connection that stands, TLS and all, `node:http` asks nothing.
  const outgoing = http.request({
    method: request.method,
    path: url.path,
    headers: { ...headers, host: url.authority },
    maxHeaderSize: CHUNK,
    ...way,
  });
  const answered = new Promise((resolve, reject) => {
    outgoing.once('response', (incoming) => {
      const { statusCode: status } = incoming;
      // Whoever says "done" before the document was sent has not got it.
      if (status >= 200 && status < 300 && !progress.whole) reject(new HttpFailure('lost', 'maybe'));
      else read(incoming, request.maxResponse).then(resolve, reject);
    });
    outgoing.on('error', (error) => {
      // While an answer is being read, its own end tells.
      if (outgoing.res !== null && outgoing.res !== undefined) return;
      // One of ours says that there is no connection.
      reject(error instanceof HttpFailure ? error : new HttpFailure('lost', 'maybe'));
    });
    outgoing.once('close', () => {
      if (outgoing.res === null || outgoing.res === undefined) reject(new HttpFailure('lost', 'maybe'));
    });
    if (!streamed) {
      outgoing.end(request.body instanceof Uint8Array ? request.body : undefined);
    } else {
      upload(outgoing, reader, request.body, progress, signal).catch((error) => {
        // A broken connection shows at the answer too, which may have come before it broke.
        if (error instanceof HttpFailure) reject(error);
      });
    }
  });
  return unlessEnded(answered, signal).then(
    (answer) => {
      progress.over = true;
      // An answer that came before all was sent leaves a connection on which nothing can follow.
      if (!outgoing.writableFinished) outgoing.destroy();
      return answer;
    },
    (error) => {
      progress.over = true;
      outgoing.destroy();
      throw error;
    },
  );
}

async function read(incoming, most) {
  const tooLarge = () => new HttpFailure('response_too_large', 'maybe');
  if (Number(incoming.headers['content-length'] ?? 0) > most) throw tooLarge();
  const chunks = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > most) throw tooLarge();
    chunks.push(chunk);
  }
  if (!incoming.complete) throw new HttpFailure('lost', 'maybe');
  const headers = [];
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    const [name, value] = incoming.rawHeaders.slice(at, at + 2);
    if (/^[\t\x20-\x7e]*$/.test(value)) headers.push([name, value]);
  }
  return { status: incoming.statusCode, headers, body: Buffer.concat(chunks) };
}

/**
 * Writes exactly `len` bytes. The last chunk is held back until the end of the document was
 * checked, so that a longer one never arrives whole.
 */
async function upload(outgoing, reader, { len, last }, progress, signal) {
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, len));
  let left = len;
  while (left > 0) {
    const want = Math.min(left, buffer.length);
    let filled = 0;
    while (filled < want) {
      const count = await unlessEnded(pieceOf(reader, buffer.subarray(filled, want)), signal);
      if (count === 0) throw new HttpFailure('body_short', 'maybe');
      filled += count;
    }
    left -= want;
    if (left === 0) {
      if (last) await unlessEnded(requireEnd(reader), signal);
      // Nobody can have all bytes before this moment, so an answer to all of them comes later.
      progress.whole = true;
    }
    if (progress.over) return;
    // The buffer is free again when its bytes are with the kernel.
    await unlessEnded(written(outgoing, buffer.subarray(0, want)), signal);
  }
  outgoing.end();
}

function written(outgoing, chunk) {
  return new Promise((resolve, reject) => {
    outgoing.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

async function pieceOf(reader, buffer) {
  let count;
  try {
    count = await reader.read(buffer);
  } catch {
    throw new HttpFailure('body_unreadable', 'maybe');
  }
  if (!Number.isInteger(count) || count < 0 || count > buffer.length) throw new HttpFailure('body_unreadable', 'maybe');
  return count;
}

async function requireEnd(reader) {
  if ((await pieceOf(reader, Buffer.alloc(1))) !== 0) throw new HttpFailure('body_long', 'maybe');
}
