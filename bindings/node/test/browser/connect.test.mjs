// The connection: by Clio's consent page, declined, ended, and connected again.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { admin, call, clio, connect, holds, intakes, integrations, person, picture, service, shown, simulate, state, until, view } from './harness.mjs';

test('Ada connects by Clio’s consent page, and the card says to whom, since when and by whom', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await card.getByText('Connected to Clio.').waitFor();
  assert.equal(new URL(page.url()).search, '', 'how it ended is said once, and not again after a reload');
  for (const text of ['Lindqvist & Moreau LLP', 'by usr_ada', 'Custom host', 'Within seconds, by webhooks']) {
    await card.getByText(text).first().waitFor();
  }
  await page.reload();
  await state(await shown(page), 'Connected');
  await card.getByText('Lindqvist & Moreau LLP').waitFor();
  assert.equal(await card.getByText('Connected to Clio.').count(), 0);
  await picture(card, 'connection');
});

test('access declined in Clio: nothing is connected, and the card says so', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await integrations(page, url);
  await card.getByRole('button', { name: 'Connect to Clio' }).click();
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.waitForURL(/settings\/integrations/);
  await card.getByRole('alert').getByText('Access was declined in Clio. Nothing was connected.').waitFor();
  await card.getByRole('alert').getByText('connect_declined').waitFor();
  await state(card, 'Not connected');
});

test('How do I disconnect? Settings → Integrations → Disconnect on the Clio card', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  const before = await holds(clioUrl);
  await card.getByRole('button', { name: 'Disconnect' }).click();
  const dialog = card.getByRole('dialog', { name: 'Disconnect Clio?' });
  await dialog.getByText('This revokes tokens and deactivates. Existing data is preserved in both systems.').waitFor();
  await picture(page, 'disconnect', 700);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await state(card, 'Connected');
  await card.getByRole('button', { name: 'Disconnect' }).click();
  await dialog.getByRole('button', { name: 'Disconnect' }).click();
  await state(card, 'Disconnected');
  await card.getByRole('status').getByText('Disconnected. Existing data is preserved in both systems.').waitFor();
  const after = await holds(clioUrl);
  assert.equal(after.oauth.live_access_tokens, 0);
  assert.equal(after.webhooks.length, 0);
  for (const kind of ['contacts', 'matters', 'documents']) assert.equal(after[kind].length, before[kind].length, kind);
  const { items } = await call(page, url, 'list_runs', { query: {} });
  assert.equal(items.length, 1, 'the log stays');
});

test('What happens if I reconnect? Matters keep their links, nothing is duplicated, and what waited leaves when an admin says so', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await call(page, url, 'disconnect');
  await state(card, 'Disconnected');
  await call(page, url, 'trigger_sync', { matter: 'mat_0002', trigger: 'approved' });
  await card.getByText('1 matter on hold').waitFor();
  await connect(page, url, 'Reconnect');
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  assert.equal((await holds(clioUrl)).matters.length, 1, 'no duplicate');
  await card.getByRole('button', { name: 'Sync them now' }).click();
  await card.getByText('1 matter will be synced.').waitFor();
  await until(() => holds(clioUrl), ({ matters }) => matters.length === 2, 'the held matter');
  await card.getByText('1 matter on hold').waitFor({ state: 'detached' });
});

test('any admin disconnects, also one who did not connect', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl, { demo: false });
  const [ada, eve] = [await admin(t, url, 'usr_ada'), await admin(t, url, 'usr_eve')];
  await connect(ada, url);
  const card = await shown(eve);
  await card.getByText('by usr_ada').waitFor();
  await card.getByRole('button', { name: 'Disconnect' }).click();
  await card.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
  await state(card, 'Disconnected');
  await state(await shown(ada), 'Disconnected');
  assert.equal((await holds(clioUrl)).oauth.live_access_tokens, 0);
  const { items } = await call(ada, url, 'list_audit', { query: { action: 'disconnect' } });
  assert.ok(items.some(({ actor }) => actor === 'usr_eve'));
});

test('a question that stayed open ends the connection that it was about, and no later one', async (t) => {
  const { url } = await service(t, await clio(t), { demo: false });
  const [ada, eve] = [await admin(t, url, 'usr_ada'), await admin(t, url, 'usr_eve', { tolerates: true })];
  await connect(ada, url);
  const card = await shown(eve);
  await card.getByText('by usr_ada').waitFor();
  await card.getByRole('button', { name: 'Disconnect' }).click();
  const dialog = card.getByRole('dialog', { name: 'Disconnect Clio?' });
  await dialog.waitFor();
  await call(ada, url, 'disconnect');
  await connect(ada, url, 'Reconnect');
  await dialog.getByRole('button', { name: 'Disconnect' }).click();
  await card.getByRole('alert').getByText('connection_changed').waitFor();
  await state(card, 'Connected');
  assert.equal((await call(ada, url, 'get_connection')).state, 'connected');
});

