// `closing.mjs NODE`: requests of both kinds to a server, run by NODE, that closes kept connections
// at random moments: nothing comes twice, and nothing that creates is in doubt. Prints how many on
// kept connections were lost and how many not sent.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as after } from 'node:timers/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { documents } from './documents.mjs';
import { sdk } from './support.mjs';

const REQUESTS = 800;
const here = dirname(fileURLToPath(import.meta.url));
const server = spawn(process.argv[2], [join(here, 'closing-server.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => server.kill());
const [port, telling] = (await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()).value.split(' ');
const seen = async () => (await fetch(`http://127.0.0.1:${telling}/`)).json();

/** Up to 0.6 ms, in which the event loop turns. */
async function pause() {
  for (const end = performance.now() + Math.random() * 0.6; performance.now() < end; ) await new Promise((resolve) => setImmediate(resolve));
}

const request = { headers: [], timeoutMs: 10_000, notAfter: null, maxResponse: 100 };
const transport = new sdk.NodeHttp(documents);
const outcomes = new Map();
for (let number = 0; number < REQUESTS; number += 1) {
  const path = `/${number}`;
  // As core asks: what creates on a connection of its own, what may be repeated on any.
  const creates = number % 8 === 0;
  const method = creates ? 'POST' : ['GET', 'DELETE', 'PATCH'][number % 3];
  const body = method === 'GET' || method === 'DELETE' ? null : Buffer.from(`{"n":${number}}`);
  const sent = transport.send({ ...request, method, body, url: `http://127.0.0.1:${port}${path}`, connection: creates ? 'own' : 'kept' });
  outcomes.set(path, await sent.then(({ status }) => ({ creates, status }), ({ kind, sent }) => ({ creates, kind, sent })));
  await pause();
}
await after(500);
const paths = await seen();
let [lost, unsent] = [0, 0];
for (const [path, { creates, status, kind, sent }] of outcomes) {
  const written = paths[path] ?? 0;
  const shown = `${path} ${JSON.stringify({ creates, status, kind, sent, written })}`;
  if (status !== undefined) {
    assert.deepEqual([status, written], [200, 1], shown);
    continue;
  }
  assert.deepEqual([creates, kind], [false, 'lost'], shown);
  assert.ok(written <= (sent === 'maybe' ? 1 : 0), shown);
  if (sent === 'maybe') lost += 1;
  else unsent += 1;
}
console.log(JSON.stringify({ lost, unsent }));
process.exit(0);
