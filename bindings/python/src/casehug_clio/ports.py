"""What a host may implement: a store, keys, and its matters and documents.

Methods are called on threads of the SDK, several at once, never on the event loop. What they raise
is taken for a failure and its text is dropped, since nobody knows what it quotes; only the name of
its class is logged. Within a method no function of the SDK may be called: it answers
`call_inside_callback`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class NotFound(Exception):
    """What `Intakes` raise for a matter or a document that is not there."""


@dataclass(frozen=True, slots=True)
class Key:
    """Names a record. Ids are ordered by their bytes."""

    firm: str
    collection: str
    id: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record, as it is stored."""

    key: Key

    version: str
    """The version of its last `Put`."""

    body: str
    """Given back as it came."""

    due_at_ms: int | None = None
    """When it is due on the store's clock, in milliseconds since 1970; None: never."""


@dataclass(frozen=True, slots=True)
class ScanIds:
    """One firm's records with `first <= id < until`, by id."""

    firm: str
    collection: str
    first: str

    until: str | None
    """None: to the end of the collection."""

    descending: bool
    limit: int


@dataclass(frozen=True, slots=True)
class ScanDue:
    """The records that are due on the store's clock, earliest first."""

    firm: str | None
    """None: of all firms."""

    collection: str
    limit: int


Scan = ScanIds | ScanDue
"""Which records are wanted, `limit` at most."""


@dataclass(frozen=True, slots=True)
class Put:
    """Writes the whole record."""

    key: Key

    expect: str | None
    """The version that must be there; None: no record may be there."""

    version: str

    due_in_ms: int | None
    """Due so long after the store's clock; None: never. May be larger than a column: cap it."""

    body: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes the record."""

    key: Key

    expect: str
    """The version that must be there."""


@dataclass(frozen=True, slots=True)
class Check:
    """Writes nothing, but the commit fails unless this holds."""

    key: Key

    expect: str | None
    """The version that must be there; None: no record may be there."""


Write = Put | Delete | Check
"""One entry of a commit. A key occurs once in it."""


@dataclass(frozen=True, slots=True)
class Done:
    """All writes are durable."""

    now_ms: int
    """The store's clock at the commit, in milliseconds since 1970: what `due_in_ms` was added to."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """An expectation did not hold, and nothing was written."""


class Store(Protocol):
    """A database of yours.

    What is raised means that it is unknown what happened, and the SDK reads again. Drivers may end a
    `commit()` normally though nothing was stored, after a statement whose error was caught: let
    errors through.
    """

    def get(self, key: Key) -> Record | None:
        """The record of this key. MUST see every earlier successful commit of any process."""
        ...

    def scan(self, scan: Scan) -> Sequence[Record]:
        """The records that the scan asks for, in its order."""
        ...

    def commit(self, writes: Sequence[Write]) -> Done | Conflict:
        """Does all writes or none. `Done` MUST mean durable. There may be no writes.

        What a check expects MUST hold until the commit: of two that each check what the other one
        writes, one is a conflict. At READ COMMITTED a plain SELECT is not enough.
        """
        ...


@dataclass(frozen=True, slots=True)
class SealedTokens:
    """A sealed envelope, and its version."""

    version: str

    envelope: str
    """Kept byte for byte."""


class Tokens(Protocol):
    """A vault of yours for the sealed tokens of connections, which never sees one in plain.

    What is raised means that it is unknown what happened, and the SDK loads again.
    """

    def load(self, firm: str, connection: str) -> SealedTokens | None:
        """The envelope of this connection. MUST see every earlier successful swap of any process."""
        ...

    def compare_and_swap(
        self, firm: str, connection: str, expected: str | None, sealed: SealedTokens
    ) -> bool:
        """Replaces the envelope if its version is still `expected`; None: there is none yet. False: it
        is not, and nothing was changed. True MUST mean durable.
        """
        ...

    def delete(self, firm: str, connection: str) -> None:
        """Removes the envelope, whatever its version. Deleting what is not there succeeds."""
        ...


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A wrapped data key: safe to store."""

    key_id: str
    """Which root key wrapped it: 1 to 128 of `A-Z a-z 0-9 _ - . :`."""

    blob: bytes


class Keys(Protocol):
    """Wraps data keys with a root key that never leaves it, as a KMS does."""

    def wrap(self, key: bytes, associated: bytes) -> WrappedKey:
        """Wraps the 32 bytes with the current root key, bound to `associated`, which is no secret."""
        ...

    def unwrap(self, wrapped: WrappedKey, associated: bytes) -> bytes:
        """Gives the 32 bytes again. MUST fail under another `associated`."""
        ...


@dataclass(frozen=True, slots=True)
class Document:
    """Names a document."""

    firm: str
    matter: str
    document: str
    upload: str


@dataclass(frozen=True, slots=True)
class DocumentStat:
    """What a document is now."""

    length: int
    """Bytes."""

    revision: str
    """Changes whenever the bytes do, and holds no client data; 1 to 128 bytes."""

    status: str
    """As in an intake: `approved`, …"""

    origin: str
    """As in an intake: `client_upload`, …"""


class Reader(Protocol):
    """An open document, such as a file in binary mode. Used by one thread at a time."""

    def read(self, size: int, /) -> bytes | bytearray | memoryview:
        """At most so many bytes; none at the end only."""
        ...

    def close(self) -> object:
        """Called once, at its end or before."""
        ...


class Intakes(Protocol):
    """Your matters and documents. Raise `NotFound` for what is not there."""

    def load(self, firm: str, matter: str) -> str | bytes:
        """The JSON of a matter as it is now (docs/intake-format.md), at most 8 MiB."""
        ...

    def stat(self, document: Document) -> DocumentStat:
        """What the document is now. MUST look afresh."""
        ...

    def open(self, document: Document, offset: int) -> Reader:
        """The document's bytes from `offset` on. They are read piece by piece, and never held whole."""
        ...
