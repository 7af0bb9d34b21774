// Answers that come late: they belong to what was asked for, and not to what is there by then.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, clio, connect, person, service, simulate, state, until, view } from './harness.mjs';

/** Holds the answers of an operation back, those of the first `most` requests, until they are let go. */
async function hold(page, operation, most = Infinity) {
  const held = [];
  let left = most;
  await page.route(`**/api/${operation}`, async (route) => {
    const response = await route.fetch();
    left -= 1;
    if (left >= 0) await new Promise((go) => held.push(go));
    await route.fulfill({ response });
  });
  return {
    /** Waits until as many answers wait. */
    count: (count) => until(() => held.length, (now) => now === count, `${count} answers of ${operation}`),
    go: () => held.splice(0).forEach((go) => go()),
    /** Lets all go, and holds none any more. */
    end: () => {
      left = 0;
      held.splice(0).forEach((go) => go());
    },
  };
}

const matters = (card) => card.getByLabel('Matter ids, one a line');

test('a plan that comes late is of the list from before: it is not shown, and nothing else is started', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Older matters');
  await matters(card).fill('mat_0001\nmat_0003');
  const plans = await hold(page, 'plan_backfill');
  await card.getByRole('button', { name: 'Plan' }).click();
  await plans.count(1);
  await matters(card).fill('mat_0003');
  plans.end();
  await card.getByText('The list was changed meanwhile.').waitFor();
  assert.equal(await card.getByRole('button', { name: 'Start backfill' }).count(), 0);
  await card.getByRole('button', { name: 'Plan' }).click();
  await card.getByText('1 matter to sync').waitFor();
  // What is begun takes a while: the list may be of the next by then, and begins no second one.
  const starts = await hold(page, 'start_backfill');
  await card.getByRole('button', { name: 'Start backfill' }).click();
  await starts.count(1);
  await card.getByRole('button', { name: 'Plan' }).click();
  await card.getByRole('button', { name: 'Start backfill', disabled: true }).waitFor();
  await matters(card).fill('mat_0004');
  await card.getByRole('button', { name: 'Plan' }).click();
  await card.getByText('1 matter to sync').waitFor();
  starts.end();
  await card.getByText('The backfill began.').waitFor();
  assert.equal(await matters(card).inputValue(), 'mat_0004');
  await card.getByText('1 matter to sync').waitFor();
  // The host is asked about all matters; a list that is typed meanwhile stays.
  const states = await hold(page, 'get_matter_state');
  await card.getByRole('button', { name: 'All matters that are not synced' }).click();
  await states.count(4);
  await matters(card).fill('mat_0002');
  states.end();
  await card.getByText('The list was changed meanwhile.').waitFor();
  assert.equal(await matters(card).inputValue(), 'mat_0002');
});

test('a button stays out of use until its action is over, also when the view is shown anew', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await simulate(clioUrl, 'faults', { method: 'POST', path_prefix: '/api/v4/matters', action: { kind: 'status', status: 422 } });
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await view(card, 'Sync log');
  const retry = card.getByRole('button', { name: 'Retry mat_0001' });
  await retry.waitFor();
  const listed = await hold(page, 'list_runs', 1);
  await call(page, url, 'sync_matter', { matter: 'mat_0003' });
  await listed.count(1);
  const tried = await hold(page, 'retry_run');
  await retry.click();
  await tried.count(1);
  listed.end();
  await card.locator('[data-run]').filter({ hasText: 'mat_0003' }).waitFor();
  assert.equal(await retry.getAttribute('aria-disabled'), 'true');
  tried.end();
  await card.getByText('mat_0001 will be tried again.').waitFor();
  await card.locator('[data-run]').filter({ hasText: 'mat_0001' }).filter({ hasText: 'Synced' }).waitFor();
  assert.equal(await retry.getAttribute('aria-disabled'), null);
});

test('how the connection stands is never said by an older answer', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Practice areas');
  const stands = await hold(page, 'get_health', 1);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await stands.count(1);
  await call(page, url, 'disconnect');
  // Time for another question, which is answered at once.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  stands.end();
  await state(card, 'Disconnected');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(await card.locator('header .badge').innerText(), 'Disconnected');
});

test('what is changed in a form while it is saved stays there, and is saved by the next click', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Settings');
  const saved = await hold(page, 'change_settings');
  await card.getByLabel('Auto-sync on creation').check();
  await card.getByRole('button', { name: 'Save settings' }).click();
  await saved.count(1);
  await card.getByLabel('Review contact changes').check();
  saved.end();
  await card.getByText('Settings saved.').waitFor();
  assert.ok(await card.getByLabel('Review contact changes').isChecked());
  await card.getByRole('button', { name: 'Save settings' }).click();
  const both = ({ contact_review, sync_when_created }) => contact_review && sync_when_created;
  await until(() => call(page, url, 'get_settings'), both, 'both changes');
});

