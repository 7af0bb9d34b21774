"""What the tests share: the programs that they meet, and a host."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest

import casehug_clio as clio

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
PROGRAMS = Path(os.environ.get("CASEHUG_CLIO_PROGRAMS", ROOT / "target/debug"))
INTAKES = ROOT / "examples/intake"
ADMIN = clio.Actor("usr_1", "firm_1", clio.Role.ADMIN)
MEMBER = clio.Actor("usr_2", "firm_1", clio.Role.MEMBER)
CALLBACK = "http://127.0.0.1:9/callback"
KEY = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248"


@contextlib.contextmanager
def program(name: str, *arguments: str) -> Iterator[str]:
    """Starts a program of this workspace that stops with us; gives its first line of output."""
    command = [str(PROGRAMS / name), *arguments, "--exit-with-stdin"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A fresh PostgreSQL; gives its URL. Where it is missing, CI fails, and others hear it."""
    with program("postgres-for-tests") as url:
        if not url:
            _missing("PostgreSQL is missing: apt-get install postgresql")
        yield url


@contextlib.contextmanager
def pooled() -> Iterator[str]:
    """The same through PgBouncer, which hands out a connection for one transaction; gives its URL."""
    with program("postgres-for-tests", "--pooler") as urls:
        if not urls:
            _missing("PostgreSQL is missing: apt-get install postgresql")
        _, _, url = urls.partition(" ")
        if not url:
            _missing("PgBouncer is missing: apt-get install pgbouncer")
        yield url


def _missing(told: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)


@contextlib.contextmanager
def simulated(**more: object) -> Iterator[str]:
    """A simulated Clio; gives its URL."""
    with program("clio-sim", "--auto-consent") as line:
        url = json.loads(line)["url"]
        simulate(url, "config", {"rate_limit": 1000, **more})
        yield url


def simulate(url: str, what: str, body: object) -> None:
    """Tells the simulated Clio something."""
    data = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/__sim/{what}", data, headers)):
        pass


def slow(url: str, ms: int) -> None:
    """Every answer of Clio's takes so long."""
    simulate(url, "faults", [{"times": 1_000_000, "action": {"kind": "slow", "ms": ms}}])


def quick(url: str) -> None:
    """Clio answers as fast as it can again."""
    with urllib.request.urlopen(urllib.request.Request(f"{url}/__sim/faults", method="DELETE")):
        pass


def holds(url: str) -> dict[str, Any]:
    """What the simulated Clio holds."""
    with urllib.request.urlopen(f"{url}/__sim/state") as answer:
        state: dict[str, Any] = json.load(answer)
        return state


def made(url: str) -> tuple[int, int, int]:
    """How many contacts, matters and whole documents there are in Clio."""
    state = holds(url)
    whole = [document for document in state["documents"] if document["complete"]]
    return len(state["contacts"]), len(state["matters"]), len(whole)


def config(url: str, folder: Path, **more: Any) -> clio.Config:
    """A configuration for tests, on the SDK's own SQLite."""
    plain = clio.Config(
        client_id="casehug-dev",
        client_secret="casehug-dev-secret",
        clio=url,
        database=f"sqlite:{folder / 'clio.db'}",
        sealing_key=KEY,
        sealing_key_id="test",
        intake_folder=str(INTAKES),
        late_execution_window=timedelta(seconds=2),
        index_delay=timedelta(seconds=2),
    )
    return replace(plain, **more)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def consent(page: str) -> str:
    """Allows access as a person in a browser does; gives the query that it comes back with."""
    try:
        urllib.request.build_opener(_Stay).open(page)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["location"]).split("?", 1)[1]
    raise AssertionError("Clio did not send the browser back")


def connect(sdk: clio.Sdk, actor: clio.Actor = ADMIN) -> None:
    """Connects the firm."""
    connection = sdk.firm(actor).connection
    connection.finish(consent(connection.begin(CALLBACK).authorize_url))


async def connect_async(sdk: clio.AsyncSdk, actor: clio.Actor = ADMIN) -> None:
    """Connects the firm."""
    connection = sdk.firm(actor).connection
    await connection.finish(consent((await connection.begin(CALLBACK)).authorize_url))


def until(ask: Callable[[], T], good: Callable[[T], bool], seconds: float = 20) -> T:
    """Asks until the answer is good."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if good(answer):
            return answer
        time.sleep(0.05)
    raise AssertionError("it was waited for in vain")


def write_intakes(folder: Path, matters: int) -> None:
    """Intakes of so many matters, each with a client of its own and one document."""
    for number in range(matters):
        place = folder / f"mat_{number}"
        place.mkdir(parents=True)
        (place / "a.txt").write_text(f"document {number}")
        document = {
            "id": "doc_1",
            "file_name": "a.txt",
            "content_type": "text/plain",
            "path": "a.txt",
        }
        client = {"id": f"cli_{number}", "first_name": "Ada", "last_name": f"Byron {number}"}
        intake = {
            "matter": {"id": f"mat_{number}", "title": f"Matter {number}"},
            "client": {**client, "email": f"ada{number}@example.com"},
            "documents": [{**document, "status": "approved", "origin": "client_upload"}],
        }
        (place / "intake.json").write_text(json.dumps(intake))
