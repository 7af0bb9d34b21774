// `addresses.mjs NODE`: a host with two addresses, of which only the slow one works, as JSON: how
// `NodeHttp` gets to it.
//
// NODE runs the host. It takes connections two seconds late, and its queue is full, so that the
// kernel repeats a further one until then. Patched is what Node's `net` asks for a host's
// addresses.
import { spawn } from 'node:child_process';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { createInterface } from 'node:readline';

import { documents } from './documents.mjs';
import { sdk } from './support.mjs';

const HOST = `
  const server = require('node:http').createServer((_, response) => response.end('ok'));
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
    require('node:fs').writeSync(1, server.address().port + '\\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
  });`;
const SLOW = { address: '127.0.0.1', family: 4 };
/** Nobody listens there. */
const REFUSING = { address: '127.0.0.2', family: 4 };

const known = dns.lookup;
dns.lookup = (name, options, done) => {
  if (name !== 'localhost') return known(name, options, done);
  return process.nextTick(done, null, ...(options.all ? [[SLOW, REFUSING]] : [SLOW.address, SLOW.family]));
};
const connect = net.connect;
const asked = [];
net.connect = (options, ...more) => {
  asked.push(options.autoSelectFamilyAttemptTimeout);
  return connect(options, ...more);
};
syncBuiltinESMExports();

const host = spawn(process.argv[2], ['-e', HOST], { stdio: ['ignore', 'pipe', 'inherit'] });
const port = (await createInterface({ input: host.stdout })[Symbol.asyncIterator]().next()).value;
const queued = [1, 2].map(() => connect({ host: '127.0.0.1', port: Number(port) }).on('error', () => {}));
await Promise.all(queued.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
const request = { method: 'GET', url: `http://localhost:${port}/`, headers: [], body: null, connection: 'own', timeoutMs: 30_000, notAfter: null, maxResponse: 100 };
const began = performance.now();
const ended = await new sdk.NodeHttp(documents).send(request).then(({ status }) => status, ({ kind }) => kind);
console.log(JSON.stringify({ ended, ms: Math.round(performance.now() - began), asked }));
host.kill();
process.exit(0);
