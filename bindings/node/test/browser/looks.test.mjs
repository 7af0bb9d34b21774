// For everybody: screen readers, keyboards, narrow columns, large letters, the dark, and paper.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';

import { call, clio, connect, integrations, person, picture, service, simulate, view } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SERIOUS = ['serious', 'critical'];
const VIEWS = ['Connection', 'Settings', 'Practice areas', 'Sync log', 'Audit log', /^Questions/, /^Contact changes/, 'Older matters'];

/** A firm in which every view has something to show. */
async function busy(t) {
  const clioUrl = await clio(t);
  await simulate(clioUrl, 'seed', {
    contacts: [{ type: 'Person', first_name: 'Gerald', last_name: 'Whitfield', email_addresses: [{ name: 'Work', address: 'adaeze.whitfield@example.com' }] }],
  });
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  await connect(page, url);
  await call(page, url, 'change_settings', { change: { revision: 0, on_name_mismatch: 'review', contact_review: true } });
  await call(page, url, 'sync_matter', { matter: 'mat_0003' });
  await simulate(clioUrl, 'faults', { method: 'POST', path_prefix: '/api/v4/matters', action: { kind: 'status', status: 422 } });
  await call(page, url, 'sync_matter', { matter: 'mat_0005' });
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await call(page, url, 'start_backfill', { matters: ['mat_0002', 'mat_0004'] });
  return { url, clioUrl };
}

/** What axe finds: each finding with where it is. */
async function findings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => SERIOUS.includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.flat().join(' ')} ${failureSummary}`).join(' | ')}`);
}

test('axe finds nothing serious in any view, light and dark, with the policy and without it', async (t) => {
  const { url, clioUrl } = await busy(t);
  for (const [colorScheme, bypassCSP] of [['light', false], ['light', true], ['dark', true]]) {
    const page = await person(t, url, 'Ada', { colorScheme, bypassCSP });
    const card = await integrations(page, url);
    for (const name of VIEWS) {
      await view(card, name);
      assert.deepEqual(await findings(page), [], `${name}, ${colorScheme}`);
      if (colorScheme === 'dark' && name === 'Sync log') await picture(card, 'dark');
    }
    await page.goto(`${url}/matters`);
    await page.getByText('Synced', { exact: true }).first().waitFor();
    assert.deepEqual(await findings(page), [], `matters, ${colorScheme}`);
    await page.goto(`${clioUrl}/__sim/`);
    await page.getByRole('cell', { name: 'Okafor dissolution' }).waitFor();
    assert.deepEqual(await findings(page), [], `clio-sim, ${colorScheme}`);
  }
});

test('320 pixels wide, and at 200 %, nothing is cut off and nothing has to be scrolled sideways', async (t) => {
  const { url } = await busy(t);
  for (const viewport of [{ width: 320, height: 700 }, { width: 540, height: 430 }]) {
    const page = await person(t, url, 'Ada', { viewport, deviceScaleFactor: viewport.width === 320 ? 1 : 2 });
    const card = await integrations(page, url);
    for (const name of VIEWS) {
      await view(card, name);
      const wide = await page.evaluate(() => {
        const { shadowRoot } = document.querySelector('casehug-clio-card');
        const most = document.documentElement.clientWidth;
        const out = [...shadowRoot.querySelectorAll('*')].filter((element) => !element.closest('.sr, thead') && element.getBoundingClientRect().right > most + 1);
        return [document.documentElement.scrollWidth > most, ...out.map((element) => `${element.tagName}.${element.className}`)];
      });
      assert.deepEqual(wide, [false], `${name} at ${viewport.width}`);
    }
  }
});

test('everything is reached by the keyboard, and what has the focus keeps it when something arrives', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  const focused = () => page.evaluate(() => document.activeElement.shadowRoot?.activeElement?.textContent);
  await card.getByRole('tab', { name: 'Connection' }).focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'Settings');
  await page.keyboard.press('End');
  assert.equal(await focused(), 'Older matters');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'Connection');
  const reached = [];
  for (let at = await focused(); at !== undefined; at = await focused()) {
    reached.push(at);
    await page.keyboard.press('Tab');
  }
  // The list of tabs is one step, the panel by itself another; the next leaves the card.
  assert.deepEqual([reached[0], ...reached.slice(2)], ['Connection', 'Reconnect', 'Disconnect']);
  await card.getByRole('button', { name: 'Disconnect' }).focus();
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await card.getByText('None yet').waitFor({ state: 'detached' });
  assert.equal(await focused(), 'Disconnect');
  await page.keyboard.press('Enter');
  await card.getByRole('dialog').waitFor();
  assert.equal(await focused(), 'Stay connected', 'Enter by mistake changes nothing');
  await page.keyboard.press('Enter');
  await card.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused(), 'Disconnect', 'the focus returns');
});

test('on paper the log stands whole, with its details and without controls', async (t) => {
  const { url } = await busy(t);
  const page = await person(t, url);
  const card = await integrations(page, url);
  await view(card, 'Sync log');
  await page.emulateMedia({ media: 'print' });
  await card.getByText('Refused by Clio: ').first().waitFor();
  await card.getByText('HTTP status').first().waitFor();
  for (const name of ['Retry all failed', 'Print']) assert.ok(!(await card.getByRole('button', { name }).isVisible()), name);
  assert.ok(!(await card.getByRole('tab').first().isVisible()));
});
