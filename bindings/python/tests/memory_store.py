"""A store in memory, and stores that break one promise each, with the case that must find it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from casehug_clio.ports import Check, Conflict, Delete, Done, Key, Put, Record, Scan, ScanIds, Write


class MemoryStore:
    """Nothing survives the process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._all: dict[Key, Record] = {}

    def get(self, key: Key) -> Record | None:
        with self._lock:
            return self._all.get(key)

    def scan(self, scan: Scan) -> Sequence[Record]:
        with self._lock:
            found = [
                record
                for record in self._all.values()
                if record.key.collection == scan.collection and scan.firm in (None, record.key.firm)
            ]
        if isinstance(scan, ScanIds):
            first, until = scan.first.encode(), None if scan.until is None else scan.until.encode()
            found = [
                record
                for record in found
                if record.key.id.encode() >= first
                and (until is None or record.key.id.encode() < until)
            ]
            found.sort(key=lambda record: record.key.id.encode(), reverse=scan.descending)
        else:
            due = [(record.due_at_ms, record) for record in found if record.due_at_ms is not None]
            found = [record for at, record in sorted(due, key=lambda pair: pair[0]) if at <= now()]
        return found[: scan.limit]

    def commit(self, writes: Sequence[Write]) -> Done | Conflict:
        with self._lock:
            for write in writes:
                known = self._all.get(write.key)
                if (None if known is None else known.version) != write.expect:
                    return Conflict()
            at = now()
            for write in writes:
                if isinstance(write, Put):
                    due = None if write.due_in_ms is None else min(at + write.due_in_ms, 2**62)
                    self._all[write.key] = Record(write.key, write.version, write.body, due)
                elif isinstance(write, Delete):
                    del self._all[write.key]
            return Done(at)


def now() -> int:
    return time.time_ns() // 1_000_000


def changed(change: Callable[[Write, MemoryStore], Write | None]) -> type[MemoryStore]:
    """A store whose commits are changed before."""

    class Changed(MemoryStore):
        def commit(self, writes: Sequence[Write]) -> Done | Conflict:
            with self._lock:
                return super().commit(
                    [new for write in writes if (new := change(write, self)) is not None]
                )

    return Changed


def there(write: Write, store: MemoryStore) -> Write:
    """Expects what is there."""
    found = store.get(write.key)
    if isinstance(write, Delete):
        return write if found is None else replace(write, expect=found.version)
    return replace(write, expect=None if found is None else found.version)


class EntryByEntry(MemoryStore):
    def commit(self, writes: Sequence[Write]) -> Done | Conflict:
        answer = super().commit([])
        for write in writes:
            if isinstance(answer, Done):
                answer = super().commit([write])
        return answer


class Utf16Order(MemoryStore):
    def scan(self, scan: Scan) -> Sequence[Record]:
        found = list(super().scan(scan))
        if isinstance(scan, ScanIds):
            found.sort(
                key=lambda record: record.key.id.encode("utf-16-be"), reverse=scan.descending
            )
        return found


class WithItsEnd(MemoryStore):
    def scan(self, scan: Scan) -> Sequence[Record]:
        until = isinstance(scan, ScanIds) and scan.until
        return super().scan(
            replace(scan, until=f"{scan.until}\0") if isinstance(scan, ScanIds) and until else scan
        )


class OneFirm(MemoryStore):
    def get(self, key: Key) -> Record | None:
        return super().get(replace(key, firm="one"))

    def commit(self, writes: Sequence[Write]) -> Done | Conflict:
        return super().commit(
            [replace(write, key=replace(write.key, firm="one")) for write in writes]
        )


def put(change: Callable[[Put], Put]) -> type[MemoryStore]:
    return changed(lambda write, _: change(write) if isinstance(write, Put) else write)


WRONG: dict[str, tuple[str, type[MemoryStore]]] = {
    "takes any version": (
        "put_over_a_version_needs_exactly_that_version",
        changed(lambda write, store: there(write, store) if write.expect is not None else write),
    ),
    "overwrites what should have been absent": (
        "put_absent_conflicts_with_a_record",
        changed(lambda write, store: there(write, store) if write.expect is None else write),
    ),
    "does not look at checks": (
        "checks_write_nothing_and_stop_a_commit_that_does_not_hold",
        changed(lambda write, _: None if isinstance(write, Check) else write),
    ),
    "commits entry by entry": ("a_conflict_in_the_last_entry_undoes_all_before_it", EntryByEntry),
    "forgets deletions": (
        "delete_needs_the_version_and_removes",
        changed(
            lambda write, _: Check(write.key, write.expect) if isinstance(write, Delete) else write
        ),
    ),
    "trims its texts": (
        "bodies_come_back_byte_for_byte",
        put(lambda write: replace(write, body=write.body.strip())),
    ),
    "orders ids by UTF-16": ("ids_are_ordered_by_their_bytes", Utf16Order),
    "gives the end of a range too": (
        "a_range_includes_its_beginning_and_excludes_its_end",
        WithItsEnd,
    ),
    "calls all due that has a time": (
        "due_records_come_earliest_first_and_only_when_due",
        put(lambda write: replace(write, due_in_ms=0) if write.due_in_ms else write),
    ),
    "takes due times for times since 1970": (
        "due_is_the_time_of_the_commit_plus_due_in",
        put(
            lambda write: (
                write
                if write.due_in_ms is None
                else replace(write, due_in_ms=write.due_in_ms - now())
            )
        ),
    ),
    "mixes firms": ("firms_are_isolated", OneFirm),
}
