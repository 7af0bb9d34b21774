"""Stores, keys and intakes in Python; and whatever may end one of their methods."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
from memory_store import MemoryStore
from office import Broken, Kms, Office, Vault
from support import ADMIN, config, connect, made

import casehug_clio as clio
from casehug_clio import _ports
from casehug_clio._load import native
from casehug_clio.testing import check_keys, check_tokens

SECRET = "Ada Byron, born 1815"


def own(url: str, folder: Path, **more: Any) -> clio.Config:
    """A configuration with everything of the host's own."""
    ports: dict[str, Any] = {
        "store": MemoryStore(),
        "keys": Kms(),
        "tokens": Vault(),
        "intakes": Office(),
        **more,
    }
    without = {"database": None, "sealing_key": None, "sealing_key_id": None, "intake_folder": None}
    return config(url, folder, **without, **ports)


def test_a_host_with_everything_of_its_own_syncs_once(url: str, tmp_path: Path) -> None:
    with clio.Sdk.open(own(url, tmp_path)) as sdk:
        connect(sdk)
        report = sdk.firm(ADMIN).matters.sync("mat_1")
        assert report.status == clio.types.RunStatus.SUCCEEDED
        assert sdk.firm(ADMIN).matters.sync("mat_1").calls == 0
        with pytest.raises(clio.errors.InputError) as none:
            sdk.firm(ADMIN).matters.sync("none")
        assert none.value.code == clio.Code.MATTER_UNKNOWN
    assert made(url) == (1, 1, 1)


RAISES = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def interrupted(kind: type[BaseException]) -> Callable[[], object]:
    def method() -> object:
        raise kind(SECRET)

    return method


# What the generated code does not catch reaches the library as success with an all-zero answer
# (UniFFI 0.32.2). Our own net catches it; without that, it must be no success either.
INTERRUPTIONS = [
    *((kind, True) for kind in (KeyboardInterrupt, SystemExit, asyncio.CancelledError)),
    *((kind, True) for kind in (GeneratorExit, ValueError)),
    *((kind, False) for kind in (KeyboardInterrupt, SystemExit)),
]


