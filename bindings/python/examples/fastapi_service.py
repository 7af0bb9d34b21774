"""A CaseHug-like service on FastAPI: connect, approve, status, and Clio's webhooks.

Run it with `uvicorn --no-access-log fastapi_service:app`, after setting CLIO_CLIENT_ID, CLIO_CLIENT_SECRET,
CLIO_URL (us, eu, ca, au), CLIO_DATABASE, CLIO_SEALING_KEY, CLIO_INTAKES and PUBLIC_URL. CLIO_INTAKES holds a folder
for each firm, named by its id. Each worker process opens an SDK of its own, in its lifespan: after the fork.

An access log would hold the codes with which Clio sends browsers back, and the tokens of webhook addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

import casehug_clio as clio
from casehug_clio import types

LOG = logging.getLogger("service")
LEAST_WAIT = timedelta(seconds=1)
MOST_BODY = 64 * 1024
"""Bytes. No delivery of Clio's is larger, and anybody may post."""

STATUSES: dict[tuple[str, str], str] = {}
"""Stands for your own table of matters: their status, by firm and id."""


def config() -> clio.Config:
    """From the environment."""
    given = os.environ
    return clio.Config(
        client_id=given["CLIO_CLIENT_ID"],
        client_secret=given["CLIO_CLIENT_SECRET"],
        clio=given["CLIO_URL"],
        database=given["CLIO_DATABASE"],
        sealing_key=given["CLIO_SEALING_KEY"],
        sealing_key_id="k1",
        # Without the firm in it, whoever guesses another firm's matter could have it in their
        # own Clio.
        intake_folder=f"{given['CLIO_INTAKES']}/{{firm}}",
        webhook_url=f"{given['PUBLIC_URL']}/clio/hooks",
    )


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Opens the SDK, works for all firms, and listens to what happens."""
    async with await clio.AsyncSdk.open(config()) as sdk:
        app.state.sdk = sdk
        sdk.start_worker()
        listening = asyncio.create_task(listen(sdk))
        yield
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def listen(sdk: clio.AsyncSdk) -> None:
    """Listens for as long as the service runs: a database that is away for a while ends nothing."""
    wait = LEAST_WAIT
    while True:
        try:
            async for event in sdk.events():
                tell(event)
                wait = LEAST_WAIT
        except Exception:
            # What was not acknowledged comes again after a minute.
            LOG.exception("listening to events again in %s", wait)
            await asyncio.sleep(wait.total_seconds())
            wait = min(2 * wait, timedelta(minutes=1))


def tell(event: types.OutboxEvent) -> None:
    """Tells who waits what happened: here the log, and what is shown of matters."""
    match event.event:
        case types.EventBodyRunFinished(matter=matter, status=status):
            LOG.info("matter %s: %s", matter, status)
        case types.EventBodyMatterStatus(matter=matter, status=status):
            # Where your own matters are stored.
            STATUSES[event.firm, matter] = status
        case types.EventBodyReconnectRequired():
            LOG.warning("firm %s has to connect again", event.firm)
        case _:
            pass


app = FastAPI(lifespan=lifespan)


def actor(
    user: Annotated[str, Header()],
    firm: Annotated[str, Header()],
    role: Annotated[clio.Role, Header()],
) -> clio.Actor:
    """Stands for your own login: the session says who asks, never the request. As it is, whoever reaches this service
    may be anybody."""
    return clio.Actor(user, firm, role)


def asked(request: Request, who: Annotated[clio.Actor, Depends(actor)]) -> clio.AsyncFirm:
    """What this user may ask for."""
    sdk: clio.AsyncSdk = request.app.state.sdk
    return sdk.firm(who)


Firm = Annotated[clio.AsyncFirm, Depends(asked)]

STATUS = {
    "auth": 409,
    "permission": 403,
    "plan": 402,
    "input": 422,
    "rate_limit": 429,
    "network": 502,
    "clio": 502,
    "host": 503,
}


@app.exception_handler(clio.CasehugClioError)
async def failed(_: Request, error: clio.CasehugClioError) -> JSONResponse:
    """The error as it is: it holds no client data, and its message is for a firm's administrator."""
    return JSONResponse({"code": error.code, "message": error.message}, STATUS.get(error.kind, 500))


@app.get("/clio/connect")
async def connect(firm: Firm) -> dict[str, str]:
    """The page to which an admin's browser goes."""
    start = await firm.connection.begin(f"{os.environ['PUBLIC_URL']}/clio/callback")
    return {"page": start.authorize_url}


@app.get("/clio/callback")
async def callback(request: Request, firm: Firm) -> RedirectResponse:
    """Where Clio sends the browser back to."""
    await firm.connection.finish(request.url.query)
    return RedirectResponse("/settings/integrations", 303)


@app.post("/matters/{matter}/approve", status_code=202)
async def approve(matter: str, firm: Firm) -> dict[str, bool]:
    """The intake was approved: it is synced by a worker, in this process or another."""
    answer = await firm.matters.trigger(matter=matter, trigger=types.Trigger.APPROVED)
    return {"accepted": answer.accepted}


@app.get("/matters/{matter}")
async def status(
    matter: str, firm: Firm, who: Annotated[clio.Actor, Depends(actor)]
) -> dict[str, str | None]:
    """Where the matter stands."""
    state = await firm.matters.state(matter)
    open_or_closed = STATUSES.get((who.firm, matter))
    return {"sync": state.status, "status": open_or_closed, "clio": state.clio_url}


@app.post("/clio/hooks/{token}")
async def hook(token: str, request: Request) -> Response:
    """What Clio posts: headers and body go on as they came."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY:
            return Response(status_code=413)
    sdk: clio.AsyncSdk = request.app.state.sdk
    reply = await sdk.handle_webhook(token, request.headers.raw, bytes(body))
    return Response(status_code=reply.status, headers=dict(reply.headers))
