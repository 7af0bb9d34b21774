"""How the SDK is opened, and who asks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from . import _ports, ports
from ._load import native


class Role(Enum):
    """What a user may do."""

    ADMIN = "admin"
    """An admin of the firm."""

    MEMBER = "member"
    """Anybody else in it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as you authenticated them."""

    user: str
    """The user's id in CaseHug."""

    firm: str
    """The user's firm."""

    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How the SDK is opened. Secrets are not shown by `repr`."""

    client_id: str
    """The Clio app's client id."""

    client_secret: str = field(repr=False)
    """The Clio app's client secret."""

    clio: str
    """The region of Clio, `us`, `eu`, `ca` or `au`, or a URL for tests and proxies."""

    database: str | None = field(default=None, repr=False)
    """`sqlite:FILE` or `postgres://USER@HOST/DATABASE`. Or give a `store`."""

    store: ports.Store | None = None
    """A database of yours."""

    tokens: ports.Tokens | None = None
    """A vault of yours for the sealed tokens; None: they are in the store."""

    sealing_key: str | None = field(default=None, repr=False)
    """The root key: 32 bytes as hexadecimal digits or base64. Or give `keys`."""

    sealing_key_id: str | None = None
    """Its name."""

    earlier_sealing_keys: Mapping[str, str] = field(
        default_factory=dict[str, str], repr=False, hash=False
    )
    """Root keys by name that sealed before it, until `rewrap_keys` was called for every firm."""

    keys: ports.Keys | None = None
    """Wraps and unwraps, as a KMS does."""

    intake_folder: str | None = None
    """A folder of intakes (docs/intake-format.md): one firm's, and whatever firm is named gets it. With `{firm}` in
    its path, `intakes/{firm}` say, each firm has the folder that is named by its id, and none gets another's. Or give
    `intakes`."""

    intakes: ports.Intakes | None = None
    """Your matters and documents."""

    webhook_url: str | None = None
    """Where Clio delivers; None: the status of matters is polled."""

    late_execution_window: timedelta | None = None
    """How long Clio may still execute a request that was given up on: 2 minutes, unless set."""

    index_delay: timedelta | None = None
    """How long Clio's lists may not show what was created: 1 minute, unless set."""

    request_timeout: timedelta | None = None
    """For one call to Clio: 30 seconds, unless set."""

    proxy: str | None = field(default=None, repr=False)
    """`http://[USER:PASSWORD@]HOST:PORT`. The environment is not asked."""

    root_certificates: str | None = None
    """PEM, trusted beside Mozilla's."""

    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("casehug_clio"))
    """Is told what happens, without client data, at the level that it has when the SDK is opened."""


def ms(span: timedelta | None) -> int | None:
    if span is not None and span < timedelta(0):
        raise ValueError("a span of time is not negative")
    return None if span is None else round(span / timedelta(milliseconds=1))


def opened(config: Config) -> native.Engine:
    """Opens the library's part."""
    return native.Engine(
        native.Config(
            client_id=config.client_id,
            client_secret=config.client_secret,
            clio=config.clio,
            database=config.database,
            sealing_key_id=config.sealing_key_id,
            sealing_key=config.sealing_key,
            earlier_sealing_keys=dict(config.earlier_sealing_keys),
            intake_folder=config.intake_folder,
            webhook_url=config.webhook_url,
            late_execution_window_ms=ms(config.late_execution_window),
            index_delay_ms=ms(config.index_delay),
            request_timeout_ms=ms(config.request_timeout),
            proxy=config.proxy,
            root_certificates=config.root_certificates,
            log_level=_ports.level_of(config.logger),
        ),
        native.Ports(
            store=None if config.store is None else _ports.StoreTrait(config.store),
            tokens=None if config.tokens is None else _ports.TokensTrait(config.tokens),
            keys=None if config.keys is None else _ports.KeysTrait(config.keys),
            intakes=None if config.intakes is None else _ports.IntakesTrait(config.intakes),
            log=_ports.LogTrait(config.logger),
        ),
    )


def native_actor(actor: Actor | None) -> native.Actor | None:
    """The actor, as the library takes it; it refuses nobody."""
    if actor is None:
        return None
    role = {Role.ADMIN: native.Role.ADMIN, Role.MEMBER: native.Role.MEMBER}[actor.role]
    return native.Actor(user=actor.user, firm=actor.firm, role=role)
