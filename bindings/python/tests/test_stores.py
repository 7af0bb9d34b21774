"""The suite that every store of every language passes, on stores in Python; and stores that break
one promise each, which it finds by name.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
from memory_store import WRONG, MemoryStore
from office import Kms, Vault
from psycopg import sql
from psycopg_pool import ConnectionPool
from support import ROOT, config, connect, pooled, postgres

import casehug_clio as clio
from casehug_clio.ports import Done, Key, Put, SealedTokens, Store
from casehug_clio.testing import check_keys, check_store, check_tokens

sys.path.append(str(ROOT / "bindings/python/examples"))

from postgres_store import PostgresStore
from sqlite_store import SqliteStore


def suite(store: Store, second: Store | None = None) -> dict[str, str | None]:
    """Each case, and what the store did wrong."""
    return {checked.case: checked.wrong for checked in check_store(store, second)}


def passes(store: Store, second: Store | None = None) -> None:
    outcomes = suite(store, second)
    assert len(outcomes) >= 30
    assert {case: wrong for case, wrong in outcomes.items() if wrong is not None} == {}


def test_a_store_in_memory_passes() -> None:
    passes(MemoryStore())


def test_a_store_on_sqlite3_passes(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    with ThreadPoolExecutor(8) as threads:
        # Several processes that open it for the first time at once.
        opening = [threads.submit(SqliteStore, path) for _ in range(8)]
        stores = [opened.result() for opened in opening]
    passes(*stores[:2])
    for store in stores:
        store.close()


def test_a_store_on_sqlite3_waits_for_another_process_that_opens_the_new_file(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "store.db")
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        other.execute("BEGIN IMMEDIATE")
        opening = threads.submit(SqliteStore, path)
        time.sleep(0.3)
        other.execute("ROLLBACK")
        with contextlib.closing(opening.result()) as store:
            assert store.get(Key("firm", "collection", "id")) is None


def test_a_store_on_sqlite3_refuses_what_is_no_file() -> None:
    with pytest.raises(ValueError, match="journal mode memory"):
        SqliteStore(":memory:")


def test_threads_that_end_leave_no_connection_behind(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "store.db"))

    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = files()
    for _ in range(20):
        thread = threading.Thread(target=store.get, args=[Key("firm", "collection", "id")])
        thread.start()
        thread.join()
    assert files() <= before
    store.close()
    assert files() < before


def test_the_file_of_shards_says_where_a_firm_is(url: str, tmp_path: Path) -> None:
    databases = {name: f"sqlite:{tmp_path / name}.db" for name in ("a", "b")}
    plan = {"databases": databases, "firms": {"firm_2": "b"}, "others": "a"}
    (tmp_path / "shards.json").write_text(json.dumps(plan))
    with clio.Sdk.open(config(url, tmp_path, database=f"shards:{tmp_path}/shards.json")) as sdk:
        for firm in ("firm_1", "firm_2"):
            connect(sdk, clio.Actor("usr_1", firm, clio.Role.ADMIN))
    for name, firm in (("a", "firm_1"), ("b", "firm_2")):
        with contextlib.closing(sqlite3.connect(tmp_path / f"{name}.db")) as opened:
            assert opened.execute("SELECT DISTINCT firm FROM records").fetchall() == [(firm,)]


@pytest.mark.parametrize("server", [postgres, pooled])
def test_a_store_on_psycopg_passes(server: Callable[[], AbstractContextManager[str]]) -> None:
    with (
        server() as url,
        ConnectionPool(url, max_size=8, kwargs={"prepare_threshold": None}) as pool,
        ThreadPoolExecutor(8) as threads,
    ):
        pool.wait()
        # Several processes that open it for the first time at once.
        opening = [threads.submit(PostgresStore, pool.connection) for _ in range(8)]
        first, second, *_ = [opened.result() for opened in opening]
        passes(first, second)


@pytest.mark.parametrize(
    ("synchronous", "timeout", "used"),
    [("off", "0", ("on", "10s")), ("remote_apply", "3s", ("remote_apply", "3s"))],
)
def test_a_store_on_psycopg_passes_whatever_the_database_s_defaults_are(
    synchronous: str, timeout: str, used: tuple[str, str]
) -> None:
    with postgres() as url:
        with psycopg.connect(url, autocommit=True) as plain:
            for setting, value in {
                "default_transaction_isolation": "repeatable read",
                "synchronous_commit": synchronous,
                "lock_timeout": timeout,
            }.items():
                plain.execute(
                    sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                        sql.Identifier(plain.info.dbname), sql.Identifier(setting), value
                    )
                )
        with ConnectionPool(url, max_size=8, open=True) as pool:
            first, second = PostgresStore(pool.connection), PostgresStore(pool.connection)
            passes(first, second)
            with psycopg.connect(url, autocommit=True) as plain:
                # What a commit runs under, as it writes.
                plain.execute("CREATE TABLE seen (isolation text, synchronous text, timeout text)")
                plain.execute(
                    "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                    " INSERT INTO seen VALUES (current_setting('transaction_isolation'),"
                    " current_setting('synchronous_commit'), current_setting('lock_timeout'));"
                    " RETURN new; END $$"
                )
                plain.execute(
                    "CREATE TRIGGER see BEFORE INSERT ON clio_records"
                    " FOR EACH ROW EXECUTE FUNCTION see()"
                )
                put = Put(Key("firm_1", "link", "seen"), None, "1", None, "{}")
                assert isinstance(first.commit([put]), Done)
                assert plain.execute("SELECT * FROM seen").fetchall() == [("read committed", *used)]
                # The connections go back as they came.
                with pool.connection() as lent:
                    row = lent.execute("SHOW synchronous_commit").fetchone()
                    assert row == (synchronous,)


def test_nothing_is_committed_in_a_transaction_that_somebody_left_open() -> None:
    with postgres() as url, psycopg.connect(url) as lent:
        store = PostgresStore(lambda: contextlib.nullcontext(lent))
        put = Put(Key("firm_1", "link", "a"), None, "1", None, "{}")
        lent.execute("SELECT 1")
        with pytest.raises(RuntimeError):
            store.commit([put])
        lent.rollback()
        assert isinstance(store.commit([put]), Done)
        lent.rollback()
        assert store.get(put.key) is not None


@pytest.mark.parametrize("promise", WRONG)
def test_a_store_that_breaks_a_promise_is_found_by_name(promise: str) -> None:
    case, wrong = WRONG[promise]
    found = {case for case, outcome in suite(wrong()).items() if outcome is not None}
    assert case in found


def test_a_vault_and_keys_pass() -> None:
    for outcomes in (check_tokens(Vault()), check_keys(Kms())):
        assert len(outcomes) >= 3
        assert [checked for checked in outcomes if checked.wrong is not None] == []


def test_a_vault_that_overwrites_is_found_by_name() -> None:
    class Overwrites(Vault):
        def compare_and_swap(
            self, firm: str, connection: str, expected: str | None, sealed: SealedTokens
        ) -> bool:
            known = self.load(firm, connection)
            return super().compare_and_swap(
                firm, connection, None if known is None else known.version, sealed
            )

    wrong = [checked.case for checked in check_tokens(Overwrites()) if checked.wrong is not None]
    assert any("swap" in case or "conflict" in case for case in wrong), wrong
