"""`pack.py PACKAGE_FOLDER VERSION TAG LICENCES OUT_FOLDER`: packs what `cargo xtask dist python`
has put together. The same input gives the same bytes. Prints the wheel's path.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

# The oldest time that a zip can name.
MOMENT = (1980, 1, 1, 0, 0, 0)


def root() -> Path:
    """The repository, for what packs from it. In an unpacked sdist there is none."""
    return Path(__file__).parents[3]


def metadata(version: str) -> str:
    """What an index shows of the package."""
    if sys.version_info < (3, 11):
        raise SystemExit("Python 3.11 or newer packs the wheel")
    import tomllib

    project = tomllib.loads((root() / "bindings/python/pyproject.toml").read_text())["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {version}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE-APACHE",
        "License-File: LICENSE-MIT",
        "License-File: LICENCES.txt",
        f"Keywords: {','.join(project['keywords'])}",
        *(f"Classifier: {classifier}" for classifier in project["classifiers"]),
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + "\n\n" + (root() / "bindings/python" / project["readme"]).read_text()


def licences(whole: Path) -> dict[str, bytes]:
    """By name: ours, and those of what is in the library."""
    ours = {name: (root() / name).read_bytes() for name in ("LICENSE-APACHE", "LICENSE-MIT")}
    return {**ours, "LICENCES.txt": whole.read_bytes()}


def pack(folder: Path, tag: str, licences: dict[str, bytes], metadata: str, out: Path) -> Path:
    """Writes the wheel."""
    version = metadata.split("\nVersion: ", 1)[1].split("\n", 1)[0]
    info = f"casehug_clio-{version}.dist-info"
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name, text in licences.items():
        files[f"{info}/licenses/{name}"] = text
    files[f"{info}/METADATA"] = metadata.encode()
    wheel = (
        f"Wheel-Version: 1.0\nGenerator: casehug-clio xtask\nRoot-Is-Purelib: false\nTag: {tag}\n"
    )
    files[f"{info}/WHEEL"] = wheel.encode()
    record = "".join(
        f"{name},sha256={digest(content)},{len(content)}\n" for name, content in files.items()
    )
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    path = out / f"casehug_clio-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.external_attr = (0o755 if name.endswith((".so", ".dylib")) else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, content)
    return path


def digest(content: bytes) -> str:
    """As RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    folder, version, tag, whole, out = sys.argv[1:]
    print(pack(Path(folder), tag, licences(Path(whole)), metadata(version), Path(out)))
