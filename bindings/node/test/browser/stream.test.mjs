// Changes arrive without a reload: one stream for all tabs of a browser, which may stop and come
// back.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, clio, connect, freePort, person, service, shown, until } from './harness.mjs';

const TABS = 8;

/** What is asked of the service's stream by this browser. */
function streams(context) {
  const asked = [];
  context.on('request', (request) => {
    if (new URL(request.url()).pathname === '/api/stream') asked.push(request);
  });
  return asked;
}

test(`${TABS} tabs share one stream, all are told, and another tab takes over`, async (t) => {
  const { url } = await service(t, await clio(t));
  const first = await person(t, url);
  await connect(first, url);
  await first.goto('about:blank');
  const asked = streams(first.context());
  const tabs = [];
  for (let tab = 0; tab < TABS; tab += 1) {
    const page = await first.context().newPage();
    await page.goto(`${url}/settings/integrations`);
    const card = await shown(page);
    await card.getByText('Live').waitFor();
    tabs.push({ page, card });
  }
  assert.equal(asked.length, 1, 'more than six would leave no connection for anything else');
  await call(first, url, 'disconnect');
  for (const { page, card } of tabs) {
    await page.bringToFront();
    await card.getByText('The firm is disconnected.').waitFor();
  }
  const [leader] = tabs.splice(0, 1);
  await leader.page.close();
  await until(() => asked.length, (count) => count === 2, 'another tab');
  await call(first, url, 'trigger_sync', { matter: 'mat_0001', trigger: 'approved' });
  for (const { page, card } of tabs) {
    await page.bringToFront();
    await card.getByText('1 matter on hold').waitFor();
  }
});

test('the stream stops with the service and comes back with it; what changed meanwhile is shown', async (t) => {
  const host = await service(t, await clio(t), { port: await freePort() });
  const page = await person(t, host.url, 'Ada', { tolerates: true });
  const card = await connect(page, host.url);
  await card.getByText('Live').waitFor();
  await host.stop();
  await card.getByText('Waiting for CaseHug…').waitFor();
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  await card.getByRole('button', { name: 'Disconnect' }).click();
  await card.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
  await card.getByRole('alert').getByText('CaseHug did not answer.').waitFor();
  await page.route('**/api/stream', (route) => route.abort());
  await host.start();
  await call(page, host.url, 'disconnect');
  await card.getByText('Waiting for CaseHug…').waitFor();
  await page.unroute('**/api/stream');
  await card.getByText('Live').waitFor();
  await card.getByText('The firm is disconnected.').waitFor();
});

test('a page that was put away and comes back is brought up to date', async (t) => {
  const { url } = await service(t, await clio(t));
  const reader = await person(t, url);
  await connect(reader, url);
  await (await shown(reader)).getByText('Live').waitFor();
  const page = await reader.context().newPage();
  await page.goto(`${url}/settings/integrations`);
  const card = await shown(page);
  await card.getByText('Live').waitFor();
  const turn = (kind) => page.evaluate((name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true })), kind);
  await turn('pagehide');
  await card.getByText('Waiting for CaseHug…').waitFor();
  await call(reader, url, 'disconnect');
  await reader.bringToFront();
  await (await shown(reader)).getByText('The firm is disconnected.').waitFor();
  await page.bringToFront();
  await turn('pageshow');
  await card.getByText('The firm is disconnected.').waitFor();
  await card.getByText('Live').waitFor();
});

test('a tab that hears nothing of the one that reads says so, and is live again with its next word', async (t) => {
  const { url } = await service(t, await clio(t));
  const reader = await person(t, url);
  await connect(reader, url);
  await (await shown(reader)).getByText('Live').waitFor();
  const page = await reader.context().newPage();
  await page.clock.install();
  await page.goto(`${url}/settings/integrations`);
  const card = await shown(page);
  await card.getByText('Live').waitFor();
  await page.evaluate(() => {
    const live = document.querySelector('casehug-clio-card').shadowRoot.querySelector('.live');
    globalThis.said = [];
    new MutationObserver(() => globalThis.said.push(live.textContent)).observe(live, { childList: true });
  });
  const asked = page.waitForRequest('**/api/get_health');
  // Longer than three heartbeats, for this tab only.
  await page.clock.fastForward(55_000);
  await asked;
  await card.getByText('Live').waitFor();
  const said = await until(() => page.evaluate(() => globalThis.said), (all) => all.at(-1) === 'Live', 'the next word');
  assert.equal(said[0], 'Waiting for CaseHug…');
});

test('a page that is put away in the moment when it gets the lock hears the one that reads when it comes back', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  await page.addInitScript(() => {
    globalThis.granted = [];
    navigator.locks.request = (_name, _options, begin) => {
      globalThis.granted.push(begin);
      return new Promise(() => {});
    };
  });
  await page.reload();
  const card = await shown(page);
  await page.waitForFunction(() => globalThis.granted.length === 1);
  await page.evaluate(async () => {
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
    void globalThis.granted[0]();
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
  });
  await card.getByText('Waiting for CaseHug…').waitFor();
  await page.evaluate((name) => new BroadcastChannel(name).postMessage({ kind: 'live', live: true }), `casehug-clio ${url}/api/stream firm_demo`);
  await card.getByText('Live').waitFor();
});

test('a browser without locks reads a stream for each tab', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  await connect(page, url);
  await page.context().addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
  const asked = streams(page.context());
  await page.reload();
  const tabs = [page, await page.context().newPage()];
  await tabs[1].goto(`${url}/settings/integrations`);
  for (const tab of tabs) await (await shown(tab)).getByText('Live').waitFor();
  assert.equal(asked.length, 2);
  await call(page, url, 'disconnect');
  for (const tab of tabs) {
    await tab.bringToFront();
    await (await shown(tab)).getByText('The firm is disconnected.').waitFor();
  }
});

test('a host without a stream is asked now and then', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  await page.route('**/api/stream', (route) => route.fulfill({ status: 404, body: '' }));
  const card = await connect(page, url);
  await call(page, url, 'disconnect');
  await card.getByText('The firm is disconnected.').waitFor();
  await card.getByText('Waiting for CaseHug…').waitFor();
});

test('a host that refuses at first: the card says why, with the code, and is there when asked again', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const error = { code: 'store_failed', number: 7001, kind: 'host', retry: 'retry', message: 'The SDK’s database failed.', context: {} };
  await page.route('**/api/get_health', (route) => route.fulfill({ status: 503, json: { error } }));
  // Without a word from the stream nothing is asked again but by the person.
  await page.route('**/api/stream', () => {});
  await page.reload();
  const card = page.locator('casehug-clio-card');
  await card.getByRole('alert').getByText('The SDK’s database failed.').first().waitFor();
  await card.getByText('store_failed').waitFor();
  await page.unroute('**/api/get_health');
  await card.getByRole('button', { name: 'Try again' }).click();
  await card.getByText('Connect your firm to Clio').waitFor();
});
