"""Loads the library, and makes sure that it is the one that this face was generated for."""

from __future__ import annotations

import os
import platform
import sys
import threading

from ._version import DIGEST, VERSION

PLATFORMS = "Linux on x86_64 with glibc 2.28 or newer"


class LoadError(ImportError):
    """The library cannot be used: there is none for this platform, or it is of another build."""


def _here() -> str:
    libc = " ".join(platform.libc_ver()).strip() or "another C library"
    return f"{sys.platform} on {platform.machine()} with {libc}, Python {platform.python_version()}"


try:
    from ._native import casehug_clio_uniffi as native
except (ImportError, OSError, AttributeError) as error:
    raise LoadError(
        f"casehug-clio {VERSION} has a library for {PLATFORMS}; this is {_here()}. "
        "Install the wheel of your platform, or build one: cargo xtask dist python."
    ) from error


def check(version: str, digest: str) -> None:
    """Refuses a library of another build: nothing else would compare the two."""
    if (version, digest) != (VERSION, DIGEST):
        raise LoadError(
            f"The library is {version} with operations {digest[:12]}, and this package is "
            f"{VERSION} with {DIGEST[:12]}. Install casehug-clio anew."
        )


check(native.version(), native.operations_digest())


def _renew_locks() -> None:
    # A thread that this child of a fork does not have may have held one.
    for value in vars(native).values():
        table = getattr(value, "_handle_map", value)
        if type(table).__name__ == "_UniffiHandleMap":
            table._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)

__all__ = ["LoadError", "native"]
