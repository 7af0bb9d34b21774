// Matters: approved, arriving, failing and tried again, with their status coming back.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, clio, connect, holds, intakes, integrations, person, picture, service, simulate, until, view } from './harness.mjs';

const row = (page, matter) => page.getByRole('row').filter({ hasText: matter });

test('an approval arrives in Clio within seconds, its status comes back, and no page is loaded anew', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  await connect(page, url);
  await page.goto(`${url}/matters`);
  const matter = row(page, 'mat_0001');
  await matter.getByText('Not synced').waitFor();
  await matter.getByRole('button', { name: /^Approve/ }).click();
  await matter.getByText('Synced', { exact: true }).waitFor();
  await matter.getByText('In Clio: Open').waitFor();
  assert.equal((await holds(clioUrl)).documents.length, 2, 'all approved uploads');
  await picture(page, 'matters', 480);
  const inClio = await page.context().newPage();
  await inClio.goto(`${clioUrl}/__sim/`);
  const status = inClio.getByRole('row').filter({ hasText: 'Whitfield v. Harbor' }).getByRole('combobox');
  await status.selectOption('Closed');
  await page.bringToFront();
  await matter.getByText('In Clio: Closed').waitFor();
  await inClio.bringToFront();
  await picture(inClio, 'clio-sim', 640);
});

test('Can I sync older matters? Open any matter and click "Sync to Clio"', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  await connect(page, url);
  const member = await person(t, url, 'Max');
  await member.goto(`${url}/matters`);
  const matter = row(member, 'mat_0003');
  await matter.getByRole('button', { name: 'Sync to Clio' }).click();
  await matter.getByText('Synced', { exact: true }).waitFor();
  assert.equal((await holds(clioUrl)).matters.length, 1);
});

test('What happens if a sync fails? It is in the sync log with its cause, and is retried from there', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Sync log');
  await card.getByText('Nothing was synced yet').waitFor();
  await call(page, url, 'sync_matter', { matter: 'mat_0002' });
  await simulate(clioUrl, 'faults', { method: 'POST', path_prefix: '/api/v4/matters', action: { kind: 'status', status: 422 } });
  await call(page, url, 'trigger_sync', { matter: 'mat_0001', trigger: 'manual' });
  const failed = card.locator('[data-run]').filter({ hasText: 'mat_0001' }).filter({ hasText: 'Failed' });
  await failed.getByText('Refused by Clio: ').waitFor();
  await failed.getByText('clio_validation').first().waitFor();
  await failed.getByRole('button', { name: 'Details of mat_0001' }).click();
  await failed.getByText('HTTP status').first().waitFor();
  await failed.getByText('422').first().waitFor();
  await picture(card, 'sync-log');
  await card.getByLabel('Status').selectOption('failed');
  await until(() => card.locator('[data-run]').count(), (count) => count === 1, 'the filter');
  await card.getByLabel('Cause').selectOption('network');
  await card.getByText('Nothing of that kind').waitFor();
  await card.getByLabel('Cause').selectOption('');
  await card.getByLabel('Status').selectOption('');
  await card.getByRole('button', { name: 'Retry mat_0001' }).click();
  await card.getByText('mat_0001 will be tried again.').waitFor();
  await card.locator('[data-run]').filter({ hasText: 'mat_0001' }).filter({ hasText: 'retry' }).filter({ hasText: 'Synced' }).waitFor();
  await failed.getByText('HTTP status').first().waitFor();
});

test('what fails for a while says when it is tried again, and all failed are retried at once', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Sync log');
  await simulate(clioUrl, 'faults', { method: 'POST', path_prefix: '/api/v4/contacts', times: 100, action: { kind: 'status', status: 503 } });
  for (const matter of ['mat_0001', 'mat_0003']) await call(page, url, 'trigger_sync', { matter, trigger: 'manual' });
  await card.getByText('Next attempt: ').first().waitFor();
  await (await fetch(`${clioUrl}/__sim/faults`, { method: 'DELETE' })).text();
  await until(() => call(page, url, 'list_runs', { query: {} }), ({ items }) => new Set(items.map(({ matter }) => matter)).size === 2);
  await card.getByRole('button', { name: 'Retry all failed' }).click();
  await card.getByText('2 matters will be tried again.').waitFor();
  await until(() => holds(clioUrl), ({ matters }) => matters.length === 2, 'both matters');
  await until(() => card.locator('[data-run]').filter({ hasText: 'Synced' }).count(), (count) => count === 2, 'both in the log');
});

test('hostile names are shown as text', async (t) => {
  const hostile = '<img src=x onerror="document.title=\'hacked\'">';
  const clioUrl = await clio(t, { account_name: `${hostile} LLP`, user_first_name: hostile });
  const intake = intakes(t, (of) => {
    Object.assign(of.matter, { title: hostile, case_type: `${hostile}` });
    Object.assign(of.client, { first_name: hostile, last_name: '</casehug-clio-card>' });
  });
  await simulate(clioUrl, 'seed', { practice_areas: [{ name: `${hostile} law`, code: 'X' }] });
  const { url } = await service(t, clioUrl, { intake });
  const page = await person(t, url);
  const card = await connect(page, url);
  await card.getByText(`${hostile} LLP`).waitFor();
  await call(page, url, 'change_settings', { change: { revision: 0, contact_review: true } });
  await page.goto(`${url}/matters`);
  await row(page, 'mat_0001').getByText(hostile).first().waitFor();
  await row(page, 'mat_0001').getByRole('button', { name: 'Sync to Clio' }).click();
  await row(page, 'mat_0001').getByText('Synced', { exact: true }).waitFor();
  // What listens for contacts is set up by a worker.
  const { contacts: [contact] } = await until(() => holds(clioUrl), ({ webhooks }) => webhooks.length >= 2, 'the subscription');
  await simulate(clioUrl, 'edit', { resource: 'contacts', id: contact.id, data: { last_name: hostile } });
  await integrations(page, url);
  for (const name of await card.getByRole('tab').allInnerTexts()) {
    await view(card, name.replace(/\d.*/s, '').trim());
    if (name.startsWith('Practice areas')) await card.getByRole('rowheader', { name: hostile }).waitFor();
    if (name.startsWith('Contact changes')) await card.getByText(hostile).first().waitFor();
  }
  assert.notEqual(await page.title(), 'hacked');
  assert.equal(await page.locator('img').count(), 0);
});

test('a long log is read page by page, and a change keeps what was read', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  for (let run = 0; run < 27; run += 1) await call(page, url, 'sync_matter', { matter: 'mat_0008' });
  await view(card, 'Sync log');
  const runs = card.locator('[data-run]');
  await until(() => runs.count(), (count) => count === 25, 'the first page');
  await card.getByRole('button', { name: 'Show more' }).click();
  await until(() => runs.count(), (count) => count === 27, 'all');
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await runs.filter({ hasText: 'mat_0001' }).waitFor();
  assert.ok((await runs.count()) >= 27);
});
