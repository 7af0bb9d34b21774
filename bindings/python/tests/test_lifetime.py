"""How long an SDK lives: until it is closed, or the program ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import ADMIN, config, connect, until

import casehug_clio as clio
from casehug_clio import _config, _sdk

PROGRAM = """
import gc, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support import ADMIN, config, connect, made, until
import casehug_clio as clio

def begin(url, folder):
    sdk = clio.Sdk.open(config(url, Path(folder)))
    connect(sdk)
    sdk.start_worker()
    sdk.firm(ADMIN).matters.trigger(matter="mat_0001", trigger=clio.types.Trigger.APPROVED)

begin(*sys.argv[2:])
gc.collect()
until(lambda: made(sys.argv[2]), lambda there: there[1] == 1)
print("synced", flush=True)
"""


def test_an_sdk_that_nobody_holds_works_on_and_the_program_ends(url: str, tmp_path: Path) -> None:
    arguments = [str(Path(__file__).parent), url, str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "synced\n", "")


@pytest.mark.parametrize("is_late", [False, True])
def test_an_open_that_is_timed_out_leaves_nothing_open(
    url: str, tmp_path: Path, is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, release = _config.opened, threading.Event()
    made_engines: list[object] = []

    def slow(given: clio.Config) -> object:
        release.wait(20)
        engine = really(given)
        made_engines.append(engine)
        return engine

    monkeypatch.setattr(_sdk, "opened", slow)

    pause = time.sleep

    async def main() -> None:
        task = asyncio.create_task(clio.AsyncSdk.open(config(url, tmp_path)))
        await asyncio.sleep(0.05)
        if not is_late:
            release.set()
            # The thread is done, and the loop, which this blocks, has not heard of it.
            until(lambda: made_engines, bool)
            pause(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()

    asyncio.run(main())
    until(lambda: [engine for engine in made_engines if engine not in _sdk._OPEN], bool)


def test_a_closed_database_is_free_while_an_error_of_its_sdk_is_handled(
    url: str, tmp_path: Path
) -> None:
    settings = config(url, tmp_path)
    sdk = clio.Sdk.open(settings)
    connect(sdk)
    log = tmp_path / "clio.db-wal"
    try:
        sdk.firm(ADMIN).matters.plan("mat_9999")
    except clio.CasehugClioError:
        # What is handled keeps the frames that called, and they the call.
        sdk.close()
        assert not log.exists() or log.stat().st_size == 0
        with clio.Sdk.open(settings) as again:
            assert again.firm(ADMIN).connection.get() is not None
    else:
        pytest.fail("there is no such matter")
