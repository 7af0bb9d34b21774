// A panic while much is in progress: everybody hears of it, and a fresh instance goes on with it.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';

import { FileStore } from './file-store.mjs';
import { admin, clio, connect, folder, holds, open, testing } from './support.mjs';

const { engine, sdk } = await testing();

const MATTERS = 24;
const AT_ONCE = 8;
const names = Array.from({ length: MATTERS }, (_, number) => `mat_${number}`);

function intakes(t) {
  const made = folder(t);
  for (const matter of names) {
    mkdirSync(join(made, matter));
    writeFileSync(join(made, matter, 'a.txt'), matter);
    const documents = [{ id: 'doc_1', file_name: 'a.txt', content_type: 'text/plain', path: 'a.txt', status: 'approved', origin: 'client_upload' }];
    const client = { id: `cli_${matter}`, first_name: 'Ada', last_name: matter, email: `${matter}@example.com` };
    writeFileSync(join(made, matter, 'intake.json'), JSON.stringify({ matter: { id: matter, title: matter }, client, documents }));
  }
  return made;
}

/** A transport that panics the module at its so-many-th request, which has reached Clio by then. */
function panicking(intake, at) {
  const http = new sdk.NodeHttp(intake);
  let requests = 0;
  const send = async (request, signal) => {
    const answer = await http.send(request, signal);
    requests += 1;
    if (requests === at) (await engine()).run((bindings) => bindings.panicLater()).catch(() => {});
    return answer;
  };
  return { send };
}

test('panics under load: each call ends with a typed error, and what a fresh instance makes is made once', async (t) => {
  const url = await clio(t, { rate_limit: 100_000 });
  const made = intakes(t);
  const path = join(folder(t), 'store.jsonl');
  const intake = new sdk.FolderIntake(made);
  let days = 0;
  /** Each instance comes long after the one before, whose leases have ended. */
  const over = (http) => {
    const store = new FileStore(path);
    store.ahead = (days += 1) * 86_400_000;
    return open(url, store, made, { ports: { http } }, sdk);
  };
  const first = await over(new sdk.NodeHttp(intake));
  await connect(first);
  await first.close();
  let panicked = 0;
  for (const at of [7, 23, 41]) {
    const opened = await over(panicking(intake, at));
    const left = [...names];
    const work = async () => {
      for (let matter = left.shift(); matter !== undefined; matter = left.shift()) {
        const ended = await opened.firm(admin).matters.sync(matter).catch((error) => error);
        const typed = ended instanceof sdk.InternalError && ended.code === 'panic';
        assert.ok(typed || ended.status === 'succeeded', inspect(ended));
        if (typed) panicked += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await opened.close();
  }
  assert.ok(panicked >= 3 * AT_ONCE, `${panicked} calls ended with the panic`);
  const last = await over(new sdk.NodeHttp(intake));
  for (const matter of names) {
    const report = await last.firm(admin).matters.sync(matter);
    assert.equal(report.status, 'succeeded', inspect(report));
  }
  await last.close();
  const state = await holds(url);
  for (const kind of ['contacts', 'matters', 'documents']) assert.equal(state[kind].length, MATTERS, kind);
});
