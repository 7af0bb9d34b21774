"""What operations take and give: what is taken away, and what is not shown."""

from __future__ import annotations

import dataclasses
import json

from support import ADMIN, CALLBACK, ROOT

import casehug_clio as clio
from casehug_clio import types

API = json.loads((ROOT / "api/operations.json").read_text())


def test_the_fallback_area_is_taken_away(sdk: clio.Sdk) -> None:
    settings = sdk.firm(ADMIN).settings
    area = settings.reload_practice_areas()[0].id
    for revision, (change, now) in enumerate([(area, area), (None, area), (types.CLEAR, None)]):
        settings.change(types.SettingsChange(revision=revision, fallback_area=change))
        assert settings.get().fallback_area == now


def test_data_of_people_and_the_state_of_a_connect_are_not_shown(sdk: clio.Sdk) -> None:
    start = sdk.firm(ADMIN).connection.begin(CALLBACK)
    assert "state=" in start.authorize_url and "state=" not in repr(start)
    connection = sdk.firm(ADMIN).connection.get()
    assert connection is not None and connection.user is not None
    assert connection.user.id in repr(connection) and connection.user.email not in repr(connection)
    hidden = {
        (name, field["name"])
        for name, described in API["types"].items()
        for field in described.get("fields", [])
        if field.get("confidential")
    }
    for name, field in hidden:
        shown = {one.name: one.repr for one in dataclasses.fields(getattr(types, name))}
        assert not shown[field], (name, field)
    # As core's `Debug` has it.
    assert {name for name, _ in hidden} == {
        "ClioAccount",
        "ClioUser",
        "ConnectStart",
        "ConnectionHealth",
        "ProposedContact",
        "SeenMapping",
    }
    unknown = types.EventBodyUnknown(raw={"event": "later", "name": "Ada Byron"})
    assert "Byron" not in repr(unknown)
