// What a person sees first: how much is loaded, how soon it is there, and under which policy.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, clio, connect, integrations, person, picture, service, shown, simulate, view } from './harness.mjs';

const POLICY = /default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/;
const MOST_BYTES = 100_000;

test('the first view is small, from this host only; how soon is printed', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  await shown(page);
  const loaded = [];
  page.on('response', (response) => loaded.push(response));
  const ready = [];
  // The first time fills the machine's caches; the browser's are emptied.
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  for (let turn = 0; turn < 5; turn += 1) {
    loaded.length = 0;
    await page.goto(`${url}/settings/integrations`);
    await page.locator('casehug-clio-card').getByText('Connect your firm to Clio').waitFor();
    await page.waitForFunction(() => performance.getEntriesByName('casehug-clio-card').length > 0);
    // Since the browser began to go there; what waiting and asking take here is not in it.
    ready.push(await page.evaluate(() => performance.getEntriesByName('casehug-clio-card')[0].startTime));
  }
  const sizes = await Promise.all(
    loaded.filter((response) => !response.url().endsWith('/stream')).map(async (response) => {
      const { responseBodySize, responseHeadersSize } = await response.request().sizes();
      return { name: new URL(response.url()).pathname, bytes: responseBodySize + responseHeadersSize };
    }),
  );
  const bytes = sizes.reduce((sum, of) => sum + of.bytes, 0);
  const least = Math.min(...ready);
  console.log(`first view: ${sizes.length} answers, ${bytes} bytes, ready after ${least.toFixed(0)} ms (best of ${ready.length}: ${ready.map((ms) => ms.toFixed(0)).join(', ')})`);
  assert.ok(bytes < MOST_BYTES, JSON.stringify(sizes));
  assert.deepEqual([...new Set(loaded.map((response) => new URL(response.url()).origin))], [url]);
  // An answer to the page before may have come first.
  const document = loaded.find((response) => response.request().resourceType() === 'document');
  assert.match(document.headers()['content-security-policy'], POLICY);
  assert.ok(!/<script(?![^>]* src=)|<style|\sstyle=|\son\w+=/.test(await document.text()));
});

test('not connected: it says what connecting brings, and who may', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await shown(page);
  await card.getByRole('button', { name: 'Connect to Clio' }).waitFor();
  await card.getByText('CaseHug never sees your Clio password').waitFor();
  await picture(card, 'not-connected');
  const member = await integrations(await person(t, url, 'Max'), url);
  await member.getByText('Any firm admin can manage the connection').waitFor();
  assert.equal(await member.getByRole('button').count(), 0);
});

test('a member sees no admin controls', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const ada = await person(t, url);
  const hers = await connect(ada, url);
  // Slow enough to be running still when Max looks.
  await simulate(clioUrl, 'faults', { method: 'POST', path_prefix: '/api/v4/', times: 500, action: { kind: 'slow', ms: 5_000 } });
  await call(ada, url, 'start_backfill', { matters: ['mat_0002', 'mat_0004'] });
  for (const control of ['Reconnect', 'Disconnect']) await hers.getByRole('button', { name: control }).waitFor();
  await view(hers, 'Older matters');
  for (const control of ['Pause', 'Cancel']) await hers.getByRole('button', { name: control }).waitFor();
  const page = await person(t, url, 'Max');
  const card = await integrations(page, url);
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  await card.getByText('Any firm admin can manage the connection').waitFor();
  assert.deepEqual(await card.getByRole('tab').allInnerTexts(), ['Connection', 'Sync log', 'Older matters']);
  for (const name of ['Connection', 'Sync log', 'Older matters']) {
    await view(card, name);
    if (name === 'Older matters') {
      await card.getByText('2 matters').first().waitFor();
      await card.getByLabel('Matter ids, one a line').fill('mat_0001');
      await card.getByRole('button', { name: 'Plan' }).click();
      await card.getByText('A firm admin can start it.').waitFor();
    }
    for (const control of ['Disconnect', 'Reconnect', 'Start backfill', 'Pause', 'Cancel', 'Save settings', 'Accept']) {
      assert.equal(await card.getByRole('button', { name: control }).count(), 0, `${control} in ${name}`);
    }
  }
  // The card is no guard: the host is.
  const refused = await page.request.post(`${url}/api/get_settings`, { data: {} });
  assert.equal(refused.status(), 403);
});
