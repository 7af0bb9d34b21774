"""Checks what you implement against everything that the SDK relies on, in tests of yours.

```python
@pytest.mark.parametrize("checked", check_store(MyStore()), ids=lambda checked: checked.case)
def test_my_store(checked): assert checked.wrong is None
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import _ports, ports
from ._call import FAILURES, fail
from ._load import native


@dataclass(frozen=True, slots=True)
class Checked:
    """One promise of a port."""

    case: str

    wrong: str | None
    """What was found; None: it is kept."""


def check_store(store: ports.Store, second: ports.Store | None = None) -> list[Checked]:
    """Checks a store: it is empty, and nobody else's. Takes seconds, and leaves records behind. What only
    a power cut shows is not checked.

    second: Another connection to the same records.
    """
    other = None if second is None else _ports.StoreTrait(second)
    return _told(lambda: native.check_store(_ports.StoreTrait(store), other))


def check_tokens(tokens: ports.Tokens) -> list[Checked]:
    """Checks a vault: it is empty, and nobody else's."""
    return _told(lambda: native.check_tokens(_ports.TokensTrait(tokens)))


def check_keys(keys: ports.Keys) -> list[Checked]:
    """Checks keys."""
    return _told(lambda: native.check_keys(_ports.KeysTrait(keys)))


def _told(check: Callable[[], list[native.Checked]]) -> list[Checked]:
    try:
        return [Checked(one.case, one.wrong) for one in check()]
    except FAILURES as failure:
        fail(failure)
