// Which database the SDK keeps its records in, read from one line, as in every other language, but
// for PostgreSQL on several hosts: pg takes one.
import { readFile } from 'node:fs/promises';

import { PostgresStore } from './postgres-store.mjs';
import { placed, ShardedStore } from './sharded-store.mjs';
import { SqliteStore } from './sqlite-store.mjs';
import { settingRefused } from './store-errors.mjs';

const SHARDS = 'shards:';
/** A comma behind the user, before the database; or in the parameter `host`. */
const SEVERAL_HOSTS = /^[a-z]+:\/\/[^/?#]*,[^/?#@]*(?:[/?#]|$)|[?&]host=[^&#]*(?:,|%2c)/i;

/**
 * Opens what the line names: `sqlite:FILE`, a plain `FILE`, `postgres://…` or `shards:FILE`.
 */
export async function openStore(line, options = {}) {
  const file = line.startsWith(SHARDS) ? line.slice(SHARDS.length) : '';
  return file === '' ? openOne(line, options) : openShards(file, options);
}

async function openOne(line, { pool, password, betterSqlite3 }) {
  if (/^postgres(ql)?:\/\//.test(line)) {
    if (pool === undefined) throw await settingRefused('not_built_in');
    // Each language but this one tries them in turn. pg takes all of it for one name.
    if (SEVERAL_HOSTS.test(line)) throw await settingRefused('several_hosts');
    return openPool(pool(withPassword(line, password)));
  }
  const file = line.startsWith('sqlite:') ? line.slice('sqlite:'.length) : line;
  if (file === '') throw await settingRefused('empty');
  if (file.includes('://')) throw await settingRefused('unknown_scheme');
  return SqliteStore.open(file, { betterSqlite3 });
}

/** The store on a pool that was made for it, and that ends with it. */
async function openPool(pool) {
  let store;
  try {
    store = await PostgresStore.open(pool);
  } catch (error) {
    await pool.end();
    throw error;
  }
  const close = store.close.bind(store);
  let ended;
  store.close = async () => {
    await close();
    await (ended ??= pool.end());
  };
  return store;
}

/** Sets the password of a user whose line holds none. */
function withPassword(line, password) {
  if (!password) return line;
  return line.replace(/^([a-z]+:\/\/[^:@/?#]+)@/, (_, before) => `${before}:${encodeURIComponent(password)}@`);
}

async function openShards(file, options) {
  const { databases, firms, others } = await read(file);
  const places = await placed(Object.keys(databases), firms, others);
  const opened = new Map();
  try {
    for (const [name, line] of Object.entries(databases)) {
      if (line.startsWith(SHARDS) && line !== SHARDS) throw await settingRefused('shards_in_shards');
      opened.set(name, await openOne(line, options));
    }
  } catch (error) {
    await Promise.allSettled([...opened.values()].map((store) => store.close()));
    throw error;
  }
  return new ShardedStore(Object.fromEntries(opened), places.firms, places.others);
}

async function read(file) {
  let bytes;
  try {
    bytes = await readFile(file);
  } catch {
    throw await settingRefused('shards_unreadable');
  }
  let plan;
  try {
    plan = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw await settingRefused('shards_not_valid');
  }
  if (!isPlan(plan)) throw await settingRefused('shards_not_valid');
  return { firms: {}, ...plan };
}

function isPlan(plan) {
  if (!isMap(plan)) return false;
  const { databases, firms = {}, others, ...unknown } = plan;
  const areTexts = (map) => isMap(map) && Object.values(map).every((value) => typeof value === 'string');
  return areTexts(databases) && areTexts(firms) && typeof others === 'string' && Object.keys(unknown).length === 0;
}

const isMap = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
