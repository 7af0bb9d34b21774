"""Values of Python as JSON, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Final, TypeVar, cast

_T = TypeVar("_T")


class OpenEnum(str, Enum):
    """An enumeration to which later versions may add: a value that this version does not know is a
    member without a constant of its own.
    """

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_, member._value_ = value, value
        return member

    def __str__(self) -> str:
        return str(self._value_)


class Clear(Enum):
    """Takes a value away, where None leaves it as it is."""

    CLEAR = "clear"


CLEAR: Final = Clear.CLEAR


def time(text: Any) -> datetime:
    """Reads RFC 3339."""
    # `fromisoformat` knows no Z before Python 3.11.
    return datetime.fromisoformat(str(text).replace("Z", "+00:00"))


def optional(read: Callable[[Any], _T], value: Any) -> _T | None:
    """Reads what may be null."""
    return None if value is None else read(value)


def listed(value: Any) -> list[Any]:
    """Reads a list that may be left out."""
    return value or []


def mapped(value: Any) -> dict[str, Any]:
    """Reads a map that may be left out."""
    return value or {}


def encode(arguments: Mapping[str, object]) -> str:
    """Arguments as one JSON object.

    Raises TypeError for what no JSON stands for, and ValueError for a time without a zone.
    """
    return json.dumps(arguments, default=_plain, allow_nan=False)


def _plain(value: object) -> object:
    if value is CLEAR:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs a zone: datetime.now(timezone.utc)")
        try:
            value = value.astimezone(timezone.utc)
        except OverflowError:
            # At the ends of what Python has: the offset says the same, and core looks at it.
            return value.isoformat()
        return value.isoformat().replace("+00:00", "Z")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        raw = getattr(value, "raw", None)
        if raw is not None:
            return raw
        # What has a default may be left out; what has none is sent, null as well.
        plain = {
            field.name: part
            for field in dataclasses.fields(value)
            if (part := getattr(value, field.name)) is not None or field.default is not None
        }
        tag: tuple[str, str] | None = getattr(value, "TAG", None)
        return plain if tag is None else {tag[0]: tag[1], **plain}
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    raise TypeError(f"{type(value).__name__} is nothing that an operation takes")
