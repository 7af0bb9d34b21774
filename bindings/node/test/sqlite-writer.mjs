// `sqlite-writer.mjs FILE COUNT NAME`: counts up one record that all processes share, so many
// times, and after each time notes that in a record of its own. Prints how often others were first.
//
// `BETTER_SQLITE3`: the folder of that package, to be used instead of the runtime's own SQLite.
import { createRequire } from 'node:module';

import { sdk } from './support.mjs';

const [path, count, name] = process.argv.slice(2);
const given = process.env.BETTER_SQLITE3;
const options = given === undefined ? {} : { betterSqlite3: createRequire(import.meta.url)(given) };
const store = await sdk.SqliteStore.open(path, options);
const shared = { firm: 'firm_1', collection: 'counter', id: 'shared' };
const own = { ...shared, id: name };
const put = (key, known, body) => ({ ...key, kind: 'put', expect: known?.version ?? null, version: `${name}/${body}`, dueInMs: null, body });

let conflicts = 0;
for (let number = 1; number <= Number(count); ) {
  const [all, mine] = [await store.get(shared), await store.get(own)];
  const next = Number(all?.body ?? 0) + 1;
  const { status } = await store.commit([put(shared, all, String(next)), put(own, mine, String(number))]);
  if (status === 'done') number += 1;
  else conflicts += 1;
}
await store.close();
console.log(JSON.stringify({ conflicts }));
