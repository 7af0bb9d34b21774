"""What pip runs of the sdist."""

from __future__ import annotations

from support import ROOT


def test_the_sdist_builds_wherever_it_is_unpacked() -> None:
    script = ROOT / "bindings/python/scripts/pack.py"
    # As in an image that has it in /app.
    names = {"__file__": "/app/scripts/pack.py", "__name__": "pack"}
    exec(compile(script.read_text(), script, "exec"), names)
    assert "pack" in names
