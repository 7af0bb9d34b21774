// What goes wrong between the card and its host: nothing that a person did is lost, and what is
// shown is true or says that it is old.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, clio, connect, integrations, person, service, shown, simulate, until, view } from './harness.mjs';

const FAILED = { code: 'store_failed', number: 7001, kind: 'host', retry: 'retry', message: 'The SDK’s database failed.', context: {} };
const SIGNED_OUT = 'You are no longer signed in to CaseHug.';

const signedOut = (route) => route.fulfill({ status: 401, json: { error: { ...FAILED, code: 'not_allowed', message: 'no' } } });

test('settings whose saving failed stay in the form and are saved by the next try', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await connect(page, url);
  await view(card, 'Settings');
  await card.getByLabel('Auto-sync on creation').check();
  await page.route('**/api/change_settings', (route) => route.fulfill({ status: 503, json: { error: FAILED } }));
  await card.getByRole('button', { name: 'Save settings' }).click();
  await card.getByRole('alert').getByText(FAILED.message).waitFor();
  await page.unroute('**/api/change_settings');
  await card.getByRole('button', { name: 'Save settings' }).click();
  await card.getByText('Settings saved.').waitFor();
  assert.ok(await card.getByLabel('Auto-sync on creation').isChecked());
  assert.equal((await call(page, url, 'get_settings')).sync_when_created, true);
  await card.getByRole('button', { name: 'Save settings' }).click();
  await card.locator('.said.calm').getByText('Nothing was changed.').waitFor();
});

test('who is signed out is told so, and nothing more is asked until the page is shown again', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await shown(page);
  await card.getByText('Live').waitFor();
  const other = await shown(await person(t, url));
  await other.getByText('Live').waitFor();
  await view(other, 'Settings');
  const reviews = () => other.getByLabel('Review contact changes').isChecked();
  await page.route('**/api/*', signedOut);
  await call(page, url, 'change_settings', { change: { revision: 0, contact_review: true } });
  await until(reviews, (is) => is, 'the first change');
  await card.getByRole('alert').getByText(SIGNED_OUT).waitFor();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await call(page, url, 'change_settings', { change: { revision: 1, contact_review: false } });
  // One look tells all streams: another person's page shows it by now, and this one was told too.
  await until(reviews, (is) => !is, 'the second change');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual(asked, []);
  await page.unroute('**/api/*');
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  await until(() => asked.length, (count) => count > 0, 'the card to ask again');
  await card.getByText(SIGNED_OUT).waitFor({ state: 'detached' });
});

for (const [status, said] of [[503, FAILED.message], [401, SIGNED_OUT]]) {
  test(`who looks could not be told at first (${status}): asked again, the card and the button are whole`, async (t) => {
    const { url } = await service(t, await clio(t));
    const page = await person(t, url, 'Ada', { tolerates: true });
    await connect(page, url);
    const refuse = () => page.route('**/api/me', (route) => route.fulfill({ status, json: { error: FAILED } }));
    await refuse();
    await page.reload();
    const card = page.locator('casehug-clio-card');
    const why = card.getByRole('alert').getByText(said);
    await why.waitFor();
    await page.unroute('**/api/me');
    await card.getByRole('button', { name: 'Try again' }).click();
    await card.getByText('Live').waitFor();
    await card.getByText('Lindqvist & Moreau LLP').waitFor();
    assert.equal(await why.count(), 0);
    await refuse();
    await page.reload();
    await why.waitFor();
    await page.unroute('**/api/me');
    await page.evaluate(() => dispatchEvent(new Event('focus')));
    await card.getByText('Live').waitFor();
    assert.equal(await why.count(), 0);
    await refuse();
    await page.clock.install();
    await page.goto(`${url}/matters`);
    const row = page.getByRole('row').filter({ hasText: 'mat_0001' });
    await row.getByText(said).waitFor();
    // Who comes back does not wait for the time at which it would be asked anyway.
    await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1_000));
    await page.unroute('**/api/me');
    await page.evaluate(() => dispatchEvent(new Event('focus')));
    await row.getByText('Not synced').waitFor();
    await row.getByText(said).waitFor({ state: 'detached' });
    await page.clock.resume();
    // Only the stream tells of it.
    await call(page, url, 'sync_matter', { matter: 'mat_0001' });
    await row.getByText('Synced', { exact: true }).waitFor();
  });
}

test('a button that is given another matter shows nothing of the one before', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await page.goto(`${url}/matters`);
  const row = page.getByRole('row').filter({ hasText: 'Whitfield v. Harbor' });
  await row.getByText('In Clio: Open').waitFor();
  await page.route('**/api/get_matter_state', (route) => route.fulfill({ status: 503, json: { error: FAILED } }));
  await row.locator('casehug-clio-sync').evaluate((button) => button.setAttribute('matter', 'mat_0002'));
  await row.getByText('store_failed').waitFor();
  await row.getByRole('button', { name: 'Sync to Clio mat_0002' }).waitFor();
  for (const old of ['Synced', 'In Clio: Open']) assert.equal(await row.getByText(old, { exact: true }).count(), 0, old);
  await page.unroute('**/api/get_matter_state');
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  await row.getByText('Not synced').waitFor();
  await row.getByText('store_failed').waitFor({ state: 'detached' });
  // Also one that is not on the page in that moment.
  await row.locator('casehug-clio-sync').evaluate((button) => button.setAttribute('matter', 'mat_0001'));
  await row.getByText('In Clio: Open').waitFor();
  await page.route('**/api/get_matter_state', (route) => route.fulfill({ status: 503, json: { error: FAILED } }));
  await row.locator('casehug-clio-sync').evaluate((button) => {
    const cell = button.parentNode;
    button.remove();
    button.setAttribute('matter', 'mat_0002');
    cell.append(button);
  });
  await row.getByText('store_failed').waitFor();
  for (const old of ['Synced', 'In Clio: Open']) assert.equal(await row.getByText(old, { exact: true }).count(), 0, old);
  assert.equal(await row.getByRole('link', { name: 'Open in Clio' }).count(), 0);
});

