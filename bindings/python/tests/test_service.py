"""The FastAPI service of the examples, on a real server, against the simulated Clio."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import fastapi
import httpx
import pytest
from support import INTAKES, KEY, ROOT, consent, holds, made, simulate, simulated, until

import casehug_clio as clio
from casehug_clio import types

EXAMPLES = ROOT / "bindings/python/examples"
ADMIN = {"user": "usr_1", "firm": "firm_1", "role": "admin"}
MEMBER = {**ADMIN, "user": "usr_2", "role": "member"}
OTHER_ADMIN = {**ADMIN, "firm": "firm_2"}
OTHER_MEMBER = {**MEMBER, "firm": "firm_2"}


@contextlib.contextmanager
def service(url: str, folder: Path) -> Iterator[str]:
    # Held from here on: nobody else gets the port in between.
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield from serve(url, folder, held)


def serve(url: str, folder: Path, held: socket.socket) -> Iterator[str]:
    intakes = folder / "intakes"
    shutil.copytree(INTAKES, intakes / "firm_1")
    (intakes / "firm_2").mkdir()
    given = {
        "CLIO_CLIENT_ID": "casehug-dev",
        "CLIO_CLIENT_SECRET": "casehug-dev-secret",
        "CLIO_URL": url,
        "CLIO_DATABASE": f"sqlite:{folder / 'clio.db'}",
        "CLIO_SEALING_KEY": KEY,
        "CLIO_INTAKES": str(intakes),
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


def connected(client: httpx.Client, admin: dict[str, str]) -> None:
    page = client.get("/clio/connect", headers=admin).json()["page"]
    assert client.get("/clio/callback?" + consent(page), headers=admin).status_code == 303


def test_a_firm_does_not_reach_another_firms_matter(tmp_path: Path) -> None:
    with (
        simulated() as url,
        service(url, tmp_path) as here,
        httpx.Client(base_url=here) as client,
    ):
        until(lambda: answers(client), bool)
        connected(client, OTHER_ADMIN)
        assert client.post("/matters/mat_0001/approve", headers=OTHER_MEMBER).status_code == 202

        def stands(who: dict[str, str]) -> str:
            return str(client.get("/matters/mat_0001", headers=who).json()["sync"])

        until(lambda: stands(OTHER_MEMBER), lambda state: state == "failed")
        assert made(url) == (0, 0, 0)
        # Its own firm's Clio gets it.
        connected(client, ADMIN)
        assert client.post("/matters/mat_0001/approve", headers=MEMBER).status_code == 202
        until(lambda: stands(MEMBER), lambda state: state == "synced")
        assert made(url)[:2] == (1, 1)
        assert stands(OTHER_MEMBER) == "failed"


def test_what_nobody_should_send_is_refused(tmp_path: Path) -> None:
    with (
        simulated() as url,
        service(url, tmp_path) as here,
        httpx.Client(base_url=here) as client,
    ):
        until(lambda: answers(client), bool)
        for role in ("host", "Admin", ""):
            asked = client.get("/matters/mat_0001", headers={**MEMBER, "role": role})
            assert asked.status_code == 422, asked.text


def test_no_more_of_a_body_is_kept_than_a_delivery_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    module: Any = importlib.import_module("fastapi_service")
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": bytes(module.MOST_BODY), "more_body": taken < 100}

    request = fastapi.Request({"type": "http", "method": "POST", "headers": []}, receive)
    assert asyncio.run(module.hook("t", request)).status_code == 413
    assert taken == 2


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
