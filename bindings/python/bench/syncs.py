"""`syncs.py CLIO`: for each line `FIRST COUNT AT_ONCE` of the input so many syncs of new clients with
a document of 10,000 bytes on SQLite; as JSON, the milliseconds that they took, and the processor's.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from host import ADMIN, Intakes, opened


def processor() -> float:
    times = os.times()
    return times.user + times.system


with (
    tempfile.TemporaryDirectory() as folder,
    opened(sys.argv[1], f"{folder}/sync.db", Intakes(10_000)) as sdk,
):
    matters = sdk.firm(ADMIN).matters

    def sync(number: int) -> None:
        assert matters.sync(f"m{number}").status == "succeeded"

    for line in sys.stdin:
        first, count, at_once = map(int, line.split())
        with ThreadPoolExecutor(at_once) as pool:
            began, before = time.monotonic(), processor()
            list(pool.map(sync, range(first, first + count)))
            took, used = time.monotonic() - began, processor() - before
        print(json.dumps({"ms": took * 1000, "processor_ms": used * 1000}), flush=True)
