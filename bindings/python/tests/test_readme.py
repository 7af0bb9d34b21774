"""The README's quickstart, as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support import INTAKES, ROOT, consent


def test_the_quickstart_syncs_once(url: str, tmp_path: Path) -> None:
    readme = (ROOT / "bindings/python/README.md").read_text()
    code = re.search(r"## Quickstart\n.*?```python\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    program = tmp_path / "quickstart.py"
    program.write_text(code[1])
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
