// Clio's webhooks through the servers that hosts use: taken in as bytes, answered, and applied.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';

import express from 'express';
import fastify from 'fastify';

import { admin, clio, connect, engine, open, root, sdk, simulate, until } from './support.mjs';

const examples = join(root, 'examples/intake');

/** The largest that the SDK takes in. */
const MOST = 64 * 1024;

/** What was posted; of what is too large no more than shows that. */
async function bodyOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    if (length <= MOST) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

/** Each listens on a free port, and hands what comes to the SDK that is opened later. */
const SERVERS = {
  async 'node:http'(t, ask) {
    const server = createServer(async (request, response) => {
      const reply = await ask().handleWebhook(request.url.split('/').at(-1), request.rawHeaders, await bodyOf(request));
      for (const [name, value] of reply.headers) response.setHeader(name, value);
      response.writeHead(reply.status).end();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.closeAllConnections() ?? server.close());
    return server.address().port;
  },
  async 'Express 5'(t, ask) {
    const app = express();
    app.post('/hooks/:token', express.raw({ type: () => true, limit: '1mb' }), async (request, response) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const reply = await ask().handleWebhook(request.params.token, request.rawHeaders, body);
      for (const [name, value] of reply.headers) response.setHeader(name, value);
      response.status(reply.status).end();
    });
    app.use(express.json());
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    t.after(() => server.closeAllConnections() ?? server.close());
    return server.address().port;
  },
  async Fastify(t, ask) {
    const app = fastify({ forceCloseConnections: true });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 2 ** 20 }, (request, body, done) => done(null, body));
    app.post('/hooks/:token', async (request, reply) => {
      const answer = await ask().handleWebhook(request.params.token, request.raw.rawHeaders, request.body ?? Buffer.alloc(0));
      for (const [name, value] of answer.headers) reply.header(name, value);
      return reply.code(answer.status).send();
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    t.after(() => app.close());
    return app.server.address().port;
  },
};

for (const [name, serve] of Object.entries(SERVERS)) {
  test(`${name}: what Clio posts is taken in as bytes, answered, and applied`, async (t) => {
    const url = await clio(t, { http_webhooks: true });
    let opened;
    const webhookUrl = `http://127.0.0.1:${await serve(t, () => opened)}/hooks`;
    opened = await open(url, new sdk.MemoryStore(), examples, { config: { webhookUrl } });
    await connect(opened);
    opened.startWorker({ pollSeconds: 0.1 });
    const { connection, matters } = opened.firm(admin);
    await until(() => connection.health(), ({ webhooks }) => webhooks?.delivers);
    await matters.sync('mat_0001');
    const { clio_matter: id } = await matters.state('mat_0001');
    await simulate(url, 'edit', { resource: 'matters', id: Number(id), data: { status: 'closed' } });
    await until(() => matters.state('mat_0001'), ({ clio_status: seen }) => seen?.status.toLowerCase() === 'closed');
    const refused = await fetch(`${webhookUrl}/nobody`, { method: 'POST', headers: { 'x-hook-signature': 'wrong' }, body: '{}' });
    assert.equal(refused.status, 404);
    await opened.close();
  });
}

test('a body of any size costs the module no more than the largest that it takes in', async (t) => {
  const url = await clio(t, { http_webhooks: true });
  let opened;
  let token;
  const port = await SERVERS['node:http'](t, () => ({
    handleWebhook(name, headers, body) {
      token = name;
      return opened.handleWebhook(name, headers, body);
    },
  }));
  const webhookUrl = `http://127.0.0.1:${port}/hooks`;
  opened = await open(url, new sdk.MemoryStore(), examples, { config: { webhookUrl } });
  await connect(opened);
  opened.startWorker({ pollSeconds: 0.1 });
  await until(() => opened.firm(admin).connection.health(), ({ webhooks }) => webhooks?.delivers);
  const answer = async (length, name = token) => (await opened.handleWebhook(name, ['x-hook-signature', 'wrong'], new Uint8Array(length))).status;
  // As core answers them.
  assert.deepEqual([await answer(MOST), await answer(MOST + 1)], [401, 413]);
  const { memory } = await engine();
  const before = memory.buffer.byteLength;
  assert.deepEqual([await answer(2 ** 28), await answer(2 ** 28, 'nobody'), await answer(2 ** 31 + 2 ** 20)], [413, 404, 413]);
  assert.equal(await answer(0, 'a'.repeat(2 ** 27)), 404);
  assert.equal(memory.buffer.byteLength, before);
  const posted = await fetch(`${webhookUrl}/${token}`, { method: 'POST', headers: { 'x-hook-signature': 'wrong' }, body: new Uint8Array(2 ** 24) });
  assert.equal(posted.status, 413);
  await opened.close();
});