test('a stream that nobody is signed in for says so, and goes on when the page is shown again', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  await page.route('**/api/stream', signedOut);
  const card = await integrations(page, url);
  await card.getByRole('alert').getByText(SIGNED_OUT).waitFor();
  await page.unroute('**/api/stream');
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  await card.getByText('Live').waitFor();
  await card.getByText(SIGNED_OUT).waitFor({ state: 'detached' });
});

test('a view that could not be brought up to date says so, and is tried again', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await connect(page, url);
  await page.route('**/api/get_health', (route) => route.fulfill({ status: 503, json: { error: FAILED } }));
  await call(page, url, 'disconnect');
  const old = card.getByRole('status').filter({ hasText: 'This could not be brought up to date.' });
  await old.getByText('store_failed').waitFor();
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  await page.unroute('**/api/get_health');
  await card.getByText('The firm is disconnected.').waitFor();
  await old.waitFor({ state: 'detached' });
});

test('two clicks on “Show more” add one page', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  for (let run = 0; run < 55; run += 1) await call(page, url, 'sync_matter', { matter: 'mat_0008' });
  await view(card, 'Sync log');
  const runs = card.locator('[data-run]');
  await until(() => runs.count(), (count) => count === 25, 'the first page');
  const waiting = [];
  let holds = true;
  await page.route('**/api/list_runs', (route) => (holds ? waiting.push(route) : route.continue()));
  await card.getByRole('button', { name: 'Show more' }).evaluate((more) => {
    more.click();
    more.click();
  });
  await until(() => waiting.length, (count) => count === 1, 'the next page');
  // A change while the page is on its way takes nothing away.
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  holds = false;
  await Promise.all(waiting.map((route) => route.continue()));
  await runs.filter({ hasText: 'mat_0001' }).waitFor();
  const ids = await runs.evaluateAll((all) => all.map((run) => run.getAttribute('data-run')));
  assert.equal(ids.length, 50);
  assert.equal(new Set(ids).size, ids.length, 'each once');
});

test('what stands in the address is believed only as far as the host says the same', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const returned = async (query) => {
    await page.goto(`${url}/settings/integrations?${query}`);
    const card = await shown(page);
    await card.getByText('Connect your firm to Clio').waitFor();
    return card;
  };
  for (const [query, code] of [['error=constructor', 'constructor'], [`error=${encodeURIComponent('Call +1 555 0100')}`, '']]) {
    const alert = (await returned(query)).getByRole('alert');
    await alert.getByText('The firm was not connected. Begin again.').waitFor();
    assert.equal((await alert.locator('code').allInnerTexts()).join(), code);
  }
  const answered = page.waitForResponse('**/api/get_health');
  const card = await returned('connected=1');
  await answered;
  await card.locator('header .badge').getByText('Not connected').waitFor();
  assert.equal(await card.getByText('Connected to Clio.').count(), 0);
});

test('a matter whose contact has another name in Clio says so on its page and in the log', async (t) => {
  const clioUrl = await clio(t);
  await simulate(clioUrl, 'seed', {
    contacts: [{ type: 'Person', first_name: 'Gerald', last_name: 'Whitfield', email_addresses: [{ name: 'Work', address: 'adaeze.whitfield@example.com' }] }],
  });
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await view(card, 'Sync log');
  const run = card.locator('[data-run]').filter({ hasText: 'Has notes' });
  await run.getByRole('button', { name: 'Details of mat_0001' }).click();
  await run.getByText('name_differs').waitFor();
  await page.goto(`${url}/matters`);
  const look = page.getByRole('row').filter({ hasText: 'mat_0001' }).getByRole('list', { name: 'Look at these in Clio' });
  await look.getByText('name_differs').waitFor();
});

test('an edit that the simulated Clio refuses is said, and the status stays', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url, 'Ada', { tolerates: true });
  await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await page.goto(`${clioUrl}/__sim/`);
  await page.route('**/__sim/edit', (route) => route.fulfill({ status: 422, body: '' }));
  const status = page.getByRole('combobox').first();
  await status.selectOption('Closed');
  await page.getByText('The status was not changed: the simulator answered 422.').waitFor();
  assert.equal(await status.inputValue(), 'open');
});

test('a practice area that is chosen and not saved yet stays when another is mapped', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Practice areas');
  const row = (name) => card.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
  const { practice_areas: [area], mappings } = await call(page, url, 'get_mappings');
  const [first, second] = mappings.map(({ case_type }) => case_type);
  await row(first).getByRole('combobox').selectOption({ value: area.id });
  await call(page, url, 'map_case_type', { case_type: second, practice_area: area.id });
  await row(second).getByText('Chosen by your firm').waitFor();
  assert.equal(await row(first).getByRole('combobox').inputValue(), area.id);
  await row(first).getByRole('button', { name: `Save ${first}` }).click();
  await row(first).getByText('Chosen by your firm').waitFor();
});
