"""`large.py CLIO MEBIBYTES DATABASE`: sends a document of that size, which is made as it is read, and
prints how many KiB of memory that took more than a small one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from host import ADMIN, Intakes, opened


def most() -> int:
    """The most memory that this process had, in KiB."""
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


url, mebibytes, database = sys.argv[1:]
intakes = Intakes(1000)
with opened(url, database, intakes) as sdk:
    matters = sdk.firm(ADMIN).matters
    # A small one first: what any upload needs is not what a large one needs.
    assert matters.sync("mat_1").status == "succeeded"
    before = most()
    intakes.length = int(mebibytes) << 20
    assert matters.sync("mat_2").status == "succeeded"
    print(most() - before)
