// What a TypeScript host writes; and what it must not be able to write.
import { createReadStream } from 'node:fs';
import { CasehugClioError, FolderIntake, HostError, MemoryStore, NodeHttp, PostgresStore, Sdk, ShardedStore, SqliteStore, environmentKey, every, openStore, readerOf } from '@casehug/clio-sync';
import type { Actor, Config, DocumentBytes, HttpTransport, IntakeSource, LogEntry, OutboxEvent, Scan, Store, StoredRecord, SyncReport, Write } from '@casehug/clio-sync';
import { Pool } from 'pg';
import { Sdk as Inline } from '@casehug/clio-sync/inline';

const store: Store = {
  get: () => null,
  scan: async (scan: Scan): Promise<StoredRecord[]> => (scan.limit > 0 ? [] : []),
  commit: (writes: Write[]) => (writes.length > 0 ? { status: 'conflict' } : { status: 'done', at: Date.now() }),
};
const config: Config = {
  clientId: 'id',
  clientSecret: 'secret',
  clioUrl: 'us',
  sealingKey: { id: 'k', key: '00' },
  log: (entry: LogEntry) => console.log(entry.level, entry.message),
};

export const stores = async (): Promise<Store[]> => [new MemoryStore(), await SqliteStore.open('a.db'), await PostgresStore.open(new Pool())];
export const several = async (): Promise<Store[]> => {
  const pool = (line: string) => new Pool({ connectionString: line });
  const [a, b] = [await openStore('shards:shards.json', { pool, password: process.env['DB_PASSWORD'] }), new MemoryStore()];
  // @ts-expect-error: nothing tells whether it has records of a firm
  await ShardedStore.open({ databases: { a, store }, others: 'a' });
  return [a, await ShardedStore.open({ databases: { a, b }, firms: { firm_1: 'b' }, others: 'a' })];
};
export const keyed: Config = { ...config, sealingKey: environmentKey('k1') };

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1);
}
export const streams: DocumentBytes[] = [
  { open: ({ matter, document }, offset) => createReadStream(`${matter}/${document}`, { start: offset }) },
  { open: async ({ document }, offset) => (await fetch(document, { headers: { range: `bytes=${offset}-` } })).body ?? [] },
  { open: () => new Blob(['text']).stream() },
  { open: (_document, offset) => readerOf(pieces(), offset) },
  { open: () => [new Uint8Array(1)] },
  { open: () => ({ read: (buffer) => buffer.fill(0).length }) },
  // @ts-expect-error: text has no bytes until somebody says in which encoding
  { open: () => 'text' },
  // @ts-expect-error: one array of bytes is a list of numbers
  { open: () => new Uint8Array(1) },
];

export async function host(intake: IntakeSource, http: HttpTransport): Promise<string> {
  const sdk = await Sdk.open(config, { store, intake, http });
  const folder = new FolderIntake('intake');
  const other: Inline = await Sdk.open(config, { store, intake: folder, http: new NodeHttp(folder) });
  const actor: Actor = { user: 'u', firm: 'f', role: 'admin' };
  try {
    const report: SyncReport = await sdk.firm(actor).matters.sync('mat_1');
    const calls: number = report.calls;
    const events: OutboxEvent[] = await sdk.host.nextEvents({ limit: 10, waitMs: 0 });
    for (const { event } of events) if (event.type === 'run_finished') console.log(event.matter, event.status, calls);
    for await (const run of every((after) => sdk.firm(actor).matters.runs({ limit: 10, after: after ?? null }))) console.log(run.matter);
    for await (const { event, ack } of sdk.events({ signal: AbortSignal.timeout(1000) })) console.log(event.type, await ack());
    await sdk.firm(actor).connection.get({ signal: AbortSignal.timeout(1000) });
    // @ts-expect-error: a role that does not exist
    sdk.firm({ user: 'u', firm: 'f', role: 'root' });
    // @ts-expect-error: two ids are never beside each other
    await sdk.host.ackEvent('f', 'id');
    // @ts-expect-error: only `Sdk.open` makes one
    new Sdk();
    // @ts-expect-error: results have types
    report.surprise;
    return report.status;
  } catch (error) {
    if (error instanceof HostError && error.retry === 'never') return error.code;
    if (error instanceof CasehugClioError) return error.kind;
    throw error;
  } finally {
    await Promise.all([sdk.close(), other.close()]);
  }
}
