/**
 * graphile-worker on the same server: so many jobs wait, each in a named queue of its own, as a
 * matter is one here; the task does nothing. Prints the jobs a second.
 *
 *     node graphile.mjs URL WAITING SECONDS
 */
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';

const [url, waiting, seconds] = process.argv.slice(2);
const utils = await makeWorkerUtils({ connectionString: url });
await utils.migrate();
await utils.release();
const pool = new pg.Pool({ connectionString: url });
await pool.query(
    "SELECT graphile_worker.add_job('nothing', json_build_object('n', n), 'queue_' || n) FROM generate_series(1, $1::int) n",
    [waiting],
);
let done = 0;
const runner = await run({
    connectionString: url,
    concurrency: 32,
    maxPoolSize: 32,
    logger: new Logger(() => (level, message) => void (level === 'error' && console.error(message))),
    taskList: { nothing: async () => void (done += 1) },
});
await new Promise((resolve) => setTimeout(resolve, 2_000));
const [before, began] = [done, performance.now()];
await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
console.log(Math.round(((done - before) / (performance.now() - began)) * 1_000));
await runner.stop();
await pool.end();
