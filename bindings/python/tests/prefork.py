"""A service that gunicorn preloads: its settings and its application, `gunicorn -c python:prefork`.

The master opens an SDK when this is loaded, and each worker one of its own after the fork. They
write a line each of what became of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import support
from memory_store import MemoryStore
from support import ADMIN

import casehug_clio as clio

FOLDER, CLIO = Path(os.environ["PREFORK_FOLDER"]), os.environ["PREFORK_CLIO"]
INTAKES = str(FOLDER / "intake")

# Gunicorn takes every name that is one of its settings.
preload_app = True
wsgi_app = "prefork:app"
workers = 3

inherited = clio.Sdk.open(
    support.config(CLIO, FOLDER, database=None, store=MemoryStore(), intake_folder=INTAKES)
)
support.connect(inherited)
inherited.start_worker()
own: clio.Sdk


def _tell(who: str, what: str) -> None:
    with (FOLDER / "told").open("a") as told:
        told.write(f"{who} {what}\n")


def post_fork(server: object, worker: Any) -> None:
    """Opens the worker's own SDK; what it inherited is refused."""
    global own
    own = clio.Sdk.open(support.config(CLIO, FOLDER, intake_folder=INTAKES))
    report = own.firm(ADMIN).matters.sync(f"mat_{worker.age}")
    try:
        inherited.firm(ADMIN).matters.sync("mat_0")
    except clio.errors.InputError as error:
        _tell("worker", f"{report.status} {error.context['reason']}")


def on_exit(server: object) -> None:
    """The master's own goes on after its children ended."""
    _tell("master", inherited.firm(ADMIN).matters.sync("mat_0").status)
    inherited.close()


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Where the matter of the path stands."""
    state = own.firm(ADMIN).matters.state(environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "sync": state.status}).encode()]
