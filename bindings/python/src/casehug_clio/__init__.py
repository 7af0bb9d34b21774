"""Syncs CaseHug's contacts, matters and approved documents to Clio Manage.

The CaseHug-Clio SDK, a Rust library, with Python's manners: `Sdk` for blocking programs and `AsyncSdk`
for asyncio, dataclasses, one exception class per kind of error, and stores, keys and intakes of your
own as protocols. Typed throughout.
"""

import logging

from . import errors, operations, ports, types
from ._call import Cancellation
from ._config import Actor, Config, Role
from ._load import LoadError
from ._sdk import AsyncSdk, Sdk, WebhookReply
from ._version import VERSION as __version__
from .errors import CasehugClioError, Code, Retry
from .operations import AsyncFirm, AsyncHost, Firm, Host

__all__ = [
    "Actor",
    "AsyncFirm",
    "AsyncHost",
    "AsyncSdk",
    "Cancellation",
    "CasehugClioError",
    "Code",
    "Config",
    "Firm",
    "Host",
    "LoadError",
    "Retry",
    "Role",
    "Sdk",
    "WebhookReply",
    "__version__",
    "errors",
    "operations",
    "ports",
    "types",
]

# Who wants to hear it gives the logger a handler.
logging.getLogger("casehug_clio").addHandler(logging.NullHandler())
