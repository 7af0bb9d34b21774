"""Matters, documents and keys of a host, in Python."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import secrets
import threading
from collections.abc import Callable

from casehug_clio.ports import Document, DocumentStat, NotFound, Reader, SealedTokens, WrappedKey


class Office:
    """One document for each matter."""

    def __init__(self, content: bytes = b"What the client sent.") -> None:
        self.content = content

    def load(self, firm: str, matter: str) -> str:
        if matter == "none":
            raise NotFound
        document = {"id": "doc_1", "file_name": "a.txt", "content_type": "text/plain"}
        client = {"id": "cli_1", "first_name": "Ada", "last_name": "Byron"}
        return json.dumps(
            {
                "matter": {"id": matter, "title": "T"},
                "client": client,
                "documents": [{**document, "status": "approved", "origin": "client_upload"}],
            }
        )

    def stat(self, document: Document) -> DocumentStat:
        revision = hashlib.sha256(self.content).hexdigest()
        return DocumentStat(len(self.content), revision, "approved", "client_upload")

    def open(self, document: Document, offset: int) -> Reader:
        return io.BytesIO(self.content[offset:])


class Kms:
    """Keys that never leave it: a stream of HMACs, bound to what is associated."""

    def __init__(self) -> None:
        self._root = secrets.token_bytes(32)

    def _pad(self, associated: bytes) -> bytes:
        return hmac.digest(self._root, associated, "sha256")

    def wrap(self, key: bytes, associated: bytes) -> WrappedKey:
        wrapped = bytes(a ^ b for a, b in zip(key, self._pad(associated), strict=True))
        return WrappedKey(
            "kms-1", wrapped + hmac.digest(self._root, wrapped + associated, "sha256")
        )

    def unwrap(self, wrapped: WrappedKey, associated: bytes) -> bytes:
        blob, mark = wrapped.blob[:32], wrapped.blob[32:]
        if wrapped.key_id != "kms-1" or not hmac.compare_digest(
            mark, hmac.digest(self._root, blob + associated, "sha256")
        ):
            raise ValueError("not wrapped here")
        return bytes(a ^ b for a, b in zip(blob, self._pad(associated), strict=True))


class Vault:
    """Sealed tokens, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[tuple[str, str], SealedTokens] = {}

    def load(self, firm: str, connection: str) -> SealedTokens | None:
        return self._all.get((firm, connection))

    def compare_and_swap(
        self, firm: str, connection: str, expected: str | None, sealed: SealedTokens
    ) -> bool:
        with self._lock:
            known = self._all.get((firm, connection))
            if (None if known is None else known.version) != expected:
                return False
            self._all[firm, connection] = sealed
            return True

    def delete(self, firm: str, connection: str) -> None:
        with self._lock:
            self._all.pop((firm, connection), None)


class Broken:
    """Hands on what `inner` can do, and does something else in place of one method."""

    def __init__(self, inner: object, method: str, instead: Callable[[], object]) -> None:
        self._inner, self._method, self._instead = inner, method, instead

    def __getattr__(self, name: str) -> object:
        if name == self._method:
            return lambda *_: self._instead()
        return getattr(self._inner, name)
