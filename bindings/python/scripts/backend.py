"""Builds a wheel from the sdist, in which `sdist.py` puts this: with cargo, for this platform."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from pack import pack

HERE = Path(__file__).parents[1]
LIBRARY = f"libcasehug_clio_uniffi.{'dylib' if sys.platform == 'darwin' else 'so'}"


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, object] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Builds the library and packs it; gives the wheel's name."""
    if shutil.which("cargo") is None:
        raise SystemExit("casehug-clio is built with Rust 1.88 or newer: https://rustup.rs")
    build = [
        "cargo",
        "rustc",
        "--locked",
        "--profile",
        "shipped",
        "--lib",
        "--crate-type",
        "cdylib",
    ]
    symbols = {"CARGO_PROFILE_SHIPPED_STRIP": "symbols"}
    built = Path(os.environ.setdefault("CARGO_TARGET_DIR", str(HERE / "target"))) / "shipped"
    subprocess.run(
        [*build, "--package", "casehug-clio-uniffi"],
        cwd=HERE,
        env={**os.environ, **symbols},
        check=True,
    )
    tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
    texts = {path.name: path.read_bytes() for path in sorted(HERE.glob("LICEN[SC]E*"))}
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "casehug_clio"
        shutil.copytree(HERE / "package/casehug_clio", package)
        shutil.copy(built / LIBRARY, package / "_native" / LIBRARY)
        info = (HERE / "PKG-INFO").read_text(encoding="utf-8")
        return pack(Path(folder), tag, texts, info, Path(wheel_directory)).name


def build_sdist(sdist_directory: str, config_settings: dict[str, object] | None = None) -> str:
    """Of an sdist none is made."""
    raise NotImplementedError("`cargo xtask dist python` makes the sdist")
