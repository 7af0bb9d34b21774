"""The worker, events, and Clio's webhooks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import pytest
from support import ADMIN, config, connect, connect_async, made, simulate, simulated, until

import casehug_clio as clio
from casehug_clio import types
from casehug_clio.operations import AsyncHost, Host


def test_events_come_until_they_are_asked_for_no_more(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with await clio.AsyncSdk.open(config(url, tmp_path)) as sdk:
            await connect_async(sdk)
            sdk.start_worker(poll=timedelta(milliseconds=50))
            matters = sdk.firm(ADMIN).matters
            await matters.trigger(matter="mat_0001", trigger=types.Trigger.APPROVED)
            await matters.trigger(matter="mat_0002", trigger=types.Trigger.APPROVED)
            finished: list[types.OutboxEvent] = []
            acknowledge = mock.AsyncMock(side_effect=sdk.host().ack_event)
            monkeypatch.setattr(AsyncHost, "ack_event", acknowledge)
            async for event in sdk.events():
                if isinstance(event.event, types.EventBodyRunFinished):
                    assert event.event.status == types.RunStatus.SUCCEEDED
                    finished.append(event)
                if len(finished) == 2:
                    break
            # Asking for the next one acknowledged the first; the second comes again in a minute.
            acknowledged = [call.kwargs["id"] for call in acknowledge.await_args_list]
            assert finished[0].id in acknowledged and finished[1].id not in acknowledged
            await sdk.stop_worker()

    asyncio.run(main())
    assert made(url)[1] == 2


class Batches:
    """Gives events in batches, one of which takes longer than the lease; counts seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.given: list[str | None] = []
        self.acknowledged: list[str] = []
        self._batches = [[_event(1), _event(2), _event(3)], [_event(4)]]
        monkeypatch.setattr("casehug_clio._sdk.monotonic", lambda: self.now)

    def next_events(self, *_: object, **__: object) -> list[types.OutboxEvent]:
        return self._batches.pop(0)

    def ack_event(self, *_: object, firm: str, id: str) -> None:
        self.acknowledged.append(id)

    def takes_long(self, event: types.OutboxEvent) -> bool:
        """Whether it was the last one."""
        self.given.append(event.id)
        self.now += 30
        return event.id == "4"


def _event(number: int) -> types.OutboxEvent:
    return types.OutboxEvent(
        id=f"{number}", firm="firm_1", event=types.EventBodyReconnectRequired()
    )


def test_no_event_is_given_once_another_process_may_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = Batches(monkeypatch)
    monkeypatch.setattr(Host, "next_events", batches.next_events)
    monkeypatch.setattr(Host, "ack_event", batches.ack_event)
    with clio.Sdk.open(config("us", tmp_path)) as sdk:
        for event in sdk.events():
            if batches.takes_long(event):
                break
    # The lease of the third ended a minute after it was asked for.
    assert batches.given == ["1", "2", "4"]
    assert batches.acknowledged == ["1", "2"]


def test_no_event_is_given_to_a_task_once_another_process_may_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = Batches(monkeypatch)
    monkeypatch.setattr(AsyncHost, "next_events", mock.AsyncMock(side_effect=batches.next_events))
    monkeypatch.setattr(AsyncHost, "ack_event", mock.AsyncMock(side_effect=batches.ack_event))

    async def main() -> None:
        async with await clio.AsyncSdk.open(config("us", tmp_path)) as sdk:
            async for event in sdk.events():
                if batches.takes_long(event):
                    break

    asyncio.run(main())
    assert batches.given == ["1", "2", "4"]
    assert batches.acknowledged == ["1", "2"]


def test_a_task_that_waits_for_events_is_cancelled(url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with await clio.AsyncSdk.open(config(url, tmp_path)) as sdk:

            async def listen() -> None:
                async for _ in sdk.events():
                    pass

            task = asyncio.create_task(listen())
            await asyncio.sleep(0.2)
            task.cancel()
            assert isinstance(
                (await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError
            )

    asyncio.run(asyncio.wait_for(main(), 20))


def test_an_event_of_a_later_version_is_kept() -> None:
    from casehug_clio._read import event_body

    wire = {"type": "comet_seen", "at": "x"}
    event = event_body(wire)
    assert event == types.EventBodyUnknown(raw=wire)
    assert types.RunStatus("later") == "later" and str(types.RunStatus("later")) == "later"


@contextmanager
def hooks(sdks: list[clio.Sdk]) -> Iterator[str]:
    """A server as a host has it: below its URL Clio delivers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            reply = sdks[0].handle_webhook(self.path.rsplit("/", 1)[1], self.headers.items(), body)
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: headers hold secrets."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks"
    finally:
        server.shutdown()
        server.server_close()


def test_a_status_comes_back_by_a_webhook(tmp_path: Path) -> None:
    sdks: list[clio.Sdk] = []
    with (
        simulated(http_webhooks=True) as url,
        hooks(sdks) as hook,
        clio.Sdk.open(config(url, tmp_path, webhook_url=hook)) as sdk,
    ):
        sdks.append(sdk)
        connect(sdk)
        sdk.start_worker(poll=timedelta(milliseconds=50))
        firm = sdk.firm(ADMIN)
        until(
            lambda: firm.connection.health().webhooks,
            lambda hooks: hooks is not None and hooks.delivers,
        )
        firm.matters.sync("mat_0001")
        matter = int(firm.matters.state("mat_0001").clio_matter or 0)
        simulate(url, "edit", {"resource": "matters", "id": matter, "data": {"status": "closed"}})
        until(
            lambda: firm.matters.state("mat_0001").clio_status,
            lambda status: status is not None and status.status.lower() == "closed",
        )
        refused = sdk.handle_webhook("nobody", {"x-hook-signature": "wrong"}, b"{}")
        assert (refused.status, refused.headers) == (404, [])
