// Who looks may become somebody else, or somebody with another role: nothing of the one before
// stays, and what is refused is not asked for again and again.
import assert from 'node:assert/strict';
import test from 'node:test';

import { admin, call, clio, connect, person, service, shown, until, view } from './harness.mjs';

const NOT_ALLOWED = { code: 'not_allowed', number: 2002, kind: 'permission', retry: 'never', message: 'Only an admin of this firm may do this.', context: {} };

const refuse = (route) => route.fulfill({ status: 403, json: { error: NOT_ALLOWED } });

/** In another tab somebody else signs in. */
const signIn = (page, url, who) => page.context().addCookies([{ name: 'casehug_demo', value: who, url }]);

const looks = (page) => page.evaluate(() => dispatchEvent(new Event('focus')));

/** As if the page had been put away: what changed meanwhile nobody told it. */
const comesBack = (page) => page.evaluate(() => ['pagehide', 'pageshow'].forEach((kind) => dispatchEvent(new PageTransitionEvent(kind, { persisted: true }))));

/** How many requests of this page are answered so. */
function answers(page, status) {
  const counted = { all: 0 };
  page.on('response', (response) => {
    if (response.status() === status) counted.all += 1;
  });
  return counted;
}

/** Time for a few looks of the stream. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 4_000));

const text = (card) => card.evaluate((element) => element.shadowRoot.textContent);

const MEMBER = ['Connection', 'Sync log', 'Older matters'];

test('an open audit log whose reader is no admin any more asks once, and nothing of it stays', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await shown(page);
  const ada = await person(t, url);
  await view(card, 'Audit log');
  await call(ada, url, 'export_settings');
  await card.getByRole('table', { name: 'Audit entries' }).getByText('usr_ada').first().waitFor();
  const refused = answers(page, 403);
  await signIn(page, url, 'max');
  await call(ada, url, 'export_settings');
  await until(() => card.getByRole('tab').allInnerTexts(), (tabs) => String(tabs) === String(MEMBER), 'the tabs of a member');
  await card.getByText('Any firm admin can manage the connection').waitFor();
  await card.getByText('Somebody else is signed in by now').waitFor();
  await aWhile();
  assert.ok(refused.all <= 3, `${refused.all} refused requests`);
  assert.ok(!(await text(card)).includes('usr_ada'), 'the audit log is gone');
  const { items } = await call(ada, url, 'list_audit', { query: { action: 'denied' } });
  assert.ok(items.length <= 3, `${items.length} entries`);
});

test('what the host refuses to the same person is asked for again only by that person', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await shown(page);
  const names = { 'Audit log': 'list_audit', Settings: 'get_settings', 'Practice areas': 'get_mappings', 'Sync log': 'list_runs', Questions: 'list_reviews', 'Contact changes': 'list_contact_proposals', 'Older matters': 'list_backfills', Connection: 'get_health' };
  for (const [name, operation] of Object.entries(names)) {
    await view(card, name);
    await page.route(`**/api/${operation}`, refuse);
    const asked = [];
    const count = (request) => request.url().endsWith(operation) && asked.push(operation);
    page.on('request', count);
    // Everything may have changed, and again and again.
    await comesBack(page);
    const why = card.getByRole('tabpanel').getByRole('alert').getByText(NOT_ALLOWED.message);
    await why.waitFor();
    for (let turn = 0; turn < 4; turn += 1) {
      await comesBack(page);
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    // The view, and what stands beside the title.
    assert.ok(asked.length <= 2, `${name}: ${asked.length} times`);
    page.off('request', count);
    await page.unroute(`**/api/${operation}`);
    await card.getByRole('tabpanel').getByRole('button', { name: 'Try again' }).click();
    await card.getByRole('tabpanel').getByRole('heading', { level: 3, name }).waitFor();
    assert.equal(await why.count(), 0);
  }
});

test('a page that is shown again after somebody else signed in is theirs, and an open question is over', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await connect(page, url);
  await view(card, 'Settings');
  await card.getByLabel('Auto-sync on creation').check();
  await looks(page);
  await view(card, 'Connection');
  await view(card, 'Settings');
  assert.ok(await card.getByLabel('Auto-sync on creation').isChecked(), 'the same person goes on');
  await view(card, 'Connection');
  await card.getByRole('button', { name: 'Disconnect' }).click();
  await card.getByRole('dialog').waitFor();
  await signIn(page, url, 'max');
  await looks(page);
  await card.getByText('Any firm admin can manage the connection').waitFor();
  assert.deepEqual(await card.getByRole('tab').allInnerTexts(), MEMBER);
  assert.equal(await card.getByRole('dialog').count(), 0);
  await signIn(page, url, 'ada');
  await looks(page);
  await card.getByRole('button', { name: 'Disconnect' }).waitFor();
  assert.equal((await call(page, url, 'get_health')).state, 'connected');
});

test('somebody of another firm sees that firm, and hears of its changes', async (t) => {
  const { url } = await service(t, await clio(t), { demo: false });
  const page = await admin(t, url, 'usr_ada');
  const card = await connect(page, url);
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  await view(card, 'Settings');
  await page.setExtraHTTPHeaders({ 'x-casehug-firm': 'firm_other', 'x-casehug-user': 'usr_ada', 'x-casehug-role': 'admin' });
  await looks(page);
  await card.getByText('Connect your firm to Clio').waitFor();
  assert.ok(!(await text(card)).includes('Lindqvist'));
  await view(card, 'Settings');
  await card.getByText('Live').waitFor();
  const headers = { 'content-type': 'application/json', 'x-casehug-firm': 'firm_other', 'x-casehug-user': 'usr_eve', 'x-casehug-role': 'admin' };
  const change = { revision: 0, contact_review: true };
  const changed = await page.request.post(`${url}/api/change_settings`, { data: { change }, headers });
  assert.ok(changed.ok());
  await until(() => card.getByLabel('Review contact changes').isChecked(), (is) => is, 'the change of that firm');
});

test('who is signed out sees nothing of the firm when the page is shown again, and who signs in then sees their own', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await page.evaluate(() => document.querySelector('main, body').append(Object.assign(document.createElement('casehug-clio-sync'), { id: 'beside' })));
  await page.evaluate(() => document.querySelector('#beside').setAttribute('matter', 'mat_0001'));
  const [card, button] = [await shown(page), page.locator('#beside')];
  await button.getByText('In Clio: Open').waitFor();
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  await page.context().clearCookies();
  await looks(page);
  for (const element of [card, button]) await element.getByText('You are no longer signed in to CaseHug.').first().waitFor();
  assert.ok(!(await text(card)).includes('Lindqvist'));
  assert.ok(!(await text(button)).includes('In Clio'));
  await signIn(page, url, 'max');
  await looks(page);
  await card.getByText('Any firm admin can manage the connection').waitFor();
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  await button.getByText('In Clio: Open').waitFor();
  for (const element of [card, button]) await element.getByText('You are no longer signed in').waitFor({ state: 'detached' });
});

test('a button that was taken away and comes back for somebody else shows nothing of before', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await page.goto(`${url}/matters`);
  const button = page.locator('casehug-clio-sync[matter=mat_0001]');
  await button.getByText('In Clio: Open').waitFor();
  await page.route('**/api/get_matter_state', (route) => route.abort());
  const again = () => button.evaluate((element) => element.parentNode.append(element));
  await Promise.all([page.waitForRequest('**/api/get_matter_state'), again()]);
  await button.getByText('In Clio: Open').waitFor();
  await signIn(page, url, 'max');
  await again();
  await button.getByText('CaseHug did not answer.').waitFor();
  assert.equal(await button.getByText('In Clio: Open').count(), 0);
});

test('a button whose state is refused asks once, until the page is shown again', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await page.goto(`${url}/matters`);
  const row = page.getByRole('row').filter({ hasText: 'mat_0001' });
  await row.getByText('In Clio: Open').waitFor();
  await page.route('**/api/get_matter_state', refuse);
  const buttons = await page.locator('casehug-clio-sync').count();
  const refused = answers(page, 403);
  await call(page, url, 'export_settings');
  await row.getByText(NOT_ALLOWED.message).waitFor();
  assert.equal(await row.getByText('In Clio: Open').count(), 0);
  for (let turn = 0; turn < 3; turn += 1) {
    await call(page, url, 'export_settings');
    await aWhile();
  }
  assert.ok(refused.all <= buttons, `${refused.all} of ${buttons}`);
  await page.unroute('**/api/get_matter_state');
  await looks(page);
  await row.getByText('In Clio: Open').waitFor();
  await row.getByText(NOT_ALLOWED.message).waitFor({ state: 'detached' });
});
