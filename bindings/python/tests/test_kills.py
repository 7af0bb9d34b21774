"""Killed workers: nothing is created twice, nothing is lost."""

from __future__ import annotations

import pytest
from kills import kills


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "own:sqlite", "own:postgres"])
def test_a_few_killed_workers_make_no_duplicate(kind: str) -> None:
    kills(4, kind)
