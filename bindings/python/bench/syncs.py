"""`syncs.py CLIO MATTERS AT_ONCE`: so many syncs of new clients with a document of 10,000 bytes on
SQLite, as JSON: how many a second, and the processor time of each.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from host import ADMIN, Intakes, opened

url, count, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def processor() -> float:
    times = os.times()
    return times.user + times.system


with (
    tempfile.TemporaryDirectory() as folder,
    opened(url, f"{folder}/sync.db", Intakes(10_000)) as sdk,
):
    matters = sdk.firm(ADMIN).matters

    def sync(number: int) -> None:
        assert matters.sync(f"m{number}").status == "succeeded"

    with ThreadPoolExecutor(at_once) as pool:
        # The first ones warm up.
        list(pool.map(sync, range(count, count + count // 10)))
        began, before = time.monotonic(), processor()
        list(pool.map(sync, range(count)))
    seconds, used = time.monotonic() - began, processor() - before
print(json.dumps({"per_second": count / seconds, "processor_ms": used * 1000 / count}))
