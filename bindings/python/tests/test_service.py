"""The FastAPI service of the examples, on a real server, against the simulated Clio."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from support import INTAKES, KEY, ROOT, consent, holds, made, simulate, simulated, until

ADMIN = {"user": "usr_1", "firm": "firm_1", "role": "admin"}
MEMBER = {**ADMIN, "user": "usr_2", "role": "member"}


@contextmanager
def service(url: str, folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {
        "CLIO_CLIENT_ID": "casehug-dev",
        "CLIO_CLIENT_SECRET": "casehug-dev-secret",
        "CLIO_URL": url,
        "CLIO_DATABASE": f"sqlite:{folder / 'clio.db'}",
        "CLIO_SEALING_KEY": KEY,
        "CLIO_INTAKES": str(INTAKES),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--port",
        str(port),
        "--log-level",
        "warning",
        "fastapi_service:app",
    ]
    server = subprocess.Popen(
        command, env={**os.environ, **given}, cwd=ROOT / "bindings/python/examples"
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
        assert client.get("/matters/mat_0001", headers=MEMBER).json()["status"] == "not_synced"
        assert client.post("/matters/..x/approve", headers=MEMBER).status_code == 422
        assert client.get("/clio/connect", headers=MEMBER).status_code == 403
        page = client.get("/clio/connect", headers=ADMIN).json()["page"]
        landed = client.get("/clio/callback?" + consent(page), headers=ADMIN)
        assert landed.status_code == 303, landed.text
        assert client.post("/matters/mat_0001/approve", headers=MEMBER).json() == {"accepted": True}

        def matter() -> dict[str, Any]:
            found: dict[str, Any] = client.get("/matters/mat_0001", headers=MEMBER).json()
            return found

        synced = until(matter, lambda state: state["status"] == "synced")
        assert made(url)[:2] == (1, 1)
        number = int(synced["clio"].rsplit("/", 1)[1])
        assert number == holds(url)["matters"][0]["id"]
        until(lambda: holds(url)["webhooks"], lambda hooks: len(hooks) > 0)
        simulate(url, "edit", {"resource": "matters", "id": number, "data": {"status": "closed"}})
        assert client.post("/clio/hooks/nobody", content=b"{}").status_code == 404
