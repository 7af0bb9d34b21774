"""Fork: the child gets an error at once, may open its own, and its parent is unharmed."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_store import MemoryStore
from support import ADMIN, CALLBACK, ROOT, config, connect, made, until, write_intakes

import casehug_clio as clio
from casehug_clio._call import finished, wait

# Seconds. What is refused waits for nothing; Python itself may.
AT_ONCE = 2


def in_child(work: Callable[[], None]) -> None:
    """Does this in the child of a fork, as gunicorn's preload does; one that hangs is ended."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        status = 1
        try:
            work()
            gc.collect()
            status = 0
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(status)
    _, how = os.waitpid(child, 0)
    assert how == 0


def refuses(call: Callable[[], object], kind: type[clio.CasehugClioError], code: str) -> None:
    """It is that error, of exactly that class, at once."""
    began = time.monotonic()
    with pytest.raises(clio.CasehugClioError) as refused:
        call()
    took = time.monotonic() - began
    error = refused.value
    found = (type(error), error.code, error.context["reason"])
    assert found == (kind, code, "after_fork")
    assert took < AT_ONCE


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("has_worker", [False, True])
def test_a_child_is_refused_at_once_and_opens_its_own(
    url: str, tmp_path: Path, has_worker: bool
) -> None:
    sdk = clio.Sdk.open(config(url, tmp_path))
    connect(sdk)
    if has_worker:
        sdk.start_worker()
    pending = sdk._engine.call_host("next_events", '{"limit":1,"wait_ms":60000}')  # pyright: ignore[reportPrivateUsage]

    def child() -> None:
        other = clio.AsyncSdk(sdk._engine)  # pyright: ignore[reportPrivateUsage]
        matters, others = sdk.firm(ADMIN).matters, other.firm(ADMIN).matters
        calls: list[Callable[[], object]] = [
            lambda: matters.sync("mat_0001"),
            lambda: asyncio.run(others.sync("mat_0001")),
            lambda: next(sdk.events()),
            # What its parent was waiting for.
            lambda: wait(pending),
            lambda: asyncio.run(finished(pending)),
            lambda: sdk.handle_webhook("token", {}, b""),
            lambda: asyncio.run(other.handle_webhook("token", {}, b"")),
            sdk.start_worker,
            other.start_worker,
            sdk.stop_worker,
            lambda: asyncio.run(other.stop_worker()),
            sdk.close,
            lambda: asyncio.run(other.close()),
        ]
        for call in calls:
            refuses(call, clio.errors.InputError, "setting_invalid")
        pending.cancel()
        # SQLite would take its parent's locks for its own.
        inherited = config(url, tmp_path)
        refuses(lambda: clio.Sdk.open(inherited), clio.errors.HostError, "store_open_failed")
        own = config(url, tmp_path, database=None, store=MemoryStore())
        with clio.Sdk.open(own) as opened:
            connect(opened, clio.Actor("usr_9", "firm_9", clio.Role.ADMIN))

    in_child(child)
    # What the parent has goes on.
    assert sdk.firm(ADMIN).matters.sync("mat_0002").status == clio.types.RunStatus.SUCCEEDED
    pending.cancel()
    sdk.close()
    assert made(url)[:2] == (1, 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_opens_what_its_parent_has_closed(url: str, tmp_path: Path) -> None:
    settings = config(url, tmp_path)

    def use() -> None:
        with clio.Sdk.open(settings) as sdk:
            sdk.firm(ADMIN).connection.begin(CALLBACK)

    for _ in range(50):
        use()
        in_child(use)


def drop(holder: list[clio.Sdk]) -> None:
    holder.clear()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_drops_what_it_inherited_ends(url: str, tmp_path: Path) -> None:
    holder = [clio.Sdk.open(config(url, tmp_path, database=None, store=MemoryStore()))]
    connect(holder[0])
    holder[0].start_worker()
    in_child(lambda: drop(holder))
    assert holder[0].firm(ADMIN).connection.get() is not None
    holder[0].close()


def test_gunicorn_preloads_and_each_worker_opens_its_own(url: str, tmp_path: Path) -> None:
    write_intakes(tmp_path / "intake", 4)
    with clio.Sdk.open(config(url, tmp_path)) as sdk:
        connect(sdk)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{free.getsockname()[1]}"
    tests = ROOT / "bindings/python/tests"
    settings = {"PREFORK_FOLDER": str(tmp_path), "PREFORK_CLIO": url}
    settings["PYTHONPATH"] = f"{tests}:{os.environ.get('PYTHONPATH', '')}"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:prefork", "--bind", here]

    def told() -> list[str]:
        lines = tmp_path / "told"
        return sorted(lines.read_text().splitlines()) if lines.exists() else []

    def answer() -> str | None:
        try:
            with urllib.request.urlopen(f"http://{here}/mat_2") as answered:
                return str(json.load(answered)["sync"])
        except urllib.error.URLError:
            return None

    log = tmp_path / "log"
    with log.open("w") as writing:
        server = subprocess.Popen(
            command, env={**os.environ, **settings}, cwd=tmp_path, stdout=writing, stderr=writing
        )
    try:
        until(
            lambda: (told(), server.poll()), lambda now: len(now[0]) == 3 or now[1] is not None, 60
        )
        assert told() == ["worker succeeded after_fork"] * 3, log.read_text()
        assert until(answer, lambda sync: sync is not None) == "synced"
        server.terminate()
        assert server.wait(60) == 0, log.read_text()
    finally:
        server.kill()
        server.wait()
    assert told() == ["master succeeded", *["worker succeeded after_fork"] * 3], log.read_text()
    assert made(url) == (4, 4, 4)
