"""The FastAPI service of the examples, on a real server, against the simulated Clio."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from support import INTAKES, KEY, ROOT, consent, holds, made, simulate, simulated, until

import casehug_clio as clio
from casehug_clio import types

EXAMPLES = ROOT / "bindings/python/examples"
ADMIN = {"user": "usr_1", "firm": "firm_1", "role": "admin"}
MEMBER = {**ADMIN, "user": "usr_2", "role": "member"}


@contextmanager
def service(url: str, folder: Path) -> Iterator[str]:
    # Held from here on: nobody else gets the port in between.
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield from serve(url, folder, held)


def serve(url: str, folder: Path, held: socket.socket) -> Iterator[str]:
    given = {
        "CLIO_CLIENT_ID": "casehug-dev",
        "CLIO_CLIENT_SECRET": "casehug-dev-secret",
        "CLIO_URL": url,
        "CLIO_DATABASE": f"sqlite:{folder / 'clio.db'}",
        "CLIO_SEALING_KEY": KEY,
        "CLIO_INTAKES": str(INTAKES),
        "PUBLIC_URL": f"http://127.0.0.1:{held.getsockname()[1]}",
    }
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--fd",
        str(held.fileno()),
        "--log-level",
        "warning",
        "fastapi_service:app",
    ]
    server = subprocess.Popen(
        command, env={**os.environ, **given}, cwd=EXAMPLES, pass_fds=[held.fileno()]
    )
    try:
        yield given["PUBLIC_URL"]
    finally:
        server.terminate()
        # Closed in order, uvicorn ends by the signal that it got.
        assert server.wait(30) in (0, -signal.SIGTERM)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/openapi.json").status_code == 200
    except httpx.TransportError:
        return False


def test_a_service_connects_syncs_and_hears_of_changes(tmp_path: Path) -> None:
    with (
        simulated(http_webhooks=True) as url,
        service(url, tmp_path) as here,
        httpx.Client(base_url=here) as client,
    ):
        until(lambda: answers(client), bool)
        assert client.get("/matters/mat_0001", headers=MEMBER).json()["sync"] == "not_synced"
        assert client.post("/matters/..x/approve", headers=MEMBER).status_code == 422
        assert client.get("/clio/connect", headers=MEMBER).status_code == 403
        page = client.get("/clio/connect", headers=ADMIN).json()["page"]
        landed = client.get("/clio/callback?" + consent(page), headers=ADMIN)
        assert landed.status_code == 303, landed.text
        assert client.post("/matters/mat_0001/approve", headers=MEMBER).json() == {"accepted": True}

        def matter() -> dict[str, Any]:
            found: dict[str, Any] = client.get("/matters/mat_0001", headers=MEMBER).json()
            return found

        synced = until(matter, lambda state: state["sync"] == "synced")
        assert synced["status"] is None
        assert made(url)[:2] == (1, 1)
        number = int(synced["clio"].rsplit("/", 1)[1])
        assert number == holds(url)["matters"][0]["id"]
        until(lambda: holds(url)["webhooks"], lambda hooks: len(hooks) > 0)
        simulate(url, "edit", {"resource": "matters", "id": number, "data": {"status": "closed"}})
        # Clio's webhook, a worker's look, an event, and the host's own matter.
        until(matter, lambda state: state["status"] == "closed")
        assert client.post("/clio/hooks/nobody", content=b"{}").status_code == 404


def test_listening_goes_on_after_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    module: Any = importlib.import_module("fastapi_service")
    monkeypatch.setattr(module, "LEAST_WAIT", timedelta(milliseconds=1))
    times = 0

    class Failing:
        """Fails, gives an event, fails, and then ends the test."""

        async def events(self) -> AsyncIterator[types.OutboxEvent]:
            nonlocal times
            times += 1
            if times == 4:
                raise asyncio.CancelledError
            if times == 2:
                now = datetime.now(timezone.utc)
                body = types.EventBodyMatterStatus(
                    clio_matter=types.ClioId("7"),
                    matter="mat_1",
                    status=types.MatterStatus.CLOSED,
                    updated_at=now,
                )
                yield types.OutboxEvent(id="1", firm="firm_1", event=body)
            raise clio.errors.HostError({"code": "store_failed", "kind": "host"})

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(module.listen(cast(clio.AsyncSdk, Failing())))
    assert module.STATUSES["firm_1", "mat_1"] == "closed"
    assert caplog.text.count("HostError: store_failed") == 3
