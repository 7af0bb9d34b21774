// The suites that every port of every language passes, on the store and the transport in
// JavaScript; and TLS, which they cannot see.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import test from 'node:test';

import { documents } from './documents.mjs';
import { FileStore, promised } from './file-store.mjs';
import { monotonic } from '../src/clock.mjs';
import { folder, program, sdk, testing } from './support.mjs';

/** One subtest per case that is told. */
async function told(t, outcomes, least) {
  assert.ok(outcomes.length >= least, `${outcomes.length} cases`);
  for (const [name, wrong] of outcomes) await t.test(name, () => assert.equal(wrong, null));
}

for (const [kind, made] of [['plain values', (store) => store], ['promises', promised]]) {
  test(`the store conformance suite, on a store of ${kind}`, async (t) => {
    const store = made(new FileStore(join(folder(t), 'store.jsonl')));
    const { run } = await bound();
    await told(t, await run((bindings) => bindings.storeConformance(store)), 29);
  });
}

test('the HTTP conformance suite, on node:http', async (t) => {
  const server = await program(t, 'http-conformance-server');
  const { run } = await bound();
  await told(t, await run((bindings) => bindings.httpConformance(new sdk.NodeHttp(documents), server)), 32);
});

async function bound() {
  const { engine } = await testing();
  const loaded = await engine();
  return { run: (work) => loaded.run(work) };
}

test('TLS: version, certificate and name are checked, whatever the environment says', async (t) => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  t.after(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  const here = folder(t);
  const [key, cert] = [join(here, 'key.pem'), join(here, 'cert.pem')];
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  const ca = readFileSync(cert, 'utf8');
  let requests = 0;
  const serve = async (options) => {
    const server = https.createServer({ key: readFileSync(key), cert: ca, ...options }, (_, response) => {
      requests += 1;
      response.end('hello');
    });
    server.on('tlsClientError', () => {});
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    return server.address().port;
  };
  const get = (http, host, port, more) =>
    http.send({ method: 'GET', url: `https://${host}:${port}/`, headers: [], body: null, connection: 'kept', timeoutMs: 60_000, notAfter: null, maxResponse: 100, ...more });
  const refused = (call) => assert.rejects(call, { kind: 'tls', sent: 'no' });
  const trusting = new sdk.NodeHttp(documents, { ca });
  const modern = await serve({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  assert.equal(Buffer.from((await get(trusting, 'localhost', modern)).body).toString(), 'hello');
  assert.equal(requests, 1);
  await refused(get(new sdk.NodeHttp(documents), 'localhost', modern));
  await refused(get(trusting, '127.0.0.1', modern)); // Not a name of this certificate.
  const old = await serve({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  await refused(get(trusting, 'localhost', old));
  assert.equal(requests, 1);
  // A way on which a handshake takes longer than the request may wait.
  const slow = net.createServer((near) => {
    near.on('error', () => {});
    setTimeout(() => near.pipe(net.connect(modern, '127.0.0.1').on('error', () => {})).pipe(near), 700);
  });
  await new Promise((resolve) => slow.listen(0, '127.0.0.1', resolve));
  t.after(() => slow.close());
  for (const connection of ['own', 'kept']) {
    const slowly = (more) => get(trusting, 'localhost', slow.address().port, { connection, ...more });
    await assert.rejects(slowly({ notAfter: monotonic() + 300 }), { kind: 'not_after', sent: 'no' });
    await assert.rejects(slowly({ timeoutMs: 300 }), { kind: 'timeout', sent: 'no' });
  }
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.equal(requests, 1);
});
