"""Errors: their classes and fields, pickle, and what is refused before the library is asked."""

from __future__ import annotations

import ast
import asyncio
import json
import multiprocessing
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import ADMIN, MEMBER, ROOT, config

import casehug_clio as clio
from casehug_clio import _load, errors, types

API = json.loads((ROOT / "api/operations.json").read_text())


def test_each_kind_has_a_class_and_each_code_a_name() -> None:
    assert {error["kind"] for error in API["errors"]} == set(errors.KINDS)
    assert [code.value for code in errors.Code] == [error["name"] for error in API["errors"]]
    for kind in errors.KINDS.values():
        assert issubclass(kind, clio.CasehugClioError)


CASES: list[tuple[str, Callable[[clio.Sdk], object], type[Exception], str, str | None]] = [
    (
        "no matter",
        lambda sdk: sdk.firm(ADMIN).matters.sync("none"),
        errors.InputError,
        "matter_unknown",
        None,
    ),
    (
        "no id",
        lambda sdk: sdk.firm(ADMIN).matters.sync("../x"),
        errors.InputError,
        "request_invalid",
        "matter",
    ),
    (
        "NUL",
        lambda sdk: sdk.firm(ADMIN).matters.sync("a\0b"),
        errors.InputError,
        "request_invalid",
        "matter",
    ),
    (
        "half a letter",
        lambda sdk: sdk.firm(ADMIN).matters.sync("\ud800"),
        errors.InputError,
        "request_invalid",
        ".",
    ),
    (
        "no admin",
        lambda sdk: sdk.firm(MEMBER).connection.end(),
        errors.NotPermittedError,
        "not_allowed",
        None,
    ),
    (
        "no user",
        lambda sdk: sdk.firm(clio.Actor("", "f", clio.Role.ADMIN)).connection.get(),
        errors.InputError,
        "id_invalid",
        None,
    ),
    (
        "a late decision",
        lambda sdk: sdk.firm(ADMIN).reviews.resolve(
            step=types.StepKind.CONTACT,
            id="cli_1",
            decision=types.DecisionLink(clio=types.ClioId("7")),
        ),
        errors.InputError,
        "record_unknown",
        None,
    ),
    (
        "a misspelt word",
        lambda sdk: sdk.firm(ADMIN).matters.trigger(matter="mat_1", trigger=types.Trigger("later")),
        errors.InputError,
        "request_invalid",
        "trigger",
    ),
    (
        "no such operation",
        lambda sdk: sdk.call(ADMIN, "fly", "{}"),
        errors.InputError,
        "request_invalid",
        None,
    ),
    (
        "no JSON",
        lambda sdk: sdk.call(ADMIN, "sync_matter", "{"),
        errors.InputError,
        "request_invalid",
        ".",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_an_error_is_found_by_its_class_and_its_fields(
    case: tuple[Any, ...], sdk: clio.Sdk
) -> None:
    _, call, kind, code, path = case
    with pytest.raises(kind) as raised:
        call(sdk)
    error = raised.value
    assert isinstance(error, clio.CasehugClioError)
    assert (error.code, error.kind in errors.KINDS, error.number > 0) == (code, True, True)
    assert path is None or error.path == path
    assert error.retry in clio.Retry and error.message and code in str(error)


@pytest.mark.parametrize("operation", ["next_events", "ack_event", "get_connection"])
def test_nobody_is_not_taken_for_the_service_itself(
    operation: str, url: str, tmp_path: Path
) -> None:
    nobody: Any = None
    with clio.Sdk.open(config(url, tmp_path)) as sdk:
        with pytest.raises(errors.InputError) as raised:
            sdk.call(nobody, operation, "{}")
        assert (raised.value.code, raised.value.context["argument"]) == ("setting_invalid", "actor")
        with pytest.raises(errors.InputError):
            sdk.firm(nobody).connection.get()

    async def with_asyncio() -> None:
        async with await clio.AsyncSdk.open(config(url, tmp_path)) as sdk:
            await sdk.call(nobody, operation, "{}")

    with pytest.raises(errors.InputError):
        asyncio.run(with_asyncio())


def test_the_service_itself_says_so(sdk: clio.Sdk) -> None:
    assert sdk.call_host("next_events", '{"limit":1,"wait_ms":0}') == []
    with pytest.raises(errors.NotPermittedError):
        sdk.call_host("get_connection", "{}")


def test_what_is_no_json_is_python_s_own_error(sdk: clio.Sdk) -> None:
    wrong: Any = object()
    with pytest.raises(TypeError):
        sdk.firm(ADMIN).matters.sync(wrong)
    with pytest.raises(ValueError, match="zone"):
        sdk.host().record_status_change(firm="firm_1", matter="mat_1", at=datetime(2026, 1, 1))


def _raise(_: int) -> None:
    raise errors.RateLimitError(
        {"code": "clio_rate_limited", "kind": "rate_limit", "retry_after_ms": 1500}
    )


def test_an_error_survives_pickle_and_a_pool() -> None:
    error = errors.AuthError(
        {"code": "not_connected", "number": 2001, "kind": "auth", "context": {"firm": "f"}}
    )
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, again.context, str(again)) == (
        errors.AuthError,
        "not_connected",
        {"firm": "f"},
        str(error),
    )
    with (
        multiprocessing.get_context("spawn").Pool(1) as pool,
        pytest.raises(errors.RateLimitError) as raised,
    ):
        pool.map(_raise, [1])
    assert raised.value.retry_after_ms == 1500


def test_a_closed_sdk_says_so(url: str, tmp_path: Path) -> None:
    sdk = clio.Sdk.open(config(url, tmp_path))
    sdk.close()
    sdk.close()
    for call in (
        lambda: sdk.firm(ADMIN).connection.get(),
        sdk.start_worker,
        lambda: sdk.handle_webhook("t", {}, b""),
    ):
        with pytest.raises(errors.InputError) as raised:
            call()
        assert raised.value.context["reason"] == "closed"


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        ({"database": None}, "store"),
        ({"sealing_key": None}, "sealing_key"),
        ({"sealing_key_id": None}, "sealing_key_id"),
        ({"earlier_sealing_keys": {"k0": "0123"}}, "earlier_sealing_keys"),
        ({"intake_folder": None}, "intake_folder"),
        ({"intake_folder": "intakes/x-{firm}"}, "intake_folder"),
        ({"clio": "mars"}, "clio"),
        ({"webhook_url": "http://example.com/hooks"}, "webhook_url"),
    ],
)
def test_a_wrong_configuration_names_the_argument(
    tmp_path: Path, more: dict[str, Any], argument: str
) -> None:
    with pytest.raises(errors.InputError) as raised:
        clio.Sdk.open(config("us", tmp_path, **more))
    assert argument in (raised.value.path, raised.value.context.get("field"))


