"""A store of your own on `psycopg`: copy it, and change what your database wants otherwise.

The SDK's own `postgres://…` does the same without Python, and faster. This one is for hosts whose
connections (pooler, certificates, proxies) are theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from casehug_clio.ports import Conflict, Delete, Done, Key, Put, Record, Scan, ScanIds, Write

if TYPE_CHECKING:
    from typing_extensions import LiteralString

SCHEMA = """
CREATE TABLE IF NOT EXISTS clio_records (
    firm text COLLATE "C" NOT NULL, collection text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
    version text NOT NULL, due_at bigint, body text NOT NULL,
    PRIMARY KEY (firm, collection, id)
);
CREATE INDEX IF NOT EXISTS clio_records_due ON clio_records (collection, due_at) WHERE due_at IS NOT NULL;
"""
# What is told to be done is durable, and nobody is waited for without an end, whatever the database's
# defaults are.
_GUARDS = """
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'
UNION ALL SELECT set_config('lock_timeout', '10s', true) WHERE current_setting('lock_timeout') = '0'
"""
# The one clock of all processes: the database's.
_NOW = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
# What a column holds, less any clock.
_MOST = 2**62


class PostgresStore:
    """Takes what gives a connection for a moment: `pool.connection` of a `psycopg_pool.ConnectionPool`,
    whose connections have `prepare_threshold=None` where a pooler is in between.
    """

    def __init__(
        self, connection: Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
    ) -> None:
        self._connection = connection
        with connection() as opened, _begun(opened):
            # Two that create the same at once fail, `IF NOT EXISTS` or not.
            opened.execute("SELECT pg_advisory_xact_lock(hashtextextended('clio_records', 0))")
            opened.execute(SCHEMA)

    def get(self, key: Key) -> Record | None:
        found = self._select(
            "firm = %s AND collection = %s AND id = %s", key.firm, key.collection, key.id
        )
        return found[0] if found else None

    def scan(self, scan: Scan) -> Sequence[Record]:
        if isinstance(scan, ScanIds):
            where: LiteralString = "firm = %s AND collection = %s AND id >= %s"
            values = [scan.firm, scan.collection, scan.first]
            if scan.until is not None:
                where += " AND id < %s"
                values.append(scan.until)
            where += " ORDER BY id DESC" if scan.descending else " ORDER BY id"
        else:
            where, values = f"collection = %s AND due_at <= {_NOW}", [scan.collection]
            if scan.firm is not None:
                where += " AND firm = %s"
                values.append(scan.firm)
            where += " ORDER BY due_at"
        return self._select(f"{where} LIMIT %s", *values, scan.limit)

    def commit(self, writes: Sequence[Write]) -> Done | Conflict:
        # What is raised in here rolls back and goes on to the SDK: psycopg's commit() ends normally
        # after a statement's error that somebody caught, with nothing stored.
        done = False
        with self._connection() as opened, _begun(opened) as transaction:
            # A firm's commits one after the other: an absence has no row that could be locked.
            for firm in sorted({write.key.firm for write in writes}):
                opened.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [firm])
            row = opened.execute(f"SELECT {_NOW}").fetchone()
            assert row is not None
            now = int(row[0])
            for write in writes:
                key = [write.key.firm, write.key.collection, write.key.id]
                where = "firm = %s AND collection = %s AND id = %s"
                found = opened.execute(
                    f"SELECT version FROM clio_records WHERE {where}", key
                ).fetchone()
                if (None if found is None else found[0]) != write.expect:
                    raise psycopg.Rollback(transaction)
                if isinstance(write, Delete):
                    opened.execute(f"DELETE FROM clio_records WHERE {where}", key)
                elif isinstance(write, Put):
                    due = None if write.due_in_ms is None else now + min(write.due_in_ms, _MOST)
                    opened.execute(
                        "INSERT INTO clio_records VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (firm, collection, id)"
                        " DO UPDATE SET version = excluded.version, due_at = excluded.due_at, body = excluded.body",
                        [*key, write.version, due, write.body],
                    )
            done = True
        return Done(now) if done else Conflict()

    def _select(self, where: LiteralString, *values: Any) -> list[Record]:
        columns = "SELECT firm, collection, id, version, body, due_at FROM clio_records WHERE "
        with self._connection() as opened:
            rows = opened.execute(columns + where, values).fetchall()
        return [
            Record(Key(firm, collection, id), version, body, due)
            for firm, collection, id, version, body, due in rows
        ]


@contextmanager
def _begun(opened: psycopg.Connection[Any]) -> Generator[psycopg.Transaction, None, None]:
    # In a transaction that somebody left open, ours would be a savepoint, and go with it.
    if opened.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
        raise RuntimeError("the connection is in a transaction")
    with opened.transaction() as transaction:
        # What is there is looked at after the wait for others. At a stricter level, which may be
        # the database's default, it is what was there before the wait.
        opened.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        opened.execute(_GUARDS)
        yield transaction
