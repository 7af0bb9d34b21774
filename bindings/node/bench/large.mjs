// `large.mjs CLIO MIB`: what a document of so many MiB takes more than one of a MiB.
import { look, peak } from './memory.mjs';
import { host } from './host.mjs';

const MIB = 1024 * 1024;
const [url, mib] = [process.argv[2], Number(process.argv[3])];
let most = 0;
const { sync, close } = await host(url, (matter) => (matter === 'large' ? mib * MIB : MIB));
for (let n = 0; n < 5; n += 1) await sync(`small${n}`);
const before = { ...(await look()), peak: peak() };
const began = performance.now();
const watch = setInterval(async () => (most = Math.max(most, (await look()).reachable)), 200);
await sync('large');
const seconds = (performance.now() - began) / 1000;
clearInterval(watch);
const after = await look();
await close();
const grown = { reachable: Math.max(most, after.reachable) - before.reachable, process: peak() - before.peak, module: after.module - before.module };
console.log(JSON.stringify({ ...grown, seconds }));
