// `flat.mjs CLIO SYNCS`: what the process holds after a tenth, a half and all of so many syncs.
import { look } from './memory.mjs';
import { each, host } from './host.mjs';

const [url, syncs] = [process.argv[2], Number(process.argv[3])];
const { sync, close } = await host(url, () => 1000);
const looks = [];
let done = 0;
for (const until of [0.05, 0.1, 0.25, 0.5, 0.75, 1].map((share) => share * syncs)) {
  const from = done;
  await each(until - from, 4, (n) => sync(`m${from + n}`));
  done = until;
  looks.push({ syncs: done, ...(await look()) });
}
await close();
console.log(JSON.stringify(looks));