test('what was triggered while not connected is discarded after a question, and is not sent', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'disconnect');
  await state(card, 'Disconnected');
  await call(page, url, 'trigger_sync', { matter: 'mat_0002', trigger: 'approved' });
  await connect(page, url, 'Reconnect');
  const held = card.getByText('1 matter on hold');
  await held.waitFor();
  await card.getByRole('button', { name: 'Discard' }).click();
  const dialog = card.getByRole('dialog', { name: 'Discard 1 matter?' });
  await dialog.getByText('Each can still be synced with “Sync to Clio”.').waitFor();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await dialog.waitFor({ state: 'detached' });
  await held.waitFor();
  await card.getByRole('button', { name: 'Discard' }).click();
  await dialog.getByRole('button', { name: 'Discard' }).click();
  await card.getByText('1 matter discarded.').waitFor();
  await held.waitFor({ state: 'detached' });
  // A matter that is asked for later is through by then, and it alone is in Clio.
  await call(page, url, 'trigger_sync', { matter: 'mat_0001', trigger: 'manual' });
  const { matters } = await until(() => holds(clioUrl), ({ matters }) => matters.length > 0, 'the other matter');
  assert.equal(matters.length, 1);
  assert.equal((await call(page, url, 'get_matter_state', { matter: 'mat_0002' })).status, 'not_synced');
});

test('what is decided of held matters is decided of those that were listed', async (t) => {
  const folder = intakes(t);
  for (let more = 1; more <= 20; more += 1) cpSync(join(folder, 'firm_demo/mat_0001'), join(folder, `firm_demo/mat_1${String(more).padStart(3, '0')}`), { recursive: true });
  const { url } = await service(t, await clio(t), { intake: folder });
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'disconnect');
  const hold = (matter) => call(page, url, 'trigger_sync', { matter, trigger: 'approved' });
  for (let more = 1; more <= 20; more += 1) await hold(`mat_1${String(more).padStart(3, '0')}`);
  await hold('mat_0001');
  await card.getByText('21 matters on hold').waitFor();
  await card.getByText(/mat_1019 and 1 more/).waitFor();
  await card.getByRole('button', { name: 'Discard' }).click();
  const dialog = card.getByRole('dialog', { name: 'Discard 21 matters?' });
  await hold('mat_0003');
  await card.getByText('22 matters on hold').waitFor();
  await dialog.getByRole('button', { name: 'Discard' }).click();
  await card.getByText('21 matters discarded.').waitFor();
  await card.getByText('1 matter on hold').waitFor();
  assert.deepEqual((await call(page, url, 'list_held_matters')).map(({ matter }) => matter), ['mat_0003']);
  // What is released, too: what is listed is old when the button is pressed.
  await connect(page, url, 'Reconnect');
  await card.getByText('1 matter on hold').waitFor();
  const asked = page.waitForRequest('**/api/release_held_matters');
  await card.getByRole('button', { name: 'Sync them now' }).click();
  assert.deepEqual((await asked).postDataJSON(), { matters: ['mat_0003'] });
  await card.getByText('1 matter will be synced.').waitFor();
});

test('Clio no longer accepts the authorization: the card says what to do, and reconnecting mends it', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await simulate(clioUrl, 'revoke', { access: true, refresh: true });
  await call(page, url, 'trigger_sync', { matter: 'mat_0001', trigger: 'manual' });
  await state(card, 'Reconnect required');
  await card.getByText('Nothing is sent until a firm admin reconnects.').waitFor();
  await card.getByText('A firm admin must reconnect in Settings, Integrations').first().waitFor();
  await picture(card, 'reconnect-required');
  await connect(page, url, 'Reconnect');
  await until(() => holds(clioUrl), ({ matters }) => matters.length === 1, 'the matter that waited');
});

test('another Clio account is asked for with its consequences', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'disconnect');
  await card.getByRole('button', { name: 'Connect another account' }).click();
  const dialog = card.getByRole('dialog', { name: 'Connect another Clio account?' });
  await dialog.getByText('Your matters count as not synced yet in that account.').waitFor();
  await dialog.getByRole('button', { name: 'Connect another account' }).click();
  await page.getByRole('button', { name: 'Allow access' }).waitFor();
});

test('Is there an audit log? Every operation with timestamp, action, status and error details, in Settings → Integrations', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  const member = await person(t, url, 'Max');
  await call(member, url, 'get_settings');
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  await view(card, 'Audit log');
  const rows = card.getByRole('table', { name: 'Audit entries' }).getByRole('row');
  const denied = rows.filter({ hasText: 'Access denied' });
  await denied.first().waitFor();
  for (const text of [/\b20\d\d\b/, 'Refused', 'usr_max', 'not_allowed']) assert.match(await denied.first().innerText(), new RegExp(text));
  await picture(card, 'audit-log');
  await card.getByLabel('Action').selectOption({ label: 'Connected' });
  await until(() => rows.count(), (count) => count === 2, 'the filter');
  await card.getByLabel('By user').fill('nobody');
  await card.getByText('Nothing of that kind was logged.').waitFor();
  await card.getByLabel('By user').fill('');
  await card.getByRole('button', { name: 'Verify' }).click();
  await card.getByText(/The log is whole: \d+ entries, each linked to the one before/).waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), card.getByRole('button', { name: 'Export' }).click()]);
  const stream = await download.createReadStream();
  const lines = (await stream.toArray()).join('').trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.ok(lines.length >= 5 && lines.every(({ prev }, at) => (prev === '') === (at === 0)), 'the whole chain');
  assert.match(download.suggestedFilename(), /^casehug-clio-audit-\d{4}-\d\d-\d\d\.ndjson$/);
});
