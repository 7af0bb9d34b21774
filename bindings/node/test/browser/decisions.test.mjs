// What a person decides: mapping, settings, questions, contact changes and backfills.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { call, clio, connect, holds, intakes, person, picture, service, shown, simulate, until, view } from './harness.mjs';

test('Can I customize field mappings? Case type → practice area, configurable in Settings → Integrations', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0008' });
  await view(card, 'Practice areas');
  await card.getByText('Default mappings work for most firms.').waitFor();
  const salvage = card.getByRole('row').filter({ hasText: 'Maritime salvage' });
  await salvage.getByText('Nobody mapped this case type').waitFor();
  await picture(card, 'mapping');
  await card.getByRole('button', { name: /^Show all \d+$/ }).click();
  await card.getByRole('rowheader', { name: 'wrongful death' }).waitFor();
  const [area] = (await call(page, url, 'get_mappings')).practice_areas;
  await salvage.getByRole('combobox').selectOption({ label: area.name });
  await salvage.getByRole('button', { name: 'Save' }).click();
  await salvage.getByText('Chosen by your firm').waitFor();
  await card.getByLabel('Find a case type').fill('asylum');
  await until(() => card.getByRole('rowheader').count(), (count) => count > 0 && count < 5, 'the search');
  await card.getByLabel('Find a case type').fill('');
  const another = card.locator('.panel').filter({ hasText: 'Another case type' });
  await another.getByLabel('Case type').fill('Space law');
  await another.getByLabel('Clio practice area').selectOption({ label: area.name });
  await another.getByRole('button', { name: 'Map' }).click();
  await card.getByRole('rowheader', { name: 'Space law' }).waitFor();
  await salvage.getByRole('combobox').selectOption({ label: 'Back to the default' });
  await salvage.getByRole('button', { name: 'Save' }).click();
  await salvage.getByText('Nobody mapped this case type').waitFor();
});

test('settings are saved, told to other tabs, and nobody undoes another’s change unseen', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await connect(page, url);
  await view(card, 'Settings');
  assert.ok(await card.getByLabel('Auto-sync on approval').isChecked());
  await picture(card, 'settings');
  const other = await page.context().newPage();
  await other.goto(`${url}/settings/integrations`);
  const theirs = await shown(other);
  await view(theirs, 'Settings');
  await page.bringToFront();
  await card.getByLabel('Auto-sync on creation').check();
  await card.getByLabel('Ask an admin').check();
  await card.getByRole('button', { name: 'Save settings' }).click();
  await card.getByText('Settings saved.').waitFor();
  const saved = await call(page, url, 'get_settings');
  assert.deepEqual([saved.sync_when_created, saved.on_name_mismatch, saved.sync_when_approved], [true, 'review', true]);
  await other.bringToFront();
  await until(() => theirs.getByLabel('Auto-sync on creation').isChecked(), (is) => is, 'what the first tab saved');
  await theirs.getByLabel('Auto-sync on creation').uncheck();
  await page.bringToFront();
  await card.getByLabel('Review contact changes').check();
  await card.getByRole('button', { name: 'Save settings' }).click();
  await card.getByText('Settings saved.').waitFor();
  await other.bringToFront();
  await theirs.getByRole('button', { name: 'Save settings' }).click();
  await theirs.getByRole('alert').getByText('settings_changed').waitFor();
  await until(() => theirs.getByLabel('Review contact changes').isChecked(), (is) => is);
});

test('settings leave as a file and come back', async (t) => {
  const { url } = await service(t, await clio(t));
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Settings');
  const [download] = await Promise.all([page.waitForEvent('download'), card.getByRole('button', { name: 'Export' }).click()]);
  const buffer = Buffer.concat(await (await download.createReadStream()).toArray());
  await call(page, url, 'change_settings', { change: { revision: (await call(page, url, 'get_settings')).revision, sync_when_approved: false } });
  await until(() => card.getByLabel('Auto-sync on approval').isChecked(), (is) => !is, 'the change of another');
  await card.locator('input[type=file]').setInputFiles({ name: 'settings.json', mimeType: 'application/json', buffer });
  await card.getByText('Settings imported.').waitFor();
  await until(() => card.getByLabel('Auto-sync on approval').isChecked(), (is) => is, 'the imported settings');
});

