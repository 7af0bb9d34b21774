"""A host whose intakes are made as they are asked for, and a Clio that was started elsewhere."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import casehug_clio as clio
from casehug_clio.ports import Document, DocumentStat, Reader

ADMIN = clio.Actor("usr_1", "firm_1", clio.Role.ADMIN)
ENTRY = {
    "id": "d0",
    "file_name": "d0.pdf",
    "content_type": "application/pdf",
    "status": "approved",
    "origin": "client_upload",
}


class Zeros:
    """So many bytes, never held whole."""

    def __init__(self, left: int) -> None:
        self._left = left

    def read(self, size: int, /) -> bytes:
        count = min(size, self._left)
        self._left -= count
        return bytes(count)

    def close(self) -> None:
        """Nothing is open."""


class Intakes:
    """A client of its own for each matter, and one document."""

    def __init__(self, length: int) -> None:
        self.length = length

    def load(self, firm: str, matter: str) -> str:
        client = {"id": f"c-{matter}", "first_name": "Ana", "last_name": f"Doe {matter}"}
        return json.dumps(
            {
                "matter": {
                    "id": matter,
                    "title": f"Doe v. Roe {matter}",
                    "case_type": "family_law",
                },
                "client": {**client, "email": f"{matter}@{matter}.test"},
                "documents": [ENTRY],
            }
        )

    def stat(self, document: Document) -> DocumentStat:
        return DocumentStat(self.length, "1", ENTRY["status"], ENTRY["origin"])

    def open(self, document: Document, offset: int) -> Reader:
        return Zeros(self.length - offset)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def opened(url: str, database: str, intakes: Intakes) -> clio.Sdk:
    """An SDK whose firm is connected."""
    sdk = clio.Sdk.open(
        clio.Config(
            client_id="casehug-dev",
            client_secret="casehug-dev-secret",
            clio=url,
            database=f"sqlite:{database}",
            intakes=intakes,
            sealing_key="6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248",
            sealing_key_id="k1",
            request_timeout=timedelta(minutes=2),
        )
    )
    connection = sdk.firm(ADMIN).connection
    page = connection.begin("http://127.0.0.1:9/callback").authorize_url
    try:
        urllib.request.build_opener(_Stay).open(page)
    except urllib.error.HTTPError as answer:
        connection.finish(str(answer.headers["location"]).split("?", 1)[1])
    return sdk
