// `flat.mjs CLIO SYNCS`: what the process holds after some and all of so many syncs. Fails when
// that grew after the first tenth of them: by 10,000 syncs, more than 233 bytes with each.
import { look } from './memory.mjs';
import { each, host } from './host.mjs';

const MIB = 1024 * 1024;
/** By how much each may grow, in bytes. */
const MOST_GROWTH = { reachable: 2 * MIB, module: MIB / 4 };

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

const [tenth, all] = [looks.find((look) => look.syncs === 0.1 * syncs), looks.at(-1)];
const grown = Object.keys(MOST_GROWTH).filter((name) => all[name] - tenth[name] > MOST_GROWTH[name]);
// Whoever reads the table finds none.
if (grown.length > 0) throw new Error(`${grown} grew: ${JSON.stringify(looks)}`);
console.log(JSON.stringify(looks));
