"""`sdist.py PACKAGE_FOLDER VERSION LICENCES OUT_FOLDER`: packs what builds the wheel elsewhere:
the package, the crates that its library needs, without their tests, and a lock file of these.
Prints its path.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from pack import licences, metadata, root

LIBRARY = "casehug-clio-uniffi"
HERE = Path(__file__).parent
ROOT = root()
BUILD_SYSTEM = (
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["scripts"]\n\n'
)
# Sections of a manifest that name what is not there.
LEFT_OUT = re.compile(r"\[(\[(test|bench|example)\]|.*dev-dependencies)\]")


def cargo(folder: Path, *arguments: str) -> str:
    command = ["cargo", *arguments]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def crates() -> list[Path]:
    """The folders of the library's crates, below the workspace's root."""
    told = json.loads(cargo(ROOT, "metadata", "--format-version=1", "--locked"))
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    left = [name for name, package in packages.items() if package["name"] == LIBRARY]
    found: set[str] = set()
    while left:
        one = left.pop()
        if one in found or packages[one]["source"] is not None:
            continue
        found.add(one)
        for dependency in nodes[one]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                left.append(dependency["pkg"])
    folders = (Path(packages[one]["manifest_path"]).parent for one in found)
    return sorted(folder.relative_to(ROOT) for folder in folders)


def manifest(text: str) -> str:
    """Without the sections of what only tests need."""
    kept, is_kept = [], True
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            is_kept = LEFT_OUT.match(line) is None
        if is_kept:
            kept.append(line)
    return "".join(kept)


def fill(folder: Path, package: Path, version: str, whole: Path) -> None:
    """Writes all files of the sdist."""
    members = crates()
    for crate in members:
        for path in sorted((ROOT / crate).rglob("*")):
            inner = path.relative_to(ROOT / crate)
            if path.is_file() and inner.parts[0] in ("src", "sql") and "tests" not in inner.parts:
                (folder / crate / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / crate / inner)
        (folder / crate / "Cargo.toml").write_text(
            manifest((ROOT / crate / "Cargo.toml").read_text())
        )
    listed = ", ".join(f'"{crate.as_posix()}"' for crate in members)
    workspace = (ROOT / "Cargo.toml").read_text()
    workspace = re.sub(r"members = \[.*?\]", f"members = [{listed}]", workspace, flags=re.DOTALL)
    (folder / "Cargo.toml").write_text(workspace)
    shutil.copy(ROOT / "Cargo.lock", folder)
    # Takes what is not needed out of the lock file; no version changes.
    cargo(folder, "metadata", "--format-version=1", "--offline")
    shutil.copytree(
        package, folder / "package", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    (folder / "scripts").mkdir()
    for name in ("backend.py", "pack.py"):
        shutil.copy(HERE / name, folder / "scripts")
    for name, text in licences(whole).items():
        (folder / name).write_bytes(text)
    info = metadata(version)
    (folder / "PKG-INFO").write_text(info)
    shutil.copy(HERE.parent / "README.md", folder)
    project = (HERE.parent / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(BUILD_SYSTEM + project.split("[tool.", 1)[0])


def archive(folder: Path, path: Path) -> None:
    """The same files give the same bytes."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as made,
    ):
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                entry = tarfile.TarInfo(str(one.relative_to(folder.parent)))
                content = one.read_bytes()
                entry.size, entry.mode = len(content), 0o644
                made.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    package, version, whole, out = sys.argv[1:]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / f"casehug_clio-{version}"
        folder.mkdir()
        fill(folder, Path(package), version, Path(whole))
        path = Path(out) / f"{folder.name}.tar.gz"
        archive(folder, path)
    print(path)