test('a question that needs a person is shown, answered, and the sync goes on', async (t) => {
  const clioUrl = await clio(t);
  await simulate(clioUrl, 'seed', {
    contacts: [{ type: 'Person', first_name: 'Gerald', last_name: 'Whitfield', email_addresses: [{ name: 'Work', address: 'adaeze.whitfield@example.com' }] }],
  });
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'change_settings', { change: { revision: 0, on_name_mismatch: 'review' } });
  await call(page, url, 'trigger_sync', { matter: 'mat_0001', trigger: 'manual' });
  await card.getByRole('tab', { name: 'Questions 1 open' }).waitFor();
  await view(card, /^Questions/);
  const question = card.getByRole('group', { name: 'Which contact in Clio is this client?' });
  await question.waitFor();
  await picture(card, 'questions');
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByText('Choose an answer first.').waitFor();
  await question.getByLabel(/^No\. \d+ in Clio/).check();
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByText('No open questions').waitFor();
  await until(() => holds(clioUrl), ({ matters, contacts }) => matters.length === 1 && contacts.length === 1, 'the matter of the linked contact');
});

test('an answer that is chosen is given up, and says so, when other records come into question', async (t) => {
  const clioUrl = await clio(t);
  const namesake = (first_name, last_name) => simulate(clioUrl, 'seed', { contacts: [{ type: 'Person', first_name, last_name, email_addresses: [{ name: 'Work', address: 'adaeze.whitfield@example.com' }] }] });
  await namesake('Gerald', 'Whitfield');
  const { url } = await service(t, clioUrl);
  const page = await person(t, url, 'Ada', { tolerates: true });
  const card = await connect(page, url);
  await call(page, url, 'change_settings', { change: { revision: 0, on_name_mismatch: 'review' } });
  await call(page, url, 'trigger_sync', { matter: 'mat_0001', trigger: 'manual' });
  await card.getByRole('tab', { name: 'Questions 1 open' }).waitFor();
  await view(card, /^Questions/);
  const question = card.getByRole('group', { name: 'Which contact in Clio is this client?' });
  await question.getByLabel(/^None of these/).check();
  await namesake('Adaeze', 'Okonkwo');
  await call(page, url, 'retry_failed');
  await until(() => question.getByRole('radio').count(), (count) => count === 3, 'the second record');
  assert.equal(await question.getByRole('radio', { checked: true }).count(), 0);
  await card.getByText('The records in Clio that come into question changed.').waitFor();
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByText('Choose an answer first.').waitFor();
  // One that is chosen and not among them any more cannot be the answer either.
  await question.getByRole('radio').nth(1).check();
  await page.route('**/api/list_reviews', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: (await response.json()).map((review) => ({ ...review, candidates: review.candidates.slice(0, 1) })) });
  });
  await call(page, url, 'retry_failed');
  await page.evaluate(() => ['pagehide', 'pageshow'].forEach((kind) => dispatchEvent(new PageTransitionEvent(kind, { persisted: true }))));
  await until(() => question.getByRole('radio').count(), (count) => count === 2, 'one record less');
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByText('Choose an answer first.').waitFor();
  // What has come up and is not listed yet is not answered for: the question is listed anew.
  await question.getByLabel(/^None of these/).check();
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByRole('alert').getByText('review_changed').waitFor();
  assert.equal(await question.getByRole('radio', { checked: true }).count(), 0);
  await page.unroute('**/api/list_reviews');
  await card.getByRole('button', { name: 'Answer' }).click();
  await until(() => question.getByRole('radio').count(), (count) => count === 3, 'all records');
  await question.getByLabel(/^None of these/).check();
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByText('No open questions').waitFor();
  await until(() => holds(clioUrl), ({ contacts, matters }) => contacts.length === 3 && matters.length === 1, 'a new contact');
});

