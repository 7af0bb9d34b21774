// `syncs.mjs CLIO MATTERS AT_ONCE`: how many syncs a second, and the processor's time for one.
import { each, host } from './host.mjs';

const [url, matters, atOnce] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const { sync, close } = await host(url, () => 10_000);
// The first ones warm up.
await each(matters / 10, atOnce, (n) => sync(`w${n}`));
const [began, before] = [performance.now(), process.cpuUsage()];
await each(matters, atOnce, (n) => sync(`m${n}`));
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
await close();
console.log(JSON.stringify({ per_second: matters / seconds, processor_ms: (user + system) / 1000 / matters }));
