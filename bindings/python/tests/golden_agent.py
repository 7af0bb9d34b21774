"""The agent of Python (tests/golden/README.md): opens the SDK as the environment says, then does
what the lines of its standard input say.

`golden_agent.py async` is the one for asyncio.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import casehug_clio as clio
from casehug_clio import _wire

API = json.loads((Path(__file__).parents[3] / "api/operations.json").read_text())
OPERATIONS = {operation["name"]: operation for operation in API["operations"]}


def given(name: str) -> str:
    return os.environ[f"GOLDEN_{name}"]


def seconds(name: str) -> timedelta:
    return timedelta(seconds=int(given(name)))


def say(result: object) -> None:
    print(f"1\t{_wire.encode({'it': result})[7:-1] if result is not None else '{}'}", flush=True)


def fail(error: clio.CasehugClioError) -> None:
    print(f"{error.number}\t{error.to_json()}", flush=True)


async def now(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def actor(who: str) -> clio.Actor | None:
    if who == "-":
        return None
    user, firm, role = who.split(" ")
    return clio.Actor(user, firm, clio.Role(role))


async def call(sdk: Any, name: str, who: str, arguments: str) -> Any:
    """Through the method of the operation; by its name if no method can be called like that."""
    operation, values = OPERATIONS.get(name), json.loads(arguments)
    declared = [one["name"] for one in operation["arguments"]] if operation else []
    fits = (
        operation
        and (operation["group"] == "host") == (who == "-")
        and set(values) <= set(declared)
    )
    if not operation or not fits or not all(simple(one, values) for one in operation["arguments"]):
        asked = actor(who)
        if asked is None:
            return await now(sdk.call_host(name, arguments))
        return await now(sdk.call(asked, name, arguments))
    asked = actor(who)
    face = sdk.host() if asked is None else getattr(sdk.firm(asked), operation["group"])
    method = getattr(face, "import_" if operation["method"] == "import" else operation["method"])
    result = await now(
        method(**{"from_" if key == "from" else key: value for key, value in values.items()})
    )
    # As the wire says it: `null` of a result is JSON's.
    return {} if operation["result"] == "unit" else Null if result is None else result


def simple(argument: dict[str, Any], values: dict[str, Any]) -> bool:
    """Whether the value may be handed to the method as it stands in JSON."""
    return not argument["required"] or argument["name"] in values


class NullType:
    """`null`, where a result is one."""


Null = NullType()


async def answer(work: Callable[[], Awaitable[Any]]) -> bool:
    try:
        result = await work()
    except clio.CasehugClioError as error:
        fail(error)
        return False
    if result is Null:
        print("1\tnull", flush=True)
    else:
        say(result)
    return True


async def main(is_async: bool) -> None:
    earlier = given("EARLIER_SEALING_KEY_ID")
    config = clio.Config(
        client_id=given("CLIENT_ID"),
        client_secret=given("CLIENT_SECRET"),
        clio=given("CLIO_URL"),
        database=f"sqlite:{given('STORE')}",
        intake_folder=given("INTAKES"),
        sealing_key=given("SEALING_KEY"),
        sealing_key_id=given("SEALING_KEY_ID"),
        earlier_sealing_keys={earlier: given("EARLIER_SEALING_KEY")} if earlier else {},
        webhook_url=given("WEBHOOK_URL") or None,
        late_execution_window=seconds("LATE_EXECUTION_WINDOW_SECONDS"),
        index_delay=seconds("INDEX_DELAY_SECONDS"),
        request_timeout=seconds("REQUEST_TIMEOUT_SECONDS"),
    )
    opened: list[Any] = []

    async def opening() -> None:
        opened.append(await now((clio.AsyncSdk if is_async else clio.Sdk).open(config)))

    if not await answer(opening):
        return
    sdk = opened[0]
    for line in sys.stdin:
        what, *fields = line.rstrip("\n").split("\t")

        async def work(what: str = what, fields: list[str] = fields) -> Any:
            if what == "call":
                return await call(sdk, *fields)
            if what == "webhook":
                token, body, *headers = [bytes.fromhex(field) for field in fields]
                pairs = list(zip(headers[::2], headers[1::2], strict=True))
                reply = await now(sdk.handle_webhook(token.decode(), pairs, body))
                named = [{"name": name, "value": value} for name, value in reply.headers]
                return {"status": reply.status, "headers": named}
            if what == "worker":
                return await now(sdk.start_worker() if fields[0] == "start" else sdk.stop_worker())
            return await now(sdk.close())

        await answer(work)
        if what == "close":
            return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] == ["async"]))
