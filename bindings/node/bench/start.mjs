// `start.mjs ENTRY`: milliseconds until an SDK is open, from the first line of the program on.
import { join } from 'node:path';

const began = performance.now();
const { MemoryStore, Sdk } = await import(join(process.env.CASEHUG_CLIO_NODE, 'dist', process.argv[2]));
const config = { clientId: 'id', clientSecret: 'secret', clioUrl: 'us', sealingKey: { id: 'k', key: '6f'.repeat(32) } };
const opened = await Sdk.open(config, { store: new MemoryStore(), intake: { load() {}, stat() {}, open() {} } });
const ms = performance.now() - began;
await opened.close();
console.log(JSON.stringify({ ms }));
