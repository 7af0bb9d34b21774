// A folder of intakes: what is read of it and what never is, how often, and whose it is.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import test from 'node:test';
import { setTimeout as after } from 'node:timers/promises';

import { admin, clio, config, connect, folder, open as opened, sdk } from './support.mjs';

const { FolderIntake } = sdk;
const NAME = { firm: 'f', matter: 'm1', document: 'd1', upload: 'u1' };
const document = (path, more = {}) => ({ id: 'd1', upload_id: 'u1', file_name: 'secret name.pdf', content_type: 'application/pdf', path, status: 'approved', origin: 'client_upload', ...more });
const jsonOf = (documents, title = 'T') => JSON.stringify({ matter: { id: 'm1', title }, client: { id: 'c1', first_name: 'A', last_name: 'B' }, documents });

function writeIntake(made, matter, documents, title) {
  mkdirSync(join(made, matter), { recursive: true });
  writeFileSync(join(made, matter, 'intake.json'), jsonOf(documents, title));
}

/** A folder with the matter `m1`, whose one document is at this path. */
function folderWith(t, path) {
  const made = folder(t);
  writeIntake(made, 'm1', [document(path)]);
  return [made, new FolderIntake(made)];
}

async function bytesOf(source, name, offset = 0) {
  const reader = await source.open(name, offset);
  const read = [];
  const buffer = Buffer.alloc(4);
  for (let count; (count = await reader.read(buffer)) > 0; ) read.push(Buffer.from(buffer.subarray(0, count)));
  await reader.close();
  return Buffer.concat(read).toString();
}

