// Every operation once, through its generated method: its result is of the declared shape, or its
// error one that is declared. The table is `api/operations.json`; an operation that is new there is
// called here with arguments made from their shapes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';

import { FileStore } from './file-store.mjs';
import { admin, clio, connect, folder, open, root, sdk } from './support.mjs';

const api = JSON.parse(readFileSync(join(root, 'api/operations.json'), 'utf8'));
const examples = join(root, 'examples/intake');
/** What must not be called before the others. */
const LAST = ['disconnect'];

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** Where the shapes alone give nothing that succeeds: arguments, from what the firm has. */
const ARGUMENTS = {
  begin_connect: () => ({ redirect_uri: 'http://127.0.0.1:9/callback' }),
  begin_separate_connect: () => ({ redirect_uri: 'http://127.0.0.1:9/callback' }),
  finish_connect: async ({ firm }) => {
    const { authorize_url: page } = await firm.connection.begin('http://127.0.0.1:9/callback');
    const answer = await fetch(page, { redirect: 'manual' });
    return { callback_query: new URL(answer.headers.get('location')).search.slice(1) };
  },
  save_settings: async ({ firm }) => ({ settings: await firm.settings.get() }),
  change_settings: async ({ firm }) => ({ change: { revision: (await firm.settings.get()).revision, contact_review: true } }),
  import_settings: ({ firm }) => firm.settings.export(),
  pause_backfill: async ({ firm }) => ({ id: (await firm.backfills.list())[0].id }),
  resume_backfill: async ({ firm }) => ({ id: (await firm.backfills.list())[0].id }),
  cancel_backfill: async ({ firm }) => ({ id: (await firm.backfills.list())[0].id }),
  next_events: () => ({ firm: null, limit: 10, wait_ms: 0 }),
  prune_runs: () => ({ before: '2020-01-01T00:00:00Z' }),
  prune_audit: () => ({ before: '2020-01-01T00:00:00Z' }),
};

/** What cannot succeed here: there is nothing of the kind, or the firm is in another state. */
const REFUSED = {
  begin_separate_connect: 'disconnect_first',
  forget_lost_keys: 'key_opens',
  retry_run: 'record_unknown',
  resolve_review: 'record_unknown',
  accept_contact_proposal: 'record_unknown',
  reject_contact_proposal: 'record_unknown',
};

/** A value of this shape. */
function sample(shape, name) {
  if (shape === 'unit') return {};
  if (shape === 'boolean') return true;
  if (shape === 'integer') return 1;
  if (shape === 'milliseconds') return 0;
  if (shape === 'casehug_id') return name.startsWith('firm') ? admin.firm : 'mat_0001';
  if (shape === 'clio_id') return '1';
  if (shape === 'time') return new Date().toISOString();
  if (shape === 'string') return 'none';
  if (shape.array) return [sample(shape.array, name)];
  if (shape.map) return {};
  if (shape.optional) return null;
  const type = api.types[shape.named];
  if (type.kind === 'enum') return type.values[0].name;
  const [variant] = type.kind === 'union' ? type.variants : [type];
  const tag = type.kind === 'union' ? { [type.tag]: variant.name } : {};
  return { ...tag, ...samples(variant.fields) };
}

const samples = (fields) =>
  Object.fromEntries(fields.filter(({ required }) => required).map(({ name, shape }) => [name, sample(shape, name)]));

