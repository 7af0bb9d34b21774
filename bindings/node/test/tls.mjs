// `tls.mjs CA GOOD OLD SLOW`: what `NodeHttp` refuses of TLS, as JSON. CA is a file with a
// certificate for `localhost`; GOOD and OLD are ports of servers with it, OLD before TLS 1.2; SLOW
// one whose handshakes take 700 ms.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

import { documents } from './documents.mjs';
import { sdk } from './support.mjs';

const [file, good, old, slow] = process.argv.slice(2);
const ca = readFileSync(file, 'utf8');
const trusting = new sdk.NodeHttp(documents, { ca });

function get(http, host, port, more = {}) {
  const url = `https://${host}:${port}/`;
  return http.send({ method: 'GET', url, headers: [], body: null, connection: 'kept', timeoutMs: 60_000, notAfter: null, maxResponse: 100, ...more });
}
const refused = (call) => assert.rejects(call, { kind: 'tls', sent: 'no' });

const cases = {
  'a root of the host is trusted': async () => {
    for (const http of [trusting, new sdk.NodeHttp(documents, { ca: [ca] })]) {
      assert.equal(Buffer.from((await get(http, 'localhost', good)).body).toString(), 'hello');
    }
  },
  'a certificate that nobody trusts': () => refused(get(new sdk.NodeHttp(documents), 'localhost', good)),
  'a certificate for another name': () => refused(get(trusting, '127.0.0.1', good)),
  'a version before 1.2': () => refused(get(trusting, 'localhost', old)),
};
for (const connection of ['own', 'kept']) {
  cases[`a handshake that takes too long, ${connection}`] = async () => {
    await assert.rejects(get(trusting, 'localhost', slow, { connection, notAfter: sdk.monotonic() + 300 }), { kind: 'not_after', sent: 'no' });
    await assert.rejects(get(trusting, 'localhost', slow, { connection, timeoutMs: 300 }), { kind: 'timeout', sent: 'no' });
  };
}

const outcomes = [];
for (const [name, work] of Object.entries(cases)) outcomes.push([name, await work().then(() => null, (error) => `${error?.stack ?? error}`)]);
// Whatever was given up has had the time to be sent all the same.
await after(1_000);
console.log(JSON.stringify(outcomes));
process.exit(0);
