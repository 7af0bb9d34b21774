"""Loads the library, and makes sure that it is the one that this face was generated for."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from pathlib import Path

from ._version import DIGEST, VERSION

PLATFORMS = "Linux on x86_64 with glibc 2.28 or newer"


class LoadError(ImportError):
    """The library cannot be used: there is none for this platform, or it is of another build."""


def _here() -> str:
    libc = " ".join(platform.libc_ver()).strip() or "another C library"
    return f"{sys.platform} on {platform.machine()} with {libc}, Python {platform.python_version()}"


def _found() -> str:
    """What the library says of itself."""
    suffix = "dylib" if sys.platform == "darwin" else "so"
    path = Path(__file__).parent / f"_native/libcasehug_clio_uniffi.{suffix}"
    try:
        told = ctypes.CDLL(str(path)).casehug_clio_uniffi_version
    except (OSError, AttributeError):
        return "does not say its version"
    told.restype = ctypes.c_char_p
    return f"is {told().decode()}"


def _another(error: object) -> LoadError:
    return LoadError(
        f"This package is casehug-clio {VERSION} with operations {DIGEST[:12]}, and the library beside it "
        f"{_found()}: {error}. Install casehug-clio anew, alone in its folder: there are wheels for {PLATFORMS}."
    )


try:
    from ._native import casehug_clio_uniffi as native
except (ImportError, OSError) as error:
    raise LoadError(
        f"casehug-clio {VERSION} has a library for {PLATFORMS}; this is {_here()}. "
        "Elsewhere the sdist builds one, with cargo: pip install --no-binary casehug-clio casehug-clio."
    ) from error
except Exception as error:
    # The generated module compares function by function, and fails with an AttributeError (one is
    # not there) or an InternalError of its own.
    raise _another(error) from error


def check(version: str, digest: str) -> None:
    """Refuses a library of another build: nothing else would compare the two."""
    if (version, digest) != (VERSION, DIGEST):
        raise _another(f"operations {digest[:12]} of {version}")


try:
    _told = native.version(), native.operations_digest()
except Exception as error:
    raise _another(error) from error
check(*_told)


def _renew_locks() -> None:
    # A thread that this child of a fork does not have may have held one.
    for value in vars(native).values():
        table = getattr(value, "_handle_map", value)
        if type(table).__name__ == "_UniffiHandleMap":
            table._lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_locks)

__all__ = ["LoadError", "native"]
