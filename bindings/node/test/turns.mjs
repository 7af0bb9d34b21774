// `turns.mjs MS ENTRIES`: a call over a store that answers at once, each time after so many
// milliseconds, as JSON: how often it asked, and how often timers fired meanwhile.
import { admin, config, sdk } from './support.mjs';

const [ms, entries] = process.argv.slice(2).map(Number);
const store = new sdk.MemoryStore();
let reads = 0;
const busy = (work) => (asked) => {
  reads += 1;
  for (const end = performance.now() + ms; performance.now() < end; );
  return work(asked);
};
const slow = { get: busy((key) => store.get(key)), scan: busy((scan) => store.scan(scan)), commit: (writes) => store.commit(writes) };
const open = (over) => sdk.Sdk.open(config('us'), { store: over, intake: new sdk.FolderIntake('.') });

const writing = await open(store);
const { settings } = writing.firm(admin);
for (let n = 0; n < entries; n += 1) {
  await settings.change({ revision: (await settings.get()).revision, sync_when_created: n % 2 === 0 });
}
await writing.close();

const opened = await open(slow);
let turns = 0;
const turn = () => {
  turns += 1;
  next = setTimeout(turn, 0);
};
let next = setTimeout(turn, 0);
const verified = await opened.firm(admin).audit.verify();
clearTimeout(next);
console.log(JSON.stringify({ entries: verified.entries, reads, turns }));
await opened.close();