@pytest.fixture(
    params=INTERRUPTIONS, ids=lambda one: f"{one[0].__name__}-{'net' if one[1] else 'raw'}"
)
def interruption(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[type[BaseException], bool]:
    """What a method of the host raises, and whether our own net is there."""
    if not request.param[1]:
        monkeypatch.setattr(_ports, "guarded", lambda _, work: work())
    return cast("tuple[type[BaseException], bool]", request.param)


@RAISES
@pytest.mark.parametrize("method", ["get", "scan", "commit"])
def test_a_store_that_is_interrupted_counts_as_failed(
    url: str,
    tmp_path: Path,
    method: str,
    interruption: tuple[type[BaseException], bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Broken(MemoryStore(), method, interrupted(interruption[0]))
    with clio.Sdk.open(own(url, tmp_path, store=broken)) as sdk:
        with pytest.raises(clio.errors.HostError) as failed:
            if method == "scan":
                sdk.firm(ADMIN).audit.list()
            else:
                sdk.firm(ADMIN).connection.begin("http://127.0.0.1:9/callback")
    assert failed.value.code == clio.Code.STORE_FAILED
    kind, is_caught = interruption
    assert SECRET not in str(failed.value) + failed.value.to_json() + caplog.text
    if is_caught:
        assert failed.value.context["reason"] == "callback_failed"
        assert kind.__name__ in caplog.text


@RAISES
@pytest.mark.parametrize("method", ["wrap", "unwrap"])
def test_keys_that_are_interrupted_count_as_failed(
    url: str, tmp_path: Path, method: str, interruption: tuple[type[BaseException], bool]
) -> None:
    store, keys, vault = MemoryStore(), Kms(), Vault()
    if method == "unwrap":
        with clio.Sdk.open(own(url, tmp_path, store=store, tokens=vault, keys=keys)) as sdk:
            connect(sdk)
    broken = Broken(keys, method, interrupted(interruption[0]))
    with clio.Sdk.open(own(url, tmp_path, store=store, tokens=vault, keys=broken)) as sdk:
        with pytest.raises(clio.errors.HostError) as failed:
            if method == "wrap":
                connect(sdk)
            else:
                sdk.firm(ADMIN).settings.reload_practice_areas()
    assert failed.value.code == clio.Code.KEY_FAILED
    assert SECRET not in str(failed.value) + failed.value.to_json()


@RAISES
@pytest.mark.parametrize("method", ["load", "compare_and_swap", "delete"])
def test_a_vault_that_is_interrupted_counts_as_failed(
    url: str,
    tmp_path: Path,
    method: str,
    interruption: tuple[type[BaseException], bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, keys, vault = MemoryStore(), Kms(), Vault()
    broken = Broken(vault, method, interrupted(interruption[0]))
    if method != "compare_and_swap":
        with clio.Sdk.open(own(url, tmp_path, store=store, keys=keys, tokens=vault)) as sdk:
            connect(sdk)
    with clio.Sdk.open(own(url, tmp_path, store=store, keys=keys, tokens=broken)) as sdk:
        if method == "delete":
            sdk.firm(ADMIN).connection.end()
        else:
            with pytest.raises(clio.errors.HostError) as failed:
                if method == "load":
                    sdk.firm(ADMIN).settings.reload_practice_areas()
                else:
                    connect(sdk)
            assert failed.value.code == clio.Code.STORE_FAILED
            assert SECRET not in str(failed.value) + failed.value.to_json()
    if method == "delete":
        # Closing has delivered every line.
        assert "revoking goes on later firm=firm_1 code=store_failed" in caplog.text
    found = [checked for checked in check_tokens(cast(Any, broken)) if checked.wrong is not None]
    assert found and SECRET not in repr(found)


@RAISES
@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("load", "intake_unreadable"),
        ("stat", "document_unreadable"),
        ("open", "document_unreadable"),
    ],
)
def test_intakes_that_are_interrupted_count_as_failed(
    url: str, tmp_path: Path, method: str, code: str, interruption: tuple[type[BaseException], bool]
) -> None:
    broken = Broken(Office(), method, interrupted(interruption[0]))
    assert told(url, tmp_path, broken) == code


@RAISES
@pytest.mark.parametrize("method", ["read", "close"])
def test_readers_that_are_interrupted_count_as_failed(
    url: str, tmp_path: Path, method: str, interruption: tuple[type[BaseException], bool]
) -> None:
    office = Office()

    class Opening(Office):
        def open(self, document: Any, offset: int) -> Any:
            return Broken(office.open(document, offset), method, interrupted(interruption[0]))

    # Reading is over when a reader is closed: what closing says changes nothing.
    assert told(url, tmp_path, Opening()) == ("document_unreadable" if method == "read" else None)


def told(url: str, folder: Path, intakes: object) -> str | None:
    """The code with which a sync over these intakes ends."""
    with clio.Sdk.open(own(url, folder, intakes=intakes)) as sdk:
        connect(sdk)
        try:
            report = sdk.firm(ADMIN).matters.sync("mat_1")
        except clio.CasehugClioError as error:
            assert SECRET not in str(error) + error.to_json()
            return error.code
        errors = [step.error for step in report.steps if step.error is not None]
        assert SECRET not in repr(report)
        return errors[0].code if errors else None


def test_an_intake_that_is_too_large_is_not_asked_for_again(url: str, tmp_path: Path) -> None:
    class Large(Office):
        def load(self, firm: str, matter: str) -> str:
            return " " * (8 * 1024 * 1024 + 1)

    assert told(url, tmp_path, Large()) == "intake_malformed"


@pytest.mark.parametrize("method", ["wrap", "unwrap", "load", "read"])
def test_a_number_is_not_that_many_zeros(url: str, tmp_path: Path, method: str) -> None:
    office, kms, number = Office(), Kms(), cast(bytes, 8)

    class Number(Office, Kms):
        def wrap(self, key: bytes, associated: bytes) -> clio.ports.WrappedKey:
            wrapped = kms.wrap(key, associated)
            return clio.ports.WrappedKey("kms-1", number) if method == "wrap" else wrapped

        def unwrap(self, wrapped: clio.ports.WrappedKey, associated: bytes) -> bytes:
            return number if method == "unwrap" else kms.unwrap(wrapped, associated)

        def load(self, firm: str, matter: str) -> str:
            return cast(str, number) if method == "load" else office.load(firm, matter)

        def open(self, document: Any, offset: int) -> Any:
            opened = office.open(document, offset)
            return Broken(opened, "read", lambda: number) if method == "read" else opened

    if method in ("wrap", "unwrap"):
        wrong = [checked for checked in check_keys(Number()) if checked.wrong is not None]
        assert any("failed" in str(checked.wrong) for checked in wrong), wrong
        return
    code = {"load": "intake_unreadable", "read": "document_unreadable"}[method]
    assert told(url, tmp_path, Number()) == code
    assert made(url)[2] == 0


def test_a_store_that_answers_nothing_has_not_committed(url: str, tmp_path: Path) -> None:
    with clio.Sdk.open(
        own(url, tmp_path, store=Broken(MemoryStore(), "commit", lambda: None))
    ) as sdk:
        with pytest.raises(clio.errors.HostError) as failed:
            connect(sdk)
    assert failed.value.code == clio.Code.STORE_FAILED


@pytest.mark.parametrize(
    "answer", [clio.ports.Done(-1), clio.ports.Done(2**80), clio.ports.Done(cast(int, "now"))]
)
def test_a_store_s_clock_is_looked_at(url: str, tmp_path: Path, answer: object) -> None:
    with clio.Sdk.open(
        own(url, tmp_path, store=Broken(MemoryStore(), "commit", lambda: answer))
    ) as sdk:
        with pytest.raises(clio.errors.HostError) as failed:
            connect(sdk)
    assert failed.value.code == clio.Code.STORE_FAILED


def test_requests_go_on_while_all_methods_of_the_host_hang(url: str, tmp_path: Path) -> None:
    begun, release = threading.Semaphore(0), threading.Event()

    class Hanging(Office):
        def load(self, firm: str, matter: str) -> str:
            begun.release()
            release.wait(60)
            return super().load(firm, matter)

    # A name: to resolve it takes a thread.
    place = config(url.replace("127.0.0.1", "localhost"), tmp_path, intake_folder=None)
    given = replace(place, intakes=Hanging())
    with clio.Sdk.open(given) as sdk:
        connect(sdk)
    # Nothing is connected to Clio yet.
    with clio.Sdk.open(given) as sdk, ThreadPoolExecutor(8) as threads:
        try:
            for number in range(8):
                threads.submit(sdk.firm(ADMIN).matters.sync, f"mat_{number}")
            assert all(begun.acquire(timeout=20) for _ in range(8))
            connect(sdk, clio.Actor("usr_1", "firm_2", clio.Role.ADMIN))
        finally:
            release.set()


def test_a_call_inside_a_port_is_refused_at_once(url: str, tmp_path: Path) -> None:
    opened: list[clio.Sdk] = []
    reasons: set[str] = set()

    def again() -> object:
        for call in (
            lambda: opened[0].firm(ADMIN).connection.get(),
            lambda: opened[0].close(),
            lambda: opened[0].start_worker(),
            lambda: opened[0].handle_webhook("t", [], b""),
            lambda: clio.Sdk.open(own(url, tmp_path)),
        ):
            with pytest.raises(clio.errors.InputError) as refused:
                call()
            reasons.add(refused.value.context["reason"])
        return None

    with clio.Sdk.open(own(url, tmp_path, store=Broken(MemoryStore(), "get", again))) as sdk:
        opened.append(sdk)
        assert sdk.firm(ADMIN).connection.get() is None
    assert reasons == {"call_inside_callback"}


def test_the_log_holds_no_client_and_no_secret(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "casehug_clio")
    with clio.Sdk.open(own(url, tmp_path)) as sdk:
        connect(sdk)
        sdk.firm(ADMIN).matters.sync("mat_1")
    assert "resource=contacts" in caplog.text
    assert "Byron" not in caplog.text and "casehug-dev-secret" not in caplog.text


def test_a_logger_that_raises_hurts_nothing(url: str, tmp_path: Path) -> None:
    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise SystemExit(SECRET)

    logger = logging.Logger("raising", logging.DEBUG)
    logger.addHandler(Raising())
    with clio.Sdk.open(own(url, tmp_path, logger=logger)) as sdk:
        connect(sdk)
        assert sdk.firm(ADMIN).matters.sync("mat_1").status == clio.types.RunStatus.SUCCEEDED


@RAISES
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_line_of_the_log_that_is_interrupted_hurts_nothing(
    url: str, tmp_path: Path, kind: type[BaseException]
) -> None:
    def line(*_: object) -> object:
        raise kind(SECRET)

    with mock.patch.object(_ports.LogTrait, "line", line):
        sdk = clio.Sdk.open(own(url, tmp_path))
        with sdk:
            connect(sdk)
            assert sdk.firm(ADMIN).matters.sync("mat_1").status == clio.types.RunStatus.SUCCEEDED


def test_every_method_of_every_port_is_interrupted_above() -> None:
    methods = {
        "Store": {"get", "scan", "commit"},
        "Tokens": {"load", "compare_and_swap", "remove"},
        "Keys": {"wrap", "unwrap"},
        "Intakes": {"load", "stat", "open"},
        "Reader": {"read", "close"},
        "Log": {"line"},
    }
    there = {
        name[4:]: {method for method in vars(trait) if not method.startswith("_")}
        for name, trait in vars(native).items()
        if name.startswith("Host") and isinstance(trait, type) and not issubclass(trait, Exception)
        if not name.endswith("Impl")
    }
    assert there == methods
