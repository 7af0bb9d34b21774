"""Between the host's objects and the library's traits.

Whatever ends a host's method, `KeyboardInterrupt` and `SystemExit` included, ends here: what the
generated code does not catch would reach the library as success with an empty value.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from . import ports
from ._load import native

_T = TypeVar("_T")
_LOG = logging.getLogger("casehug_clio.ports")
_MOST = 2**63 - 1


def guarded(name: str, work: Callable[[], _T]) -> _T:
    """Does the work of a host's method."""
    try:
        return work()
    except ports.NotFound:
        raise native.HostFailure.Missing() from None
    except BaseException as error:
        # The name of a class quotes nobody; the text could.
        _LOG.error("%s raised %s", name, type(error).__qualname__)
        raise native.HostFailure.Failed() from None


def _bytes(value: object) -> bytes:
    """Refuses a number, of which `bytes` would make that many zeros."""
    return memoryview(value).tobytes()  # type: ignore[arg-type]


def _key(key: native.StoreKey) -> ports.Key:
    return ports.Key(key.firm, key.collection, key.id)


def _record(record: ports.Record) -> native.StoreRecord:
    key = native.StoreKey(firm=record.key.firm, collection=record.key.collection, id=record.key.id)
    due = record.due_at_ms
    return native.StoreRecord(key=key, version=record.version, due_at_ms=due, body=record.body)


def _scan(scan: native.StoreScan.IDS | native.StoreScan.DUE) -> ports.Scan:
    if isinstance(scan, native.StoreScan.DUE):
        return ports.ScanDue(scan.firm, scan.collection, min(scan.limit, _MOST))
    limit = min(scan.limit, _MOST)
    return ports.ScanIds(scan.firm, scan.collection, scan.first, scan.until, scan.descending, limit)


def _write(
    write: native.StoreWrite.PUT | native.StoreWrite.DELETE | native.StoreWrite.CHECK,
) -> ports.Write:
    if isinstance(write, native.StoreWrite.PUT):
        return ports.Put(_key(write.key), write.expect, write.version, write.due_in_ms, write.body)
    if isinstance(write, native.StoreWrite.DELETE):
        return ports.Delete(_key(write.key), write.expect)
    return ports.Check(_key(write.key), write.expect)


class StoreTrait(native.HostStore):
    """A host's store, as the library calls it."""

    def __init__(self, store: ports.Store) -> None:
        self._store = store

    def get(self, key: native.StoreKey) -> native.FoundRecord:
        def work() -> native.FoundRecord:
            found = self._store.get(_key(key))
            return native.FoundRecord(record=None if found is None else _record(found))

        return guarded("Store.get", work)

    def scan(self, scan: native.StoreScan.IDS | native.StoreScan.DUE) -> native.FoundRecords:
        def work() -> native.FoundRecords:
            return native.FoundRecords(
                records=[_record(found) for found in self._store.scan(_scan(scan))]
            )

        return guarded("Store.scan", work)

    def commit(
        self,
        writes: list[native.StoreWrite.PUT | native.StoreWrite.DELETE | native.StoreWrite.CHECK],
    ) -> native.CommitAnswer.DONE | native.CommitAnswer.CONFLICT:
        def work() -> native.CommitAnswer.DONE | native.CommitAnswer.CONFLICT:
            answer = self._store.commit([_write(write) for write in writes])
            if isinstance(answer, ports.Done):
                return native.CommitAnswer.DONE(now_ms=answer.now_ms)
            if isinstance(answer, ports.Conflict):  # pyright: ignore[reportUnnecessaryIsInstance]
                return native.CommitAnswer.CONFLICT()
            raise TypeError("commit answers Done or Conflict")

        return guarded("Store.commit", work)


