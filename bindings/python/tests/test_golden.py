"""The golden scenarios (tests/golden), through both faces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import PROGRAMS


@pytest.mark.parametrize("face", ["blocking", "async"])
def test_golden_scenarios(face: str) -> None:
    agent = [sys.executable, str(Path(__file__).with_name("golden_agent.py")), face]
    told = subprocess.run(
        [str(PROGRAMS / "golden"), *agent], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
