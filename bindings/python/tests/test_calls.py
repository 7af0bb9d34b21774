"""Cancelling, threads, and the event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from support import ADMIN, ROOT, config, connect, connect_async, made, slow, until, write_intakes

import casehug_clio as clio


def test_a_timeout_ends_what_waits(sdk: clio.Sdk) -> None:
    began = time.monotonic()
    cancellation = clio.Cancellation()
    threading.Timer(0.3, cancellation.cancel).start()
    host = sdk.host(cancellation=cancellation)
    # While it waits, and before it begins.
    for _ in range(2):
        with pytest.raises(clio.errors.HostError) as cancelled:
            host.next_events(limit=10, wait_ms=60_000)
        assert cancelled.value.code == clio.Code.CANCELLED
    assert time.monotonic() - began < 10
    assert sdk.firm(ADMIN).connection.get() is not None


def test_a_blocking_call_has_a_timeout(sdk: clio.Sdk, url: str) -> None:
    slow(url, 300)
    with pytest.raises(clio.errors.HostError) as cancelled:
        sdk.firm(ADMIN, timeout=timedelta(milliseconds=200)).matters.sync("mat_0001")
    assert cancelled.value.code == clio.Code.CANCELLED
    assert sdk.firm(ADMIN).matters.sync("mat_0001").status == clio.types.RunStatus.SUCCEEDED
    assert made(url)[:2] == (1, 1)


def test_a_task_s_timeout_cancels_and_nothing_is_made_twice(url: str, tmp_path: Path) -> None:
    write_intakes(tmp_path / "intake", 12)
    # Slow enough that the time-outs hit every step.
    slow(url, 30)

    async def main() -> None:
        async with await clio.AsyncSdk.open(
            config(url, tmp_path, intake_folder=str(tmp_path / "intake"))
        ) as sdk:
            await connect_async(sdk)
            matters = sdk.firm(ADMIN).matters
            for number in range(12):
                for turn in range(1, 100):
                    try:
                        report = await asyncio.wait_for(
                            matters.sync(f"mat_{number}"), (turn + number / 12) * 0.03
                        )
                    except asyncio.TimeoutError:
                        continue
                    except clio.CasehugClioError as error:
                        # The call that was given up on may still be at its step.
                        assert error.code == clio.Code.SYNC_BUSY, error
                        await asyncio.sleep(0.05)
                        continue
                    assert report.status == clio.types.RunStatus.SUCCEEDED, report
                    break
                else:
                    raise AssertionError("no turn was long enough")

    asyncio.run(main())
    assert made(url) == (12, 12, 12)


def test_a_cancelled_task_leaves_no_lease(url: str, tmp_path: Path) -> None:
    slow(url, 100)

    async def main() -> float:
        async with await clio.AsyncSdk.open(config(url, tmp_path)) as sdk:
            await connect_async(sdk)
            task = asyncio.create_task(sdk.firm(ADMIN).matters.sync("mat_0001"))
            await asyncio.sleep(0.25)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            began = time.monotonic()
            while True:
                try:
                    await sdk.firm(ADMIN).matters.sync("mat_0001")
                except clio.CasehugClioError as error:
                    assert error.code == clio.Code.SYNC_BUSY
                    await asyncio.sleep(0.05)
                    continue
                return time.monotonic() - began

    # A lease lasts half a minute.
    assert asyncio.run(main()) < 15
    contacts, matters, _ = made(url)
    assert (contacts, matters) == (1, 1)


def test_the_loop_goes_on(url: str, tmp_path: Path) -> None:
    slow(url, 100)

    async def main() -> int:
        turns = 0
        async with await clio.AsyncSdk.open(config(url, tmp_path)) as sdk:
            await connect_async(sdk)
            task = asyncio.create_task(sdk.firm(ADMIN).matters.sync("mat_0001"))
            while not task.done():
                await asyncio.sleep(0.005)
                turns += 1
        return turns

    # A loop that is blocked turns twice.
    assert asyncio.run(main()) > 20


def test_many_threads_and_tasks_on_one_matter(url: str, tmp_path: Path) -> None:
    with clio.Sdk.open(config(url, tmp_path)) as sdk:
        connect(sdk)
        other = clio.AsyncSdk(sdk._engine)  # pyright: ignore[reportPrivateUsage]

        def blocking(_: int) -> str:
            return sdk.firm(ADMIN).matters.sync("mat_0002").status

        async def tasks() -> list[str]:
            calls = [other.firm(ADMIN).matters.sync("mat_0002") for _ in range(8)]
            return [report.status for report in await asyncio.gather(*calls)]

        with ThreadPoolExecutor(9) as pool:
            loop = pool.submit(lambda: asyncio.run(tasks()))
            statuses = [*pool.map(blocking, range(8)), *loop.result()]
    assert set(statuses) == {"succeeded"}
    assert made(url)[:2] == (1, 1)


SIGNALLED = """
import signal, sys
# What is started in the background inherits that SIGINT is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path[:0] = [{tests!r}]
from pathlib import Path
import casehug_clio as clio
from support import config
sdk = clio.Sdk.open(config({url!r}, Path({folder!r})))
print("waits", flush=True)
try:
    sdk.host().next_events(limit=1, wait_ms=60_000)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_ends_a_blocking_call(url: str, tmp_path: Path) -> None:
    program = SIGNALLED.format(
        tests=str(ROOT / "bindings/python/tests"), url=url, folder=str(tmp_path)
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "waits\n"
    time.sleep(0.3)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "interrupted\n"
    assert child.wait(20) == 0
    assert time.monotonic() - began < 10
    child.stdout.close()


def test_a_program_that_forgets_to_close_ends_well(url: str, tmp_path: Path) -> None:
    program = f"""
import sys
sys.path[:0] = [{str(ROOT / "bindings/python/tests")!r}]
from pathlib import Path
import casehug_clio as clio
from memory_store import MemoryStore
from support import config
sdk = clio.Sdk.open(config({url!r}, Path({str(tmp_path)!r}), database=None, store=MemoryStore()))
sdk.start_worker()
print(len(sdk.host().next_events(limit=1, wait_ms=50)))
"""
    for _ in range(5):
        told = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
        )
        assert (told.returncode, told.stdout, told.stderr) == (0, "0\n", "")


def test_nothing_is_left_of_calls(sdk: clio.Sdk) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(300):
        sdk.firm(ADMIN).connection.get()
    before = resident()
    for _ in range(2000):
        sdk.firm(ADMIN).connection.get()
    assert resident() - before < 8 << 20
    until(lambda: threading.active_count(), lambda count: count < 10)