/** The codes with which all that may be asked of a document is refused. */
async function refused(source, { firm, matter, ...document } = NAME) {
  const asked = [() => source.load(firm, matter), () => source.stat({ firm, matter, ...document }), () => source.open({ firm, matter, ...document }, 0)];
  return Promise.all(asked.map((ask) => ask().then(async (given) => (await given.close?.(), 'given'), (error) => {
    assert.ok(error instanceof Error && !/secret|pdf|outside|\//.test(error.message), String(error));
    return error.retry === undefined ? error.code : `${error.code} ${error.retry}`;
  })));
}

test('bytes are read from an offset to the end, also through a link that stays inside', async (t) => {
  const [made, source] = folderWith(t, 'link.pdf');
  writeFileSync(join(made, 'm1/a.pdf'), '0123456789');
  symlinkSync('a.pdf', join(made, 'm1/link.pdf'));
  assert.equal((await source.stat(NAME)).len, 10);
  for (const [offset, wanted] of [[0, '0123456789'], [7, '789'], [10, ''], [1000, '']]) assert.equal(await bytesOf(source, NAME, offset), wanted);
});

test('every way to change the bytes changes the revision', async (t) => {
  const [made, source] = folderWith(t, 'a.pdf');
  const path = join(made, 'm1/a.pdf');
  const revisions = new Set();
  const changed = async () => {
    const { revision } = await source.stat(NAME);
    assert.match(revision, /^[0-9a-f]{32}$/);
    assert.ok(!revisions.has(revision));
    revisions.add(revision);
    assert.equal((await source.stat(NAME)).revision, revision, 'it changed by itself');
    await after(20);
  };
  writeFileSync(path, '0123456789');
  const { atime, mtime } = statSync(path);
  await changed();
  writeFileSync(path, '9876543210');
  await changed();
  writeFileSync(path, 'abcdefghij');
  utimesSync(path, atime, mtime);
  await changed();
  writeFileSync(join(made, 'm1/other'), 'ABCDEFGHIJ');
  utimesSync(join(made, 'm1/other'), atime, mtime);
  renameSync(join(made, 'm1/other'), path);
  await changed();
});

test("nothing outside the matter's folder is read, and no path is told", async (t) => {
  for (const path of ['../outside.txt', '/etc/hostname', 'gone.pdf', 'link.pdf', '.', 'sub/../../outside.txt', 'x.txt/y', '..', 'linked/outside.txt']) {
    const [made, source] = folderWith(t, path);
    writeFileSync(join(made, 'outside.txt'), 'x');
    writeFileSync(join(made, 'm1/x.txt'), 'x');
    mkdirSync(join(made, 'm1/sub'));
    symlinkSync(join(made, 'outside.txt'), join(made, 'm1/link.pdf'));
    symlinkSync('..', join(made, 'm1/linked'));
    assert.deepEqual(await refused(source), ['given', 'document_missing', 'document_missing'], path);
  }
});

test('the intake itself is no document, by whatever name', async (t) => {
  for (const path of ['intake.json', 'INTAKE.json', 'Intake.JSON', 'link.pdf', 'hard.pdf', 'sub/link.pdf', 'self/intake.json']) {
    const [made, source] = folderWith(t, path);
    const matter = join(made, 'm1');
    mkdirSync(join(matter, 'sub'));
    // On a file system that tells cases apart these are other files; on the next one, to which the
    // folder is copied, they are not.
    for (const name of ['INTAKE.json', 'Intake.JSON']) if (!existsSync(join(matter, name))) writeFileSync(join(matter, name), 'x');
    linkSync(join(matter, 'intake.json'), join(matter, 'hard.pdf'));
    symlinkSync('intake.json', join(matter, 'link.pdf'));
    symlinkSync('../link.pdf', join(matter, 'sub/link.pdf'));
    symlinkSync('../m1', join(matter, 'self'));
    assert.deepEqual(await refused(source), ['given', 'document_missing', 'document_missing'], path);
  }
});

test("a matter's folder that leads out of the firm's folder is refused", async (t) => {
  const [made, outside] = [folder(t), folder(t)];
  const source = new FolderIntake(join(made, 'firm'));
  for (const place of [join(made, 'firm/other'), outside]) {
    writeIntake(dirname(place), basename(place), [document('a.pdf')]);
    writeFileSync(join(place, 'a.pdf'), 'x');
  }
  const link = join(made, 'firm/m1');
  for (const elsewhere of [outside, '.', '..', 'other/deep']) {
    mkdirSync(join(made, 'firm/other/deep'), { recursive: true });
    symlinkSync(elsewhere, link);
    assert.deepEqual(await refused(source), Array(3).fill('intake_unreadable'), elsewhere);
    rmSync(link);
  }
  for (const name of ['..', '.', '', 'other/deep']) assert.deepEqual(await refused(source, { ...NAME, matter: name }), Array(3).fill('intake_unreadable'), name);
  // A link within the firm's folder is the firm's own business.
  symlinkSync('other', link);
  assert.equal((await source.stat(NAME)).len, 1);
  // Which matter it is, its intake says.
  assert.deepEqual(await refused(source, { ...NAME, matter: 'other' }), ['given', 'intake_invalid', 'intake_invalid']);
});

test('an intake that is a link to elsewhere is refused', async (t) => {
  const [made, source] = folderWith(t, 'a.pdf');
  renameSync(join(made, 'm1/intake.json'), join(made, 'elsewhere.json'));
  symlinkSync('../elsewhere.json', join(made, 'm1/intake.json'));
  assert.deepEqual(await refused(source), Array(3).fill('intake_unreadable'));
});

test('what is no regular file is refused, and nobody waits for it', { timeout: 20_000 }, async (t) => {
  const [made, source] = folderWith(t, 'a.pdf');
  const pipe = (path) => execFileSync('mkfifo', [path]);
  pipe(join(made, 'm1/a.pdf'));
  mkdirSync(join(made, 'm1/sub'));
  for (const path of ['a.pdf', '', 'sub']) {
    writeIntake(made, 'm1', [document(path)]);
    assert.deepEqual(await refused(source), ['given', 'document_unreadable', 'document_unreadable'], path);
  }
  for (const path of [undefined, null, 7, ['a.pdf']]) {
    writeIntake(made, 'm1', [document(path)]);
    assert.deepEqual(await refused(source), ['given', 'intake_invalid', 'intake_invalid'], String(path));
  }
  rmSync(join(made, 'm1/intake.json'));
  pipe(join(made, 'm1/intake.json'));
  assert.deepEqual(await refused(source), Array(3).fill('intake_unreadable'));
});

test('a byte order mark is no part of an intake', async (t) => {
  const [made, source] = folderWith(t, 'a.pdf');
  writeFileSync(join(made, 'm1/a.pdf'), 'x');
  writeFileSync(join(made, 'm1/intake.json'), `\uFEFF${jsonOf([document('a.pdf')])}`);
  assert.equal(JSON.parse(await source.load('f', 'm1')).matter.id, 'm1');
  assert.equal((await source.stat(NAME)).len, 1);
  assert.equal(await bytesOf(source, NAME), 'x');
});

test('a withdrawal is seen although length and time of the file are as before', async (t) => {
  const [made, source] = folderWith(t, 'a.pdf');
  writeFileSync(join(made, 'm1/a.pdf'), 'x');
  for (let round = 0; round < 200; round += 1) {
    const status = round % 2 === 0 ? 'approved' : 'rejected';
    writeIntake(made, 'm1', [document('a.pdf', { status })]);
    assert.equal((await source.stat(NAME)).status, status, `round ${round}`);
  }
});

test('an intake is parsed once for each state, however many documents are asked for', async (t) => {
  const made = folder(t);
  const source = new FolderIntake(made);
  const many = (title) => writeIntake(made, 'm1', Array.from({ length: 300 }, (_, n) => document('a.pdf', { id: `d${n}`, upload_id: undefined })), title);
  mkdirSync(join(made, 'm1'));
  writeFileSync(join(made, 'm1/a.pdf'), 'x');
  const parse = t.mock.method(JSON, 'parse');
  const parsed = () => parse.mock.calls.filter(({ arguments: [text] }) => text.includes('secret name')).length;
  const askForAll = async () => {
    for (let n = 0; n < 300; n += 1) {
      const name = { ...NAME, document: `d${n}`, upload: `d${n}` };
      await source.stat(name);
      await (await source.open(name, 0)).close();
    }
  };
  many('T');
  await askForAll();
  assert.equal(parsed(), 1);
  many('U');
  await askForAll();
  assert.equal(parsed(), 2);
  // After a rest nothing of it is read again.
  const past = new Date(Date.now() - 60_000);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 10_000 });
  utimesSync(join(made, 'm1/intake.json'), past, past);
  await source.stat({ ...NAME, document: 'd1', upload: 'd1' });
  const probe = await open(join(made, 'm1/a.pdf'));
  const read = t.mock.method(Object.getPrototypeOf(probe), 'read');
  await askForAll();
  assert.deepEqual([parsed(), read.mock.callCount()], [2, 0]);
  await probe.close();
});