const PLAIN = {
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isSafeInteger,
  milliseconds: Number.isSafeInteger,
  string: (value) => typeof value === 'string',
  casehug_id: (value) => /^[\w\-.:]{1,128}$/.test(value),
  clio_id: (value) => /^\d+$/.test(value),
  time: (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
};

/** Whether a value is of this shape, and holds nothing that is not declared. */
function check(value, shape, path) {
  const wrong = () => `${path}: ${inspect(shape)} was declared, and is ${inspect(value)}`;
  if (typeof shape === 'string') return assert.ok(PLAIN[shape](value), wrong());
  if (shape.optional) return value === null || check(value, shape.optional, path);
  if (shape.array) return value.forEach((item, index) => check(item, shape.array, `${path}[${index}]`));
  if (shape.map) return Object.entries(value).forEach(([key, item]) => check(item, shape.map, `${path}.${key}`));
  const type = api.types[shape.named];
  if (type.kind === 'enum') return assert.ok(type.values.some(({ name }) => name === value), wrong());
  const variant = type.kind === 'union' ? type.variants.find(({ name }) => name === value[type.tag]) : type;
  assert.ok(variant, wrong());
  const fields = new Map(variant.fields.map((field) => [field.name, field]));
  for (const key of Object.keys(value)) assert.ok(fields.has(key) || key === type.tag, `${path}.${key} is not declared`);
  for (const { name, shape: of, required } of fields.values()) {
    if (value[name] === undefined || (value[name] === null && !required)) assert.ok(!required, `${path}.${name} is missing`);
    else check(value[name], of, `${path}.${name}`);
  }
}

async function call(opened, operation) {
  const { name, group, method } = operation;
  const firm = opened.firm(admin);
  const values = { ...samples(operation.arguments), ...(await ARGUMENTS[name]?.({ firm, opened })) };
  const handle = group === 'host' ? opened.host : firm[camel(group)];
  const named = Object.fromEntries(Object.entries(values).map(([key, value]) => [camel(key), value]));
  const passed = operation.arguments.length > 1 ? [named] : operation.arguments.map(({ name: key }) => values[key]);
  return handle[camel(method)](...passed);
}

test('every operation gives what is declared', async (t) => {
  const url = await clio(t);
  const opened = await open(url, new FileStore(join(folder(t), 'store.jsonl')), examples);
  await connect(opened);
  await opened.firm(admin).matters.sync('mat_0001');
  await opened.firm(admin).backfills.start(['mat_0003']);
  await opened.runDue();
  const leased = await opened.host.nextEvents({ limit: 10, waitMs: 1000 });
  check(leased, { array: { named: 'OutboxEvent' } }, 'leased');
  const { firm, id } = leased.find((event) => event.id);
  ARGUMENTS.ack_event = () => ({ firm, id });
  const order = [...api.operations].sort((one, other) => LAST.indexOf(one.name) - LAST.indexOf(other.name));
  const ended = { succeeded: [], refused: [] };
  for (const operation of order) {
    await t.test(operation.name, async () => {
      try {
        const result = await call(opened, operation);
        assert.ok(!REFUSED[operation.name], `${REFUSED[operation.name]} was expected, not ${inspect(result)}`);
        if (operation.result === 'unit') assert.equal(result, undefined);
        else check(result, operation.result, operation.name);
        ended.succeeded.push(operation.name);
      } catch (error) {
        if (!(error instanceof sdk.CasehugClioError)) throw error;
        // Arguments that are made up may be refused as such, in a way that the row declares.
        assert.ok(error instanceof sdk.InputError || operation.name in REFUSED, inspect(error));
        assert.ok(operation.errors.includes(error.code), `${error.code} is not declared`);
        assert.equal(error.code, REFUSED[operation.name] ?? error.code);
        ended.refused.push(`${operation.name}: ${error.code}`);
      }
    });
  }
  t.diagnostic(`${ended.succeeded.length} succeeded; ${ended.refused.join(', ')}`);
  assert.equal(ended.succeeded.length + ended.refused.length, api.operations.length);
  await opened.close();
});

test('the methods, the errors and the classes are those of the table', () => {
  const classOf = (group) => (group === 'host' ? sdk.Host : sdk[`${group[0].toUpperCase()}${camel(group).slice(1)}Operations`]);
  const made = [...new Set(api.operations.map(({ group }) => group))].flatMap((group) =>
    Object.getOwnPropertyNames(classOf(group).prototype).filter((name) => name !== 'constructor').map((name) => `${group}.${name}`),
  );
  assert.deepEqual(made, api.operations.map(({ group, method }) => `${group}.${camel(method)}`));
  for (const kind of new Set(api.errors.map((error) => error.kind))) {
    const name = `${kind[0].toUpperCase()}${camel(kind).slice(1)}Error`;
    assert.ok(Object.getPrototypeOf(sdk[name]) === sdk.CasehugClioError, name);
  }
});
