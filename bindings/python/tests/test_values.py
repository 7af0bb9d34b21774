"""Values at their ends: each is what was given, or is refused by name, and never another one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from office import Office
from support import ADMIN, config, connect, holds, made

import casehug_clio as clio
from casehug_clio import types
from casehug_clio.ports import Document, Reader

HOUR = timezone(timedelta(hours=1))
TIMES = {
    # A change is known to the second.
    "1969-12-31T23:59:59.000Z": datetime(1969, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
    "1900-01-01T00:00:00.000Z": datetime(1900, 1, 1, 1, tzinfo=HOUR),
    "0005-06-07T08:09:10.000Z": datetime(5, 6, 7, 8, 9, 10, tzinfo=timezone.utc),
    "0001-01-01T00:00:00.000Z": datetime.min.replace(tzinfo=timezone.utc),
    # In UTC it is in a year that Python does not have.
    "0000-12-31T23:00:00.000Z": datetime.min.replace(tzinfo=HOUR),
}


@pytest.mark.parametrize("told", TIMES)
def test_a_time_before_1970_is_that_time(sdk: clio.Sdk, told: str) -> None:
    firm = sdk.firm(ADMIN)
    firm.matters.sync("mat_0001")
    sdk.host().record_status_change(firm="firm_1", matter="mat_0001", at=TIMES[told])
    assert firm.audit.list(types.AuditQuery(limit=1)).items[0].details["at"] == told
    # Mirrored at 1970, it would be after some entries.
    assert firm.audit.prune(TIMES[told]).entries == 0


@pytest.mark.parametrize("zone", [timezone.utc, timezone(-timedelta(hours=1))])
def test_a_time_that_the_sdk_does_not_have_is_refused(sdk: clio.Sdk, zone: timezone) -> None:
    with pytest.raises(clio.errors.InputError) as refused:
        sdk.firm(ADMIN).audit.prune(datetime.max.replace(tzinfo=zone))
    assert (refused.value.code, refused.value.path) == ("request_invalid", "before")


@pytest.mark.parametrize("number", [-1, 2**64, 2**70, -(2**63) - 1])
def test_a_number_that_no_count_holds_is_refused(sdk: clio.Sdk, number: int) -> None:
    with pytest.raises(clio.errors.InputError) as refused:
        sdk.firm(ADMIN).audit.export(from_=number, limit=100)
    assert (refused.value.code, refused.value.path) == ("request_invalid", "from")


def test_the_longest_span_is_no_short_one(url: str, tmp_path: Path) -> None:
    spans = ("request_timeout", "index_delay", "late_execution_window")
    longest = config(url, tmp_path, **{span: timedelta.max for span in spans})
    with clio.Sdk.open(longest) as sdk:
        connect(sdk)
        sdk.start_worker(poll=timedelta.max)
        sdk.stop_worker()
        report = sdk.firm(ADMIN, timeout=timedelta.max).matters.sync("mat_0001")
        assert report.status == types.RunStatus.SUCCEEDED


@pytest.mark.parametrize("name", ["request_timeout", "index_delay", "late_execution_window"])
def test_no_span_is_zero(url: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(clio.errors.InputError) as refused:
        clio.Sdk.open(config(url, tmp_path, **{name: timedelta(0)}))
    assert (refused.value.code, refused.value.path) == ("setting_invalid", name)


@pytest.mark.parametrize("poll", [timedelta(0), timedelta(milliseconds=9)])
def test_a_worker_waits_between_two_looks(sdk: clio.Sdk, poll: timedelta) -> None:
    with pytest.raises(clio.errors.InputError) as refused:
        sdk.start_worker(poll=poll)
    assert (refused.value.code, refused.value.path) == ("setting_invalid", "poll")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_webhook_s_bytes_may_be_of_any_kind(sdk: clio.Sdk, kind: Callable[[bytes], Any]) -> None:
    headers = [(kind(b"x-hook-signature"), kind(b"wrong"))]
    assert sdk.handle_webhook("nobody", headers, kind(b"{}")).status == 404
    other = clio.AsyncSdk(sdk._engine)
    assert asyncio.run(other.handle_webhook("nobody", headers, kind(b"{}"))).status == 404


@pytest.mark.parametrize("wrong", [5, None, "{}"])
def test_what_is_no_bytes_is_no_webhook(sdk: clio.Sdk, wrong: Any) -> None:
    with pytest.raises(TypeError):
        sdk.handle_webhook("nobody", {}, wrong)
    if not isinstance(wrong, str):
        with pytest.raises(TypeError):
            sdk.handle_webhook("nobody", [(b"x", wrong)], b"")


class Reading:
    """Reads as `kind`, of which a view may step over every other byte."""

    def __init__(self, inner: Reader, kind: Callable[[Any], Any]) -> None:
        self._inner, self._kind = inner, kind

    def read(self, most: int) -> Any:
        return self._kind(self._inner.read(most))

    def close(self) -> None:
        self._inner.close()


class Kinds(Office):
    def __init__(self, kind: Callable[[bytes], Any]) -> None:
        super().__init__(b"What the client sent." * 5000)
        self._kind = kind

    def open(self, document: Document, offset: int) -> Reader:
        return Reading(super().open(document, offset), self._kind)


def stepping(read: bytes) -> memoryview:
    return memoryview(bytes(byte for one in read for byte in (one, 0)))[::2]


@pytest.mark.parametrize("kind", [bytearray, memoryview, stepping])
def test_a_document_s_bytes_may_be_of_any_kind(
    url: str, tmp_path: Path, kind: Callable[[bytes], Any]
) -> None:
    office = Kinds(kind)
    with clio.Sdk.open(config(url, tmp_path, intake_folder=None, intakes=office)) as sdk:
        connect(sdk)
        report = sdk.firm(ADMIN).matters.sync("mat_1")
        assert report.status == types.RunStatus.SUCCEEDED
    assert made(url) == (1, 1, 1)
    assert holds(url)["documents"][0]["sha256"] == hashlib.sha256(office.content).hexdigest()


def test_a_reader_that_gives_a_number_fails(url: str, tmp_path: Path) -> None:
    office = Kinds(len)
    with clio.Sdk.open(config(url, tmp_path, intake_folder=None, intakes=office)) as sdk:
        connect(sdk)
        report = sdk.firm(ADMIN).matters.sync("mat_1")
        failed = [step.error for step in report.steps if step.error is not None]
    assert [error.code for error in failed] == ["document_unreadable"], report
    assert made(url)[2] == 0
