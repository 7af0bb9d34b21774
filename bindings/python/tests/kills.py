"""`kills.py TIMES sqlite|postgres|own:sqlite|own:postgres`: kills workers (SIGKILL) while they sync,
and counts what is in Clio then. `own:` are the stores in Python. The gate kills a few,
`test_kills.py`. The same file is the worker, when it is started with `work`.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from psycopg_pool import ConnectionPool
from support import (
    ROOT,
    config,
    connect,
    holds,
    made,
    postgres,
    quick,
    simulated,
    slow,
    until,
    write_intakes,
)

import casehug_clio as clio
from casehug_clio.ports import Store

sys.path.append(str(ROOT / "bindings/python/examples"))

from postgres_store import PostgresStore
from sqlite_store import SqliteStore


def actors(firms: int) -> list[clio.Actor]:
    return [clio.Actor("usr_1", f"firm_{firm}", clio.Role.ADMIN) for firm in range(firms)]


@contextlib.contextmanager
def own(place: str) -> Generator[Store, None, None]:
    """A store in Python."""
    if place.startswith("sqlite:"):
        with contextlib.closing(SqliteStore(place.removeprefix("sqlite:"))) as store:
            yield store
    else:
        with ConnectionPool(place, max_size=8, kwargs={"prepare_threshold": None}) as pool:
            yield PostgresStore(pool.connection)


@contextlib.contextmanager
def opened(url: str, folder: Path, database: str) -> Generator[clio.Sdk, None, None]:
    given = config(url, folder, intake_folder=str(folder / "intake"))
    place = database.removeprefix("own:")
    with contextlib.ExitStack() as after:
        if place == database:
            given = replace(given, database=database)
        else:
            given = replace(given, database=None, store=after.enter_context(own(place)))
        yield after.enter_context(clio.Sdk.open(given))


def work(url: str, folder: str, database: str) -> None:
    with opened(url, Path(folder), database) as sdk:
        sdk.start_worker(poll=timedelta(milliseconds=50), concurrency=6, per_firm=6)
        print("works", flush=True)
        # It ends with whoever started it, however that ends.
        sys.stdin.read()


def total(url: str) -> int:
    state = holds(url)
    return sum(len(state[kind]) for kind in ("contacts", "matters", "documents"))


@contextlib.contextmanager
def databases(kind: str, folder: Path) -> Generator[str, None, None]:
    if kind.endswith("sqlite"):
        yield f"{kind}:{folder / 'clio.db'}"
    else:
        with postgres() as url:
            yield kind.removesuffix("postgres") + url


def end(worker: subprocess.Popen[str]) -> None:
    worker.kill()
    worker.wait()
    assert worker.stdin is not None
    worker.stdin.close()


def kills(times: int, kind: str) -> int:
    """Gives how many of the killed had created something since they were started."""
    # Enough for every worker to have work left. A killed worker takes its share of a firm's calls
    # with it: many firms, or most workers would wait.
    matters, firms, during = max(60, 12 * times), min(150, 3 * times), 0
    with (
        tempfile.TemporaryDirectory() as made_folder,
        simulated(rate_limit=1_000_000) as url,
        databases(kind, Path(made_folder)) as database,
    ):
        folder = Path(made_folder)
        write_intakes(folder / "intake", matters)
        with opened(url, folder, database) as sdk:
            for actor in actors(firms):
                connect(sdk, actor)
            for number in range(matters):
                firm = sdk.firm(actors(firms)[number % firms])
                firm.matters.trigger(matter=f"mat_{number}", trigger=clio.types.Trigger.APPROVED)

        def start() -> subprocess.Popen[str]:
            command = [sys.executable, __file__, "work", url, str(folder), database]
            worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            assert worker.stdout is not None
            assert worker.stdout.readline() == "works\n"
            worker.stdout.close()
            return worker

        # However fast the machine is: there is work left for the last kill.
        slow(url, 100)
        for number in range(times):
            worker, before = start(), total(url)
            if number % 2 == 0:
                # However slow the machine is: half of them are in the middle of it.
                until(partial(total, url), before.__ne__, seconds=120)
            time.sleep(random.uniform(0.05, 0.6))
            end(worker)
            during += total(url) != before
        quick(url)
        # Two that share the rest, and what the killed left.
        last = [start(), start()]
        deadline = time.monotonic() + 180 + 2 * times
        while made(url)[2] < matters and time.monotonic() < deadline:
            time.sleep(0.5)
        # Whatever is sent twice would come now.
        time.sleep(3)
        for worker in last:
            end(worker)
        assert made(url) == (matters, matters, matters), made(url)
    return during


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(*sys.argv[2:])
    else:
        found = kills(int(sys.argv[1]), sys.argv[2])
        print(
            f"{sys.argv[2]}: {sys.argv[1]} kills, {found} of workers that had created something; 0 duplicates"
        )
