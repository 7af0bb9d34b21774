"""How an operation is called, and waited for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, NoReturn, Protocol

from . import errors
from ._load import native
from ._wire import encode

# Between two looks, in which a signal (Ctrl-C) gets its turn.
_SLICE_MS = 100
_CANCELLED = {
    "code": "cancelled",
    "number": 6010,
    "kind": "host",
    "retry": "never",
    "message": "The caller cancelled this before it began.",
}


class Cancellation:
    """Ends blocking calls from another thread, or from a signal's handler."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ends the calls in progress and later ones, at their next safe point, with `cancelled`."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was told."""
        return self._event.is_set()


class Call(Protocol):
    """A call in progress."""

    def look(self, wait_ms: int) -> Any: ...
    async def finished(self) -> str: ...
    def cancel(self) -> None: ...


def fail(failure: Exception) -> NoReturn:
    """Raises our error for one of the library's."""
    if isinstance(failure, native.Failure):
        wire: dict[str, Any] = json.loads(getattr(failure, "json", "{}"))
    else:
        wire = {
            "code": "panic",
            "number": 9002,
            "kind": "internal",
            "message": "A defect of this SDK.",
        }
    kind = errors.KINDS.get(str(wire.get("kind")), errors.CasehugClioError)
    raise kind(wire) from None


FAILURES = (native.Failure, native.InternalError)

Begin = Callable[[str, str], Call]
"""Begins an operation by its name with its arguments in JSON, as somebody; returns at once."""


def as_user(engine: native.Engine, actor: native.Actor | None) -> Begin:
    """Calls are this user's. The library refuses those of nobody."""
    return partial(_begin, engine.call, actor)


def as_host(engine: native.Engine) -> Begin:
    """Calls are the service's own."""
    return partial(_begin, engine.call_host)


def _begin(call: Callable[..., Call], *given: object) -> Call:
    try:
        return call(*given)
    except FAILURES as failure:
        fail(failure)


def wait(call: Call, cancellation: Cancellation | None = None, timeout: float | None = None) -> Any:
    """Waits on this thread."""
    until = None if timeout is None else monotonic() + timeout
    try:
        while True:
            looked = call.look(_SLICE_MS)
            if looked.json is not None:
                return json.loads(looked.json)
            is_late = until is not None and monotonic() >= until
            if is_late or (cancellation is not None and cancellation.is_cancelled):
                call.cancel()
    except FAILURES as failure:
        fail(failure)
    except BaseException:
        call.cancel()
        raise


async def finished(call: Call) -> Any:
    """Waits without a thread. A task that is cancelled cancels the call and does not wait for it."""
    try:
        return json.loads(await call.finished())
    except FAILURES as failure:
        fail(failure)
    except asyncio.CancelledError:
        call.cancel()
        raise


class Caller:
    """Who calls, blocking."""

    def __init__(
        self,
        begin: Begin,
        cancellation: Cancellation | None = None,
        timeout: float | None = None,
    ) -> None:
        self._begin = begin
        self._cancellation = cancellation
        self._timeout = timeout

    def __call__(self, operation: str, arguments: Mapping[str, object]) -> Any:
        if self._cancellation is not None and self._cancellation.is_cancelled:
            raise errors.HostError(_CANCELLED)
        return wait(self._begin(operation, encode(arguments)), self._cancellation, self._timeout)


class AsyncCaller:
    """Who calls, with asyncio."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    async def __call__(self, operation: str, arguments: Mapping[str, object]) -> Any:
        return await finished(self._begin(operation, encode(arguments)))
