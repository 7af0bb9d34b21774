// `sqlite-reader.mjs FILE NAME…`: the bodies of these records of `sqlite-writer.mjs`, as JSON.
import { sdk } from './support.mjs';

const [path, ...names] = process.argv.slice(2);
const store = await sdk.SqliteStore.open(path);
const found = await Promise.all(names.map((id) => store.get({ firm: 'firm_1', collection: 'counter', id })));
await store.close();
console.log(JSON.stringify(found.map((record) => record?.body)));