test('a practice area that is chosen while another is saved stays chosen, and so does a case type that is typed', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Practice areas');
  const { practice_areas: [one, other], mappings: [{ case_type }] } = await call(page, url, 'get_mappings');
  const row = card.getByRole('row').filter({ has: page.getByRole('rowheader', { name: case_type, exact: true }) });
  const saved = await hold(page, 'map_case_type');
  await row.getByRole('combobox').selectOption(one.id);
  await row.getByRole('button', { name: 'Save' }).click();
  await saved.count(1);
  await row.getByRole('combobox').selectOption(other.id);
  saved.go();
  await row.getByText('Chosen by your firm').waitFor();
  assert.equal(await row.getByRole('combobox').inputValue(), other.id);
  await row.getByRole('button', { name: 'Save' }).waitFor();
  const another = card.locator('.panel').filter({ hasText: 'Another case type' });
  await another.getByLabel('Case type').fill('Space law');
  await another.getByLabel('Clio practice area').selectOption(one.id);
  await another.getByRole('button', { name: 'Map' }).click();
  await saved.count(1);
  await another.getByLabel('Case type').fill('Sea law');
  saved.end();
  await card.getByRole('rowheader', { name: 'Space law' }).waitFor();
  assert.equal(await another.getByLabel('Case type').inputValue(), 'Sea law');
});

test('a log that a filter leaves empty is not said to be empty, and the other way round', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Sync log');
  await card.getByText('Nothing was synced yet').waitFor();
  await card.getByLabel('Status').selectOption('failed');
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await card.getByText('Nothing of that kind').waitFor();
});

test('a log that could not be read for what a filter says shows nothing of another choice', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await view(card, 'Sync log');
  const run = card.locator('[data-run]').filter({ hasText: 'mat_0001' });
  await run.waitFor();
  await page.route('**/api/list_runs', (route) => route.abort());
  await card.getByLabel('Status').selectOption('succeeded');
  await card.getByRole('alert').getByText('CaseHug did not answer.').waitFor();
  assert.equal(await run.count(), 0);
  await page.unroute('**/api/list_runs');
  await card.getByRole('button', { name: 'Try again' }).click();
  await run.waitFor();
});

test('what is taken off the page asks nothing more', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Sync log');
  // Typed, and taken away before that is asked for.
  await card.getByLabel('Matter').evaluate((field) => {
    field.value = 'mat_0001';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    document.querySelector('casehug-clio-card').remove();
    globalThis.asked = [];
    globalThis.fetch = async (url) => globalThis.asked.push(String(url));
  });
  await call(page, url, 'disconnect');
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.deepEqual(await page.evaluate(() => globalThis.asked), []);
});

test('a button that is given another matter while it syncs one can be pressed for the other', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  await connect(page, url);
  await page.goto(`${url}/matters`);
  const row = page.getByRole('row').filter({ hasText: 'Whitfield v. Harbor' });
  const triggered = await hold(page, 'trigger_sync', 1);
  await row.getByRole('button', { name: 'Sync to Clio mat_0001' }).click();
  await triggered.count(1);
  await row.locator('casehug-clio-sync').evaluate((button) => button.setAttribute('matter', 'mat_0003'));
  await row.getByRole('button', { name: 'Sync to Clio mat_0003' }).click();
  await row.getByText('Synced', { exact: true }).waitFor();
  triggered.end();
  await until(() => call(page, url, 'get_matter_state', { matter: 'mat_0001' }), ({ status }) => status === 'synced', 'the first');
});

test('a view whose script does not load says so, and the one that is opened instead is kept up to date', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await connect(page, url);
  const scripts = [];
  await page.route('**/settings.js', (route) => new Promise((done) => scripts.push(() => done(route.abort()))));
  await card.getByRole('tab', { name: 'Settings' }).click();
  await until(() => scripts.length, (count) => count > 0, 'the script');
  await view(card, 'Connection');
  const failed = page.waitForEvent('requestfailed');
  scripts.splice(0).forEach((abort) => abort());
  await failed;
  await call(page, url, 'disconnect');
  await card.getByText('The firm is disconnected.').waitFor();
  await card.getByRole('tab', { name: 'Settings' }).click();
  await until(() => scripts.length, (count) => count > 0, 'the script');
  scripts.splice(0).forEach((abort) => abort());
  await card.getByRole('tabpanel', { name: 'Settings' }).getByRole('button', { name: 'Try again' }).waitFor();
  await page.unroute('**/settings.js');
});

test('a card that is moved shows nothing of what it said before', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await card.getByText('Connected to Clio.').waitFor();
  await page.evaluate(() => {
    const element = document.querySelector('casehug-clio-card');
    document.body.append(element);
  });
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  assert.equal(await card.getByText('Connected to Clio.').count(), 0);
});
