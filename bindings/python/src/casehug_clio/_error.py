"""The base of every error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._wire import OpenEnum


class Retry(OpenEnum):
    """Whether trying again helps."""

    NEVER = "never"
    """It does not: something has to be done first."""

    RETRY = "retry"
    """Later."""

    RETRY_AFTER = "retry_after"
    """Not before `retry_after_ms`."""

    REFRESH_THEN_RETRY = "refresh_then_retry"
    """The SDK does it itself."""


class CasehugClioError(Exception):
    """Every error of this package. It holds ids, numbers and fixed words, and no client data, so it
    may be logged. It survives pickle.
    """

    code: str
    """What went wrong: see `Code`. A code never changes its meaning."""

    number: int
    """The same as a number."""

    kind: str
    """Groups codes: there is an exception class for each."""

    retry: Retry
    """Whether trying again helps."""

    retry_after_ms: int | None
    """How long to wait, if that is known."""

    message: str
    """For a firm's administrator."""

    context: Mapping[str, str]
    """Ids, numbers and fixed words: the matter, the step, the HTTP status."""

    path: str | None
    """Which argument was refused, never with what value."""

    def __init__(self, wire: Mapping[str, Any]) -> None:
        """Takes the JSON of an error. Only the SDK makes one."""
        self.code = str(wire.get("code", "internal"))
        self.number = int(wire.get("number") or 0)
        self.kind = str(wire.get("kind", "internal"))
        self.retry = Retry(wire.get("retry", "never"))
        after = wire.get("retry_after_ms")
        self.retry_after_ms = None if after is None else int(after)
        self.message = str(wire.get("message", ""))
        self.context = dict(wire.get("context") or {})
        self.path = wire.get("path")
        self._wire = dict(wire)
        super().__init__(f"{self.code}: {self.message}" + (f" ({self.path})" if self.path else ""))

    def __reduce__(self) -> tuple[type[CasehugClioError], tuple[dict[str, Any]]]:
        return type(self), (self._wire,)

    def to_json(self) -> str:
        """The error as every language writes it."""
        return json.dumps(self._wire)
