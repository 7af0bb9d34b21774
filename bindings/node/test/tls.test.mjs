// TLS, which the HTTP suite cannot see: version, certificate and name are checked in every runtime,
// whatever the environment says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import test, { describe } from 'node:test';

import { ALL, run, told } from './runtimes.mjs';
import { folder } from './support.mjs';

const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

/** Servers with one certificate, for `localhost`; and how many requests any of them got. */
async function servers(t) {
  const here = folder(t);
  const [key, cert] = [join(here, 'key.pem'), join(here, 'cert.pem')];
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  let requests = 0;
  const serve = async (options) => {
    const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert), ...options }, (_, response) => {
      requests += 1;
      response.end('hello');
    });
    server.on('tlsClientError', () => {});
    t.after(() => server.close());
    return listening(server);
  };
  const good = await serve({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  const old = await serve({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  // A way on which a handshake takes longer than the request may wait.
  const slow = net.createServer((near) => {
    near.on('error', () => {});
    setTimeout(() => near.pipe(net.connect(good, '127.0.0.1').on('error', () => {})).pipe(near), 700);
  });
  t.after(() => slow.close());
  return { args: [cert, good, old, await listening(slow)].map(String), requests: () => requests };
}

describe('in every runtime', { concurrency: 2 }, () => {
  for (const runtime of Object.keys(ALL)) {
    test(`TLS, ${runtime}`, async (t) => {
      const { args, requests } = await servers(t);
      await told(t, await run(runtime, 'tls.mjs', args, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }), 6);
      assert.equal(requests(), 2, 'requests that got through');
    });
  }
});
