"""The README's programs, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

from support import ADMIN, INTAKES, ROOT, config, connect, consent

import casehug_clio as clio


def block(heading: str) -> str:
    """The program below this heading."""
    readme = (ROOT / "bindings/python/README.md").read_text()
    code = re.search(rf"## {heading}\n.*?```python\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    return code[1]


def test_the_quickstart_syncs_once(url: str, tmp_path: Path) -> None:
    program = tmp_path / "quickstart.py"
    program.write_text(block("Quickstart"))
    command = [
        sys.executable,
        str(program),
        url,
        str(INTAKES),
        "mat_0001",
        str(tmp_path / "clio.db"),
    ]
    for calls in ("7 calls", "0 calls"):
        run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert run.stdin is not None and run.stdout is not None
        said = ""
        for line in run.stdout:
            said += line
            if line.startswith("http"):
                run.stdin.write(f"http://127.0.0.1:9/callback?{consent(line.strip())}\n")
                run.stdin.flush()
        run.stdin.close()
        run.stdout.close()
        assert run.wait() == 0
        assert f"succeeded: {calls}" in said


# What the heart of a service takes for granted.
AROUND = """
import asyncio
import sys
from pathlib import Path

import support

import casehug_clio as clio
from casehug_clio import types

config, actor = support.config(sys.argv[1], Path(sys.argv[2])), support.ADMIN


async def main() -> None:
"""


def test_the_heart_of_a_service_syncs_and_hears_of_it(url: str, tmp_path: Path) -> None:
    with clio.Sdk.open(config(url, tmp_path)) as sdk:
        connect(sdk)
        assert sdk.firm(ADMIN).matters.state("mat_0002").status == "not_synced"
    program = tmp_path / "service.py"
    heart = textwrap.indent(block("In a service"), "    ")
    program.write_text(f"{AROUND}{heart}\n\nasyncio.run(main())\n")
    tests = str(ROOT / "bindings/python/tests")
    run = subprocess.Popen(
        [sys.executable, "-u", str(program), url, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{tests}:{os.environ.get('PYTHONPATH', '')}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    # It listens on for ever.
    late = threading.Timer(60, run.kill)
    late.start()
    said = run.stdout.readline()
    late.cancel()
    run.kill()
    run.stdout.close()
    run.wait()
    assert said == "mat_0002 succeeded\n"
