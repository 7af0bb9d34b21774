"""Fork: the child gets an error at once, may open its own, and its parent is unharmed."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_store import MemoryStore
from support import ADMIN, config, connect, made

import casehug_clio as clio


def in_child(work: Callable[[], None]) -> float:
    """Does this in the child of a fork, as gunicorn's preload does; gives how long that took."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
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
    return time.monotonic() - began


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("has_worker", [False, True])
def test_a_child_is_refused_at_once_and_opens_its_own(
    url: str, tmp_path: Path, has_worker: bool
) -> None:
    sdk = clio.Sdk.open(config(url, tmp_path))
    connect(sdk)
    if has_worker:
        sdk.start_worker()
    pending = sdk._engine.call(None, "next_events", '{"limit":1,"wait_ms":60000}')  # pyright: ignore[reportPrivateUsage]

    def child() -> None:
        other = clio.AsyncSdk(sdk._engine)  # pyright: ignore[reportPrivateUsage]
        for call in (
            lambda: sdk.firm(ADMIN).matters.sync("mat_0001"),
            lambda: asyncio.run(other.firm(ADMIN).matters.sync("mat_0001")),
            lambda: pending.look(60_000),
            lambda: asyncio.run(other.stop_worker()),
            sdk.start_worker,
            sdk.close,
        ):
            with pytest.raises((clio.errors.InputError, Exception)) as refused:
                call()
            assert "after_fork" in str(
                getattr(refused.value, "context", None) or vars(refused.value)
            )
        pending.cancel()
        with pytest.raises(clio.errors.HostError) as inherited:
            clio.Sdk.open(config(url, tmp_path))
        assert inherited.value.context["reason"] == "after_fork"
        own = config(url, tmp_path, database=None, store=MemoryStore())
        with clio.Sdk.open(own) as opened:
            connect(opened, clio.Actor("usr_9", "firm_9", clio.Role.ADMIN))

    assert in_child(child) < 20
    # What the parent has goes on.
    assert sdk.firm(ADMIN).matters.sync("mat_0002").status == clio.types.RunStatus.SUCCEEDED
    pending.cancel()
    sdk.close()
    assert made(url)[:2] == (1, 1)


def drop(holder: list[clio.Sdk]) -> None:
    holder.clear()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_drops_what_it_inherited_ends(url: str, tmp_path: Path) -> None:
    holder = [clio.Sdk.open(config(url, tmp_path, database=None, store=MemoryStore()))]
    connect(holder[0])
    holder[0].start_worker()
    assert in_child(lambda: drop(holder)) < 20
    assert holder[0].firm(ADMIN).connection.get() is not None
    holder[0].close()