/** A folder for each of two firms; the document of the first has one byte, the other's two. */
function twoFirms(t) {
  const made = folder(t);
  for (const [firm, bytes] of [['firm_1', 'a'], ['firm_2', 'bb']]) {
    writeIntake(join(made, firm), 'm1', [document('a.pdf')], `Of ${firm}`);
    writeFileSync(join(made, firm, 'm1/a.pdf'), bytes);
  }
  return [made, new FolderIntake(join(made, '{firm}'))];
}

test('with {firm} in the path each firm gets what is in its own folder', async (t) => {
  const [made, source] = twoFirms(t);
  for (const round of [1, 2]) {
    for (const [firm, bytes] of [['firm_1', 'a'], ['firm_2', 'bb']]) {
      assert.equal(JSON.parse(await source.load(firm, 'm1')).matter.title, `Of ${firm}`, `round ${round}`);
      assert.equal((await source.stat({ ...NAME, firm })).len, bytes.length);
      assert.equal(await bytesOf(source, { ...NAME, firm }), bytes);
    }
  }
  assert.deepEqual(await refused(source, { ...NAME, firm: 'firm_3' }), Array(3).fill('matter_unknown'));
  for (const firm of ['.', '..', '', 'a/b', 'a\\b', '../firm_1', 'firm_1/', 'firm:1', 'firm_1.', '.firm_1', 'firm_1\0']) {
    if (/^[\w.:]+$/.test(firm) && !/^\.+$/.test(firm)) writeIntake(join(made, firm), 'm1', [document('a.pdf')]);
    assert.deepEqual(await refused(source, { ...NAME, firm }), Array(3).fill('intake_unreadable never'), firm);
  }
  symlinkSync('firm_1', join(made, 'firm_3'));
  assert.deepEqual(await refused(source, { ...NAME, firm: 'firm_3' }), Array(3).fill('intake_unreadable'));
  // One of the same name may stand on another disk.
  const elsewhere = folder(t);
  writeIntake(join(elsewhere, 'firm_4'), 'm1', [document('a.pdf')]);
  symlinkSync(join(elsewhere, 'firm_4'), join(made, 'firm_4'));
  await source.load('firm_4', 'm1');
});

test('a path names the firm once and as a whole folder, with more above and below', async (t) => {
  const openOver = (path) => sdk.Sdk.open(config('us'), { store: new sdk.MemoryStore(), intake: new FolderIntake(path) });
  for (const path of ['a/{firm}/{firm}', 'a/x{firm}', 'a/{firm}.d/b', '{firm}{firm}', '/{firm}/a{firm}']) {
    await assert.rejects(openOver(path), { code: 'setting_invalid', context: { setting: 'intake_folder', reason: 'firm_not_one_folder' } }, path);
    assert.deepEqual(await refused(new FolderIntake(path)), Array(3).fill('intake_unreadable never'), path);
  }
  for (const path of ['{firm}', 'a/{firm}', '/{firm}/b', 'a/{FIRM}', 'a/{firm', '']) await (await openOver(path)).close();
  const made = folder(t);
  writeIntake(join(made, 'a/firm_1/approved/b'), 'm1', [document('a.pdf')]);
  mkdirSync(join(made, 'a/firm_2'));
  const source = new FolderIntake(join(made, 'a/{firm}/approved/b'));
  await source.load('firm_1', 'm1');
  assert.deepEqual(await refused(source, { ...NAME, firm: 'firm_2' }), Array(3).fill('matter_unknown'));
});

test('a folder that is not there says nothing of its matters', async (t) => {
  for (const path of ['unmounted', 'unmounted/{firm}']) {
    assert.deepEqual(await refused(new FolderIntake(join(folder(t), path))), Array(3).fill('intake_unreadable'));
  }
});

test('a firm whose id is no file name everywhere is not tried again, one without a mounted folder is', async (t) => {
  const made = folder(t);
  for (const [path, firm, retry] of [['{firm}', 'firm:1', 'never'], ['unmounted', 'firm_1', 'retry']]) {
    const over = await opened(await clio(t), new sdk.MemoryStore(), join(made, path));
    const actor = { ...admin, firm };
    await connect(over, actor);
    const error = await over.firm(actor).matters.sync('m1').catch((thrown) => thrown);
    assert.deepEqual([error.code, error.retry], ['intake_unreadable', retry]);
    await over.close();
  }
});
