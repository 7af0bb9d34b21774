// The agent of `tests/golden/README.md` for Node: replays golden scenarios through the package.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { root, sdk } from './support.mjs';
import { FileStore } from './file-store.mjs';

const { operations } = JSON.parse(readFileSync(join(root, 'api/operations.json'), 'utf8'));
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const bytes = (hex) => Buffer.from(hex, 'hex');
const given = (name) => process.env[`GOLDEN_${name}`];

/** An answer as one line: 1 and the result, or the error's number and the error. */
async function answer(work) {
  try {
    const result = await work();
    console.log(`1\t${JSON.stringify(result === undefined ? {} : result)}`);
    return true;
  } catch (error) {
    if (!(error instanceof sdk.CasehugClioError)) throw error;
    const { message, retryAfterMs, ...fields } = error;
    console.log(`${error.number}\t${JSON.stringify({ ...fields, message: error.message, retry_after_ms: retryAfterMs })}`);
    return false;
  }
}

/** Through the method of the operation; by its name if no method can be called like that. */
async function call(opened, name, who, json) {
  const operation = operations.find((known) => known.name === name);
  const [user, firm, role] = who.split(' ');
  const actor = who === '-' ? 'host' : { user, firm, role };
  const args = JSON.parse(json);
  const declared = operation?.arguments.map((argument) => argument.name) ?? [];
  const fits = operation !== undefined && (operation.group === 'host') === (who === '-') && Object.keys(args).every((key) => declared.includes(key));
  if (!fits) return opened.call(actor, name, args);
  const face = who === '-' ? opened.host : opened.firm(actor)[camel(operation.group)];
  const values = Object.fromEntries(Object.entries(args).map(([key, value]) => [camel(key), value]));
  const method = camel(operation.method);
  const several = operation.arguments.length > 1;
  const parameters = several ? [values] : operation.arguments.map((argument) => args[argument.name]);
  return face[method](...parameters);
}

const seconds = (name) => Number(given(name));
const intake = new sdk.FolderIntake(given('INTAKES'));
// The store of a crashed process is opened by the next one; Node 20 has no SQLite of its own.
const store = process.getBuiltinModule?.('node:sqlite') === undefined && process.versions.bun === undefined ? new FileStore(given('STORE')) : await sdk.SqliteStore.open(given('STORE'));
const earlier = given('EARLIER_SEALING_KEY_ID') || undefined;
let opened;
const began = await answer(async () => {
  opened = await sdk.Sdk.open(
    {
      clientId: given('CLIENT_ID'),
      clientSecret: given('CLIENT_SECRET'),
      clioUrl: given('CLIO_URL'),
      sealingKey: sdk.environmentKey(given('SEALING_KEY_ID'), 'GOLDEN_SEALING_KEY', earlier && { [earlier]: 'GOLDEN_EARLIER_SEALING_KEY' }),
      lateExecutionWindowSeconds: seconds('LATE_EXECUTION_WINDOW_SECONDS'),
      indexDelaySeconds: seconds('INDEX_DELAY_SECONDS'),
      requestTimeoutSeconds: seconds('REQUEST_TIMEOUT_SECONDS'),
      ...(given('WEBHOOK_URL') && { webhookUrl: given('WEBHOOK_URL') }),
    },
    { store, intake },
  );
});
if (!began) process.exit(0);

let worker;
for await (const line of createInterface({ input: process.stdin })) {
  const [what, ...fields] = line.split('\t');
  if (what === 'call') await answer(async () => (await call(opened, ...fields)) ?? (nullable(fields[0]) ? null : {}));
  if (what === 'webhook') {
    const [token, body, ...headers] = fields.map(bytes);
    await answer(() => opened.handleWebhook(token.toString(), headers.map(String), body));
  }
  if (what === 'worker') {
    await answer(async () => {
      if (fields[0] === 'start') worker = opened.startWorker({ pollSeconds: 0.1 });
      else await worker.stop();
    });
  }
  if (what === 'close') {
    await answer(() => opened.close());
    break;
  }
}
process.exit(0);

function nullable(name) {
  return operations.find((known) => known.name === name).result.optional !== undefined;
}
