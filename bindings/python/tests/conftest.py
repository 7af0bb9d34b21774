"""Fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import config, connect, simulated

import casehug_clio as clio


@pytest.fixture
def url() -> Iterator[str]:
    """A simulated Clio."""
    with simulated() as url:
        yield url


@pytest.fixture
def sdk(url: str, tmp_path: Path) -> Iterator[clio.Sdk]:
    """An SDK whose firm is connected."""
    with clio.Sdk.open(config(url, tmp_path)) as sdk:
        connect(sdk)
        yield sdk