def test_a_negative_span_or_number_is_refused(sdk: clio.Sdk, url: str, tmp_path: Path) -> None:
    back = timedelta(milliseconds=-1)
    with pytest.raises(ValueError, match="span"):
        clio.Sdk.open(config(url, tmp_path, request_timeout=back))
    with pytest.raises(ValueError, match="span"):
        sdk.start_worker(poll=back)
    with pytest.raises(ValueError, match="runs"):
        sdk.start_worker(concurrency=0)
    with pytest.raises(ValueError, match="runs"):
        sdk.start_worker(per_firm=-1)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    earlier = {"k0": "hunter2"}
    proxy = "http://user:hunter2@localhost:1"
    shown = repr(config("us", tmp_path, proxy=proxy, earlier_sealing_keys=earlier))
    assert not any(secret in shown for secret in ("casehug-dev-secret", "6f1c3a0e", "hunter2"))


def test_a_library_of_another_build_is_refused() -> None:
    with pytest.raises(clio.LoadError, match=r"0\.1\.0.*operations 0000.* of 0\.0\.9"):
        _load.check("0.0.9", "0" * 64)
    with pytest.raises(clio.LoadError):
        _load.check(clio.__version__, "0" * 64)


@pytest.mark.parametrize(
    ("native", "told"),
    [
        (
            "class InternalError(Exception): pass\nraise InternalError('checksum mismatch')",
            "checksum mismatch",
        ),
        ("raise AttributeError('undefined symbol: uniffi_x')", "undefined symbol: uniffi_x"),
        ("def version(): raise RuntimeError('buffer')", "buffer"),
        ("def version(): return '0.0.9'\ndef operations_digest(): return '1' * 64", "0.0.9"),
        (
            "raise OSError('libcasehug_clio_uniffi.so: cannot open shared object file')",
            "x86_64 with glibc 2.28",
        ),
    ],
)
def test_a_module_of_another_build_says_what_was_found(
    tmp_path: Path, native: str, told: str
) -> None:
    package = tmp_path / "casehug_clio"
    shutil.copytree(Path(clio.__file__).parent, package)
    (package / "_native/casehug_clio_uniffi.py").write_text(native)
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import casehug_clio"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    last = ended.stderr.strip().splitlines()[-1]
    assert "LoadError" in last and told in last and f"casehug-clio {clio.__version__}" in last
    assert "x86_64 with glibc 2.28" in last
    if "glibc" not in told:
        assert f"library beside it is {clio.__version__}" in last


def test_without_a_library_the_platforms_are_named(tmp_path: Path) -> None:
    package = Path(clio.__file__).parent
    (tmp_path / "casehug_clio").symlink_to(package)
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.modules['casehug_clio._native'] = None; import casehug_clio"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "LoadError" in told.stderr and "x86_64 with glibc 2.28" in told.stderr


def test_the_stub_names_what_the_library_has() -> None:
    package = Path(clio.__file__).parent
    stub = ast.parse((package / "_native/casehug_clio_uniffi.pyi").read_text())

    def check(body: list[ast.stmt], there: object) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                assert hasattr(there, node.name), node.name
                check(node.body, getattr(there, node.name))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert hasattr(there, node.name), node.name

    check(stub.body, _load.native)
