"""A store of your own on `sqlite3`: copy it, and change what your database wants otherwise.

The SDK's own `sqlite:FILE` does the same without Python. Where a host keeps its own tables in SQLite, this
keeps the SDK's records beside them, through the one SQLite library that Python has loaded: two
libraries that open one file in one process destroy it.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import time
from collections.abc import Generator, Sequence
from typing import Any

from casehug_clio.ports import Check, Conflict, Delete, Done, Key, Put, Record, Scan, ScanIds, Write

SCHEMA = """
CREATE TABLE IF NOT EXISTS clio_records (
    firm TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
    version TEXT NOT NULL, due_at INTEGER, body TEXT NOT NULL,
    PRIMARY KEY (firm, collection, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS clio_records_due ON clio_records (collection, due_at) WHERE due_at IS NOT NULL;
"""
# For how long a process waits for another that writes.
_PATIENCE_SECONDS = 10
# What a column holds, less any clock.
_MOST = 2**62


class SqliteStore:
    """As many connections as are used at once, whatever threads come and go: SQLite's own locks
    keep them apart.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        with self._connection() as opened:
            opened.executescript(SCHEMA)

    @contextlib.contextmanager
    def _connection(self) -> Generator[sqlite3.Connection, None, None]:
        try:
            opened = self._idle.get_nowait()
        except queue.Empty:
            opened = _opened(self._path)
        try:
            yield opened
        finally:
            if opened.in_transaction:
                opened.execute("ROLLBACK")
            self._idle.put(opened)

    def close(self) -> None:
        """Closes what is idle: call it after the SDK's `close`."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def get(self, key: Key) -> Record | None:
        with self._connection() as opened:
            return _get(opened, key)

    def scan(self, scan: Scan) -> Sequence[Record]:
        values: list[str | int]
        if isinstance(scan, ScanIds):
            where = "firm = ? AND collection = ? AND id >= ?"
            values = [scan.firm, scan.collection, scan.first]
            if scan.until is not None:
                where += " AND id < ?"
                values.append(scan.until)
            where += " ORDER BY id DESC" if scan.descending else " ORDER BY id"
        else:
            where, values = "collection = ? AND due_at <= ?", [scan.collection, _now()]
            if scan.firm is not None:
                where += " AND firm = ?"
                values.append(scan.firm)
            where += " ORDER BY due_at"
        with self._connection() as opened:
            return _select(opened, f"{where} LIMIT ?", *values, scan.limit)

    def commit(self, writes: Sequence[Write]) -> Done | Conflict:
        with self._connection() as opened:
            # The one writer at a time, from here on. What does not come to COMMIT is rolled back.
            opened.execute("BEGIN IMMEDIATE")
            if not all(_holds(opened, write) for write in writes):
                return Conflict()
            now = _now()
            for write in writes:
                key = (write.key.firm, write.key.collection, write.key.id)
                if isinstance(write, Put):
                    due = None if write.due_in_ms is None else now + min(write.due_in_ms, _MOST)
                    row = (*key, write.version, due, write.body)
                    opened.execute(
                        "INSERT OR REPLACE INTO clio_records VALUES (?, ?, ?, ?, ?, ?)", row
                    )
                elif isinstance(write, Delete):
                    opened.execute(
                        "DELETE FROM clio_records WHERE firm = ? AND collection = ? AND id = ?", key
                    )
            opened.execute("COMMIT")
        return Done(now)


def _opened(path: str) -> sqlite3.Connection:
    # No transactions but those that are begun here. One thread at a time has it.
    opened = sqlite3.connect(
        path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _switch_to_wal(opened)
        # Done means durable.
        opened.execute("PRAGMA synchronous = FULL")
    except BaseException:
        opened.close()
        raise
    return opened


def _switch_to_wal(opened: sqlite3.Connection) -> None:
    """SQLite does not wait here as it does elsewhere: another process that opens the new file is
    enough for "locked".
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            (mode,) = opened.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.005)
            continue
        if mode != "wal":
            raise ValueError(f"journal mode {mode}: not a file on a local disk")
        return


def _holds(opened: sqlite3.Connection, write: Put | Delete | Check) -> bool:
    found = _get(opened, write.key)
    return (None if found is None else found.version) == write.expect


def _get(opened: sqlite3.Connection, key: Key) -> Record | None:
    where = "firm = ? AND collection = ? AND id = ?"
    found = _select(opened, where, key.firm, key.collection, key.id)
    return found[0] if found else None


def _select(opened: sqlite3.Connection, where: str, *values: Any) -> list[Record]:
    columns = "SELECT firm, collection, id, version, body, due_at FROM clio_records WHERE "
    # Read to its end: an open cursor keeps an old snapshot.
    rows = opened.execute(columns + where, values).fetchall()
    return [
        Record(Key(firm, collection, id), version, body, due)
        for firm, collection, id, version, body, due in rows
    ]


def _now() -> int:
    return time.time_ns() // 1_000_000
