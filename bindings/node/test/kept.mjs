// `kept.mjs`: how `NodeHttp` uses connections, as JSON: what a server saw.
import http from 'node:http';
import { setTimeout as after } from 'node:timers/promises';

import { documents } from './documents.mjs';
import { sdk } from './support.mjs';

const request = { method: 'GET', headers: [], body: null, timeoutMs: 10_000, notAfter: null, maxResponse: 100 };

/** A server that keeps every connection, and tells which are open. */
async function server() {
  const sockets = new Set();
  let made = 0;
  const listening = http.createServer({ keepAliveTimeout: 60_000 }, (_, response) => response.end('ok'));
  listening.on('connection', (socket) => {
    made += 1;
    sockets.add(socket.on('close', () => sockets.delete(socket)));
  });
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${listening.address().port}/`, made: () => made, sockets, end: () => listening.close() };
}

const { url, made, sockets, end } = await server();
const transport = new sdk.NodeHttp(documents);
const send = (connection) => transport.send({ ...request, url, connection });
for (let turn = 0; turn < 5; turn += 1) await send('kept');
const kept = made();
await send('own');
const own = made() - kept;
await send('kept');
const again = made() - kept - own;
// The server closes each after a minute, and we before any server does.
for (let turn = 0; turn < 100 && sockets.size > 0; turn += 1) await after(100);
const left = sockets.size;
console.log(JSON.stringify({ kept, own, again, left }));
end();
