"""Every operation once, through its generated method: its result is of the declared type, or its
error one that is declared. An operation that is new in the table is called here without a line.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from support import ADMIN, CALLBACK, ROOT, config, connect, consent

import casehug_clio as clio
from casehug_clio import types

API = json.loads((ROOT / "api/operations.json").read_text())
# What must not be called before the others.
LAST = ["disconnect"]

# Where the shapes alone give nothing that succeeds: arguments, from what the firm has.
ARGUMENTS: dict[str, Callable[[clio.Sdk, Any], dict[str, object]]] = {
    "begin_connect": lambda sdk, firm: {"redirect_uri": CALLBACK},
    "begin_separate_connect": lambda sdk, firm: {"redirect_uri": CALLBACK},
    "finish_connect": lambda sdk, firm: {
        "callback_query": consent(firm.connection.begin(CALLBACK).authorize_url)
    },
    "save_settings": lambda sdk, firm: {"settings": firm.settings.get()},
    "change_settings": lambda sdk, firm: {
        "change": types.SettingsChange(revision=firm.settings.get().revision, contact_review=True)
    },
    "import_settings": lambda sdk, firm: {"document": firm.settings.export().document},
    "pause_backfill": lambda sdk, firm: {"id": firm.backfills.list()[0].id},
    "resume_backfill": lambda sdk, firm: {"id": firm.backfills.list()[0].id},
    "cancel_backfill": lambda sdk, firm: {"id": firm.backfills.list()[0].id},
    "next_events": lambda sdk, firm: {"limit": 10, "wait_ms": 0},
    "prune_runs": lambda sdk, firm: {"before": datetime(2020, 1, 1, tzinfo=timezone.utc)},
    "prune_audit": lambda sdk, firm: {"before": datetime(2020, 1, 1, tzinfo=timezone.utc)},
}

# What cannot succeed here: there is nothing of the kind, or the firm is in another state.
REFUSED = {
    "begin_separate_connect": "disconnect_first",
    "forget_lost_keys": "key_opens",
    "retry_run": "record_unknown",
    "resolve_review": "record_unknown",
    "accept_contact_proposal": "record_unknown",
    "reject_contact_proposal": "record_unknown",
}


def sample(shape: Any, name: str) -> object:
    """A value of this shape."""
    plain: dict[str, object] = {
        "boolean": True,
        "integer": 1,
        "milliseconds": 0,
        "casehug_id": ADMIN.firm if name.startswith("firm") else "mat_0001",
        "clio_id": types.ClioId("1"),
        "time": datetime.now(timezone.utc),
        "string": "none",
    }
    if isinstance(shape, str):
        return plain[shape]
    if "array" in shape:
        return [sample(shape["array"], name)]
    if "map" in shape:
        return {}
    if "optional" in shape:
        return None
    described = API["types"][shape["named"]]
    if described["kind"] == "enum":
        return getattr(types, shape["named"])(described["values"][0]["name"])
    variant = described["variants"][0] if described["kind"] == "union" else described
    suffix = variant["name"].title().replace("_", "") if described["kind"] == "union" else ""
    fields = {
        field["name"]: sample(field["shape"], field["name"])
        for field in variant["fields"]
        if field["required"]
    }
    return getattr(types, shape["named"] + suffix)(**fields)


def is_of(shape: Any, value: Any) -> bool:
    """Whether a result is what its shape says, all the way down."""
    plain = {
        "unit": type(None),
        "boolean": bool,
        "integer": int,
        "milliseconds": int,
        "casehug_id": str,
        "clio_id": str,
        "string": str,
        "time": datetime,
    }
    if isinstance(shape, str):
        return isinstance(value, plain[shape])
    if "array" in shape:
        return isinstance(value, list) and all(is_of(shape["array"], item) for item in value)
    if "map" in shape:
        return isinstance(value, dict) and all(is_of(shape["map"], item) for item in value.values())
    if "optional" in shape:
        return value is None or is_of(shape["optional"], value)
    described, named = API["types"][shape["named"]], shape["named"]
    if described["kind"] == "enum":
        return value in getattr(types, named)
    variants = described["variants"] if described["kind"] == "union" else [described]
    suffix = (
        {variant["name"]: variant for variant in variants} if described["kind"] == "union" else {}
    )
    if suffix:
        (_, tag) = value.TAG
        variants = [suffix[tag]]
    return all(
        is_of(field["shape"], getattr(value, field["name"]))
        or (not field["required"] and getattr(value, field["name"]) is None)
        for field in variants[0]["fields"]
    )


def method(face: Any, operation: dict[str, Any]) -> Any:
    group = (
        face.host()
        if operation["group"] == "host"
        else getattr(face.firm(ADMIN), operation["group"])
    )
    return getattr(group, "import_" if operation["method"] == "import" else operation["method"])


def arguments(sdk: clio.Sdk, operation: dict[str, Any]) -> dict[str, object]:
    name = operation["name"]
    given = ARGUMENTS.get(name)
    values = (
        given(sdk, sdk.firm(ADMIN))
        if given
        else {one["name"]: sample(one["shape"], one["name"]) for one in operation["arguments"]}
    )
    return {"from_" if key == "from" else key: value for key, value in values.items()}


@pytest.mark.parametrize("is_async", [False, True], ids=["blocking", "asyncio"])
def test_every_operation_once(url: str, tmp_path: Path, is_async: bool) -> None:
    with clio.Sdk.open(config(url, tmp_path)) as sdk:
        connect(sdk)
        sdk.firm(ADMIN).backfills.start(["mat_0001"])
        other = clio.AsyncSdk(sdk._engine)  # pyright: ignore[reportPrivateUsage]
        ordered = sorted(API["operations"], key=lambda operation: operation["name"] in LAST)
        succeeded = 0
        for operation in ordered:
            name, values = operation["name"], arguments(sdk, operation)
            called = method(other if is_async else sdk, operation)
            try:
                result = asyncio.run(called(**values)) if is_async else called(**values)
            except clio.CasehugClioError as error:
                # Arguments that are made up may be refused as such, in a way that the row declares.
                assert isinstance(error, clio.errors.InputError) or name in REFUSED, (name, error)
                assert error.code in operation["errors"], (name, error)
                assert error.code == REFUSED.get(name, error.code), (name, error)
                continue
            succeeded += 1
            assert name not in REFUSED, name
            assert is_of(operation["result"], result), (name, result)
            documented = inspect.getdoc(called) or ""
            assert "Access:" in documented and "Effect:" in documented, name
        assert succeeded >= 35, succeeded