test('a change that was accepted and never reached Clio waits for an admin, who sends it again or rejects it', async (t) => {
  const clioUrl = await clio(t);
  const folder = intakes(t);
  const path = join(folder, 'firm_demo/mat_0001/intake.json');
  const { url } = await service(t, clioUrl, { intake: folder });
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'sync_matter', { matter: 'mat_0001' });
  for (const [decide, name] of [['Send again', 'Married'], ['Reject', 'Divorced']]) {
    const intake = JSON.parse(readFileSync(path, 'utf8'));
    intake.client.last_name = name;
    writeFileSync(path, JSON.stringify(intake));
    // As if a process had ended after the decision and before Clio was asked.
    await page.route('**/api/list_contact_proposals', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: (await response.json()).map((of) => ({ ...of, accepted: true })) });
    });
    await call(page, url, 'propose_contact', { matter: 'mat_0001' });
    await card.getByRole('tab', { name: 'Contact changes 1 open' }).waitFor();
    await view(card, /^Contact changes/);
    await card.getByText('Accepted, and not known to have reached Clio.').waitFor();
    await card.getByRole('button', { name: decide }).click();
    if (decide === 'Reject') await card.getByText('Rejected. If it reached Clio before, it stays there.').waitFor();
    await card.getByText('No changes to review').waitFor();
    await until(() => card.getByRole('tab').allInnerTexts(), (tabs) => tabs.includes('Contact changes'), 'the count to go');
    const { contacts: [contact] } = await holds(clioUrl);
    assert.equal(contact.last_name, 'Married', decide);
  }
});

test('a contact that was changed in Clio is shown, accepted or rejected', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await call(page, url, 'change_settings', { change: { revision: 0, contact_review: true } });
  for (const matter of ['mat_0001', 'mat_0003']) await call(page, url, 'sync_matter', { matter });
  // What listens for contacts is set up by a worker.
  await until(() => holds(clioUrl), ({ webhooks }) => webhooks.length >= 2, 'the subscription to contacts');
  await view(card, /^Contact changes/);
  await card.getByText('No changes to review').waitFor();
  for (const contact of (await holds(clioUrl)).contacts) {
    await simulate(clioUrl, 'edit', { resource: 'contacts', id: contact.id, data: { last_name: `${contact.last_name}-Reyes` } });
  }
  const first = card.locator('.panel').filter({ hasText: 'Whitfield-Reyes' });
  await first.waitFor();
  await card.locator('.panel').nth(1).waitFor();
  await picture(card, 'contact-changes');
  await first.getByRole('button', { name: 'Accept into CaseHug' }).click();
  await first.getByText('Accepted. It is not applied yet.').waitFor();
  await card.getByRole('button', { name: 'Reject' }).click();
  await card.getByText('Rejected. Nothing was changed.').waitFor();
  await until(() => card.locator('.panel').count(), (count) => count === 1, 'the rejected one to go');
});

test('a backfill is planned with its calls and its end, shows how far it is, and can be paused, resumed and cancelled', async (t) => {
  const clioUrl = await clio(t);
  const { url } = await service(t, clioUrl);
  const page = await person(t, url);
  const card = await connect(page, url);
  await view(card, 'Older matters');
  await card.getByText('No backfill yet').waitFor();
  await card.getByRole('button', { name: 'All matters that are not synced' }).click();
  await card.getByText(/\d+ matters of \d+ not synced yet\./).waitFor();
  // The folder's matters take seconds; this firm's take longer.
  await page.route('**/api/plan_backfill', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), lasts_ms: 5_400_000 } });
  });
  await card.getByRole('button', { name: 'Plan' }).click();
  await card.getByText(/calls to Clio/).waitFor();
  await card.getByText(/^Takes 1\.5 hours or more; done at about .*\d:\d\d/).waitFor();
  await simulate(clioUrl, 'faults', { method: 'POST', path_prefix: '/api/v4/', times: 500, action: { kind: 'slow', ms: 1500 } });
  await card.getByRole('button', { name: 'Start backfill' }).click();
  const running = card.locator('[data-backfill]').first();
  await running.getByRole('button', { name: 'Pause' }).click();
  await running.getByText('Paused').waitFor();
  await running.getByRole('button', { name: 'Resume' }).waitFor();
  await running.getByRole('button', { name: 'Resume' }).click();
  await running.getByText('Running').waitFor();
  await until(() => running.locator('progress').evaluate((bar) => bar.value), (done) => done > 0, 'progress without a reload');
  await picture(card, 'backfill');
  await running.getByRole('button', { name: 'Cancel' }).click();
  const dialog = card.getByRole('dialog', { name: 'Cancel this backfill?' });
  await dialog.getByText('What is in Clio stays there').waitFor();
  await dialog.getByRole('button', { name: 'Cancel the backfill' }).click();
  await running.getByText('Cancelled').waitFor();
  assert.equal(await running.getByRole('button').count(), 0);
});