class TokensTrait(native.HostTokens):
    """A host's vault, as the library calls it."""

    def __init__(self, tokens: ports.Tokens) -> None:
        self._tokens = tokens

    def load(self, firm: str, connection: str) -> native.FoundEnvelope:
        def work() -> native.FoundEnvelope:
            found = self._tokens.load(firm, connection)
            if found is None:
                return native.FoundEnvelope(envelope=None)
            return native.FoundEnvelope(
                envelope=native.Envelope(version=found.version, envelope=found.envelope)
            )

        return guarded("Tokens.load", work)

    def compare_and_swap(
        self, firm: str, connection: str, expected: str | None, sealed: native.Envelope
    ) -> native.SwapAnswer:
        def work() -> native.SwapAnswer:
            new = ports.SealedTokens(sealed.version, sealed.envelope)
            done: object = self._tokens.compare_and_swap(firm, connection, expected, new)
            if done is True:
                return native.SwapAnswer.DONE
            if done is False:
                return native.SwapAnswer.CONFLICT
            raise TypeError("compare_and_swap answers True or False")

        return guarded("Tokens.compare_and_swap", work)

    def remove(self, firm: str, connection: str) -> native.EnvelopeRemoved:
        def work() -> native.EnvelopeRemoved:
            self._tokens.delete(firm, connection)
            return native.EnvelopeRemoved(removed=True)

        return guarded("Tokens.delete", work)


class KeysTrait(native.HostKeys):
    """A host's keys, as the library calls them."""

    def __init__(self, keys: ports.Keys) -> None:
        self._keys = keys

    def wrap(self, key: bytes, associated: bytes) -> native.WrappedBlob:
        def work() -> native.WrappedBlob:
            wrapped = self._keys.wrap(key, associated)
            return native.WrappedBlob(key_id=wrapped.key_id, blob=_bytes(wrapped.blob))

        return guarded("Keys.wrap", work)

    def unwrap(self, key_id: str, blob: bytes, associated: bytes) -> native.UnwrappedKey:
        def work() -> native.UnwrappedKey:
            return native.UnwrappedKey(
                key=_bytes(self._keys.unwrap(ports.WrappedKey(key_id, blob), associated))
            )

        return guarded("Keys.unwrap", work)


class IntakesTrait(native.HostIntakes):
    """A host's matters and documents, as the library calls them."""

    def __init__(self, intakes: ports.Intakes) -> None:
        self._intakes = intakes

    def load(self, firm: str, matter: str) -> native.IntakeText:
        def work() -> native.IntakeText:
            json = self._intakes.load(firm, matter)
            return native.IntakeText(json=json if isinstance(json, str) else _bytes(json).decode())

        return guarded("Intakes.load", work)

    def stat(self, document: native.DocumentName) -> native.StatedDocument:
        def work() -> native.StatedDocument:
            stat = self._intakes.stat(_document(document))
            return native.StatedDocument(
                length=stat.length, revision=stat.revision, status=stat.status, origin=stat.origin
            )

        return guarded("Intakes.stat", work)

    def open(self, document: native.DocumentName, offset: int) -> native.OpenedDocument:
        def work() -> native.OpenedDocument:
            return native.OpenedDocument(
                reader=ReaderTrait(self._intakes.open(_document(document), offset))
            )

        return guarded("Intakes.open", work)


def _document(name: native.DocumentName) -> ports.Document:
    return ports.Document(name.firm, name.matter, name.document, name.upload)


class ReaderTrait(native.HostReader):
    """A host's open document, as the library calls it."""

    def __init__(self, reader: ports.Reader) -> None:
        self._reader = reader

    def read(self, most: int) -> native.Chunk:
        def work() -> native.Chunk:
            read = _bytes(self._reader.read(most))
            # One that gives fewer bytes than were asked for may have more.
            return native.Chunk(bytes=read, last=not read)

        return guarded("Reader.read", work)

    def close(self) -> native.ReaderClosed:
        def work() -> native.ReaderClosed:
            self._reader.close()
            return native.ReaderClosed(closed=True)

        return guarded("Reader.close", work)


_LEVELS = {
    native.LogLevel.ERROR: logging.ERROR,
    native.LogLevel.WARNING: logging.WARNING,
    native.LogLevel.INFO: logging.INFO,
    native.LogLevel.DEBUG: logging.DEBUG,
}


class LogTrait(native.HostLog):
    """A logger, as the library calls it."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def line(self, level: native.LogLevel, target: str, message: str) -> native.LineTaken:
        try:
            self._logger.log(_LEVELS[level], "%s", message, extra={"clio_target": target})
        except BaseException:
            raise native.HostFailure.Failed() from None
        return native.LineTaken(taken=True)


def level_of(logger: logging.Logger) -> native.LogLevel:
    """The least grave lines that the logger wants."""
    for level in (native.LogLevel.DEBUG, native.LogLevel.INFO, native.LogLevel.WARNING):
        if logger.isEnabledFor(_LEVELS[level]):
            return level
    return native.LogLevel.ERROR
