"""The open SDK, for blocking programs and for asyncio."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import Any, cast

from ._call import (
    FAILURES,
    AsyncCaller,
    Call,
    Caller,
    Cancellation,
    as_host,
    as_user,
    fail,
    finished,
    wait,
)
from ._config import Actor, Config, ms, native_actor, opened
from ._load import native
from .operations import AsyncFirm, AsyncHost, Firm, Host
from .types import OutboxEvent

Bytes = bytes | bytearray | memoryview
Text = str | Bytes
Headers = Mapping[str, str] | Iterable[tuple[Text, Text]]
"""As the server gives them: a mapping, or pairs in any number."""

# For how long events may be given after they were asked for: their lease is a minute.
_GIVEN_SECONDS = 50.0

# Until they are closed, also those that the program itself let go of: their workers go on.
_OPEN: set[native.Engine] = set()


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """What to send back to Clio, without a body. It may hold a secret: never log it."""

    status: int
    headers: list[tuple[str, str]] = field(repr=False)


class _Base:
    """What both have."""

    def __init__(self, engine: native.Engine) -> None:
        """Use `open`."""
        self._engine = engine

    def _webhook(self, token: str, headers: Headers, body: Bytes) -> Call:
        posted = [
            native.Header(name=_bytes(name), value=_bytes(value)) for name, value in _pairs(headers)
        ]
        try:
            return self._engine.handle_webhook(token, posted, memoryview(body).tobytes())
        except FAILURES as failure:
            fail(failure)

    def _start_worker(
        self, concurrency: int | None, per_firm: int | None, poll: timedelta | None
    ) -> None:
        if any(count is not None and count < 1 for count in (concurrency, per_firm)):
            raise ValueError("a number of runs is at least 1")
        settings = native.WorkerSettings(
            concurrency=concurrency, per_firm=per_firm, poll_ms=ms(poll)
        )
        try:
            self._engine.start_worker(settings)
        except FAILURES as failure:
            fail(failure)

    def _stop_worker(self) -> Call:
        try:
            return self._engine.stop_worker()
        except FAILURES as failure:
            fail(failure)

    def _close(self) -> None:
        _close(self._engine)


class Sdk(_Base):
    """The SDK for blocking programs. May be used by several threads at once."""

    @classmethod
    def open(cls, config: Config) -> Sdk:
        """Opens the SDK. Makes no call to Clio. Open it after a fork, never before.

        Raises `ValueError` if a span of time of the configuration is negative.
        """
        return cls(_open(config))

    def firm(
        self,
        actor: Actor,
        *,
        cancellation: Cancellation | None = None,
        timeout: timedelta | None = None,
    ) -> Firm:
        """The operations that this user may ask for.

        cancellation: Ends calls from another thread.

        timeout: Ends a call that takes longer, at its next safe point, with `cancelled`.
        """
        seconds = None if timeout is None else timeout.total_seconds()
        begin = as_user(self._engine, native_actor(actor))
        return Firm(Caller(begin, cancellation, seconds))

    def host(self, *, cancellation: Cancellation | None = None) -> Host:
        """The operations of the service itself."""
        return Host(Caller(as_host(self._engine), cancellation))

    def call(self, actor: Actor, operation: str, arguments: str) -> Any:
        """Runs an operation by its name (docs/operations.md) with its arguments as a JSON object, for
        gateways. Nobody, which is None, is refused, and never taken for the service itself.
        """
        return wait(as_user(self._engine, native_actor(actor))(operation, arguments))

    def call_host(self, operation: str, arguments: str) -> Any:
        """The same as the service itself, for the operations whose access is host."""
        return wait(as_host(self._engine)(operation, arguments))

    def events(
        self, *, firm: str | None = None, cancellation: Cancellation | None = None
    ) -> Iterator[OutboxEvent]:
        """Waits for events, one after the other, for ever. Asking for the next one acknowledges the
        last one; what is left in between (`break`, an error) comes again, and so does one that takes
        longer than a minute, perhaps to another process.
        """
        host = self.host(cancellation=cancellation)
        while True:
            asked = monotonic()
            for event in host.next_events(firm=firm, limit=100, wait_ms=30_000):
                # Another process may have it by then. It comes again.
                if monotonic() - asked > _GIVEN_SECONDS:
                    break
                yield event
                if event.id is not None:
                    host.ack_event(firm=event.firm, id=event.id)

    def handle_webhook(self, token: str, headers: Headers, body: Bytes) -> WebhookReply:
        """Takes in what Clio posted below `webhook_url`: the last segment of the path, all headers,
        and the raw body, as they came. Answers after one durable commit; a worker applies it.
        """
        return _reply(wait(self._webhook(token, headers, body)))

    def start_worker(
        self,
        *,
        concurrency: int | None = None,
        per_firm: int | None = None,
        poll: timedelta | None = None,
    ) -> None:
        """Starts a worker on threads of the SDK: it runs what is due for all firms. There is one at
        most; if one works already, nothing changes. One that a defect of the SDK ends begins again
        after five seconds, and the logger is told.

        concurrency: Runs at once; 16, unless set.

        per_firm: Runs of one firm at once; 4, unless set.

        poll: The longest wait before it looks for work of other processes; 1 second, unless set, and
        10 milliseconds at least.

        Raises `ValueError` for a number below 1, and a negative span of time.
        """
        self._start_worker(concurrency, per_firm, poll)

    def stop_worker(self) -> None:
        """Stops it and waits for its steps in progress. What is not done is due for other workers at
        once.
        """
        wait(self._stop_worker())

    def close(self) -> None:
        """Ends what is in progress at its next safe point, with `stopped`, and closes the SDK. After it
        nothing of yours is called any more.
        """
        self._close()

    def __enter__(self) -> Sdk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncSdk(_Base):
    """The SDK for asyncio. The loop is never blocked: operations run on threads of the SDK.

    A task that is cancelled (`asyncio.timeout`, `wait_for`, a `TaskGroup`) cancels its call, which ends
    at its next safe point by itself: nothing is sent twice, no lease is left, and what was begun is
    due for workers.
    """

    @classmethod
    async def open(cls, config: Config) -> AsyncSdk:
        """Opens the SDK. Makes no call to Clio. Open it after a fork, never before. If the task is
        cancelled meanwhile, what was opened is closed again.
        """
        opening = _Opening(config)
        try:
            return cls(await asyncio.to_thread(opening.run))
        except asyncio.CancelledError:
            opening.leave()
            raise

    def firm(self, actor: Actor) -> AsyncFirm:
        """The operations that this user may ask for."""
        return AsyncFirm(AsyncCaller(as_user(self._engine, native_actor(actor))))

    def host(self) -> AsyncHost:
        """The operations of the service itself."""
        return AsyncHost(AsyncCaller(as_host(self._engine)))

    async def call(self, actor: Actor, operation: str, arguments: str) -> Any:
        """As of `Sdk.call`."""
        return await finished(as_user(self._engine, native_actor(actor))(operation, arguments))

    async def call_host(self, operation: str, arguments: str) -> Any:
        """As of `Sdk.call_host`."""
        return await finished(as_host(self._engine)(operation, arguments))

    async def events(self, *, firm: str | None = None) -> AsyncIterator[OutboxEvent]:
        """Waits for events, one after the other, for ever. Asking for the next one acknowledges the
        last one; what is left in between (`break`, an error) comes again, and so does one that takes
        longer than a minute, perhaps to another process.
        """
        host = self.host()
        while True:
            asked = monotonic()
            for event in await host.next_events(firm=firm, limit=100, wait_ms=30_000):
                # Another process may have it by then. It comes again.
                if monotonic() - asked > _GIVEN_SECONDS:
                    break
                yield event
                if event.id is not None:
                    await host.ack_event(firm=event.firm, id=event.id)

    async def handle_webhook(self, token: str, headers: Headers, body: Bytes) -> WebhookReply:
        """Takes in what Clio posted below `webhook_url`: the last segment of the path, all headers,
        and the raw body, as they came. Answers after one durable commit; a worker applies it.
        """
        return _reply(await finished(self._webhook(token, headers, body)))

    def start_worker(
        self,
        *,
        concurrency: int | None = None,
        per_firm: int | None = None,
        poll: timedelta | None = None,
    ) -> None:
        """As of `Sdk.start_worker`."""
        self._start_worker(concurrency, per_firm, poll)

    async def stop_worker(self) -> None:
        """As of `Sdk.stop_worker`."""
        await finished(self._stop_worker())

    async def close(self) -> None:
        """As of `Sdk.close`."""
        await asyncio.to_thread(self._close)

    async def __aenter__(self) -> AsyncSdk:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _open(config: Config) -> native.Engine:
    try:
        engine = opened(config)
    except FAILURES as failure:
        fail(failure)
    _OPEN.add(engine)
    return engine


def _close(engine: native.Engine) -> None:
    try:
        engine.close()
    except FAILURES as failure:
        fail(failure)
    _OPEN.discard(engine)


class _Opening:
    """Opens on a thread for a task that may be gone when it is done: nobody else could close it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._engine: native.Engine | None = None
        self._is_left = False

    def run(self) -> native.Engine:
        engine = _open(self._config)
        with self._lock:
            self._engine = engine
            is_left = self._is_left
        if is_left:
            _close(engine)
        return engine

    def leave(self) -> None:
        with self._lock:
            self._is_left = True
            engine = self._engine
        if engine is not None:
            threading.Thread(target=_close, args=[engine]).start()


def _pairs(headers: Headers) -> Iterable[tuple[Text, Text]]:
    if isinstance(headers, Mapping):
        return list(cast("Mapping[str, str]", headers).items())
    return headers


def _bytes(text: Text) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "replace")
    # `bytes` of a number would be that many zeros.
    return memoryview(text).tobytes()


def _reply(wire: Any) -> WebhookReply:
    headers = [(str(header["name"]), str(header["value"])) for header in wire["headers"]]
    return WebhookReply(int(wire["status"]), headers)


@atexit.register
def _close_all() -> None:
    # Threads of the library must not meet an interpreter that is being taken down.
    for engine in list(_OPEN):
        engine.close()


# What a child inherits is its parent's to close.
os.register_at_fork(after_in_child=_OPEN.clear)
