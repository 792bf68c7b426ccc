"""The catalogue: which published weights there are, out of which packages, and which engines they serve."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from search_spaces.errors import unknown_name
from search_spaces.strict_yaml import load_yaml
from search_spaces.validation import explained, refuse

CATALOGUE = Path(__file__).parent / "catalogue.yaml"
WHOLE_FOLDER = "."
"""In the options of an engine: the folder with all files, where an engine takes that as its model."""


class Entry(BaseModel):
    """A part of the catalogue: read once, checked, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Licence(Entry):
    """`text` is a file of the weights, or an address; `accept` the word that accepts it ("": it need not be).

    `terms` is where it can be read before anything is fetched, for one that must be accepted.
    """

    name: str
    text: str
    accept: str = ""
    terms: str = ""


class Part(Entry):
    """A file in a package."""

    package: str
    path: str


def _part(text: object) -> object:
    package, colon, path = str(text).partition(":")
    if not colon:
        refuse("is no PACKAGE:PATH")
    return {"package": package, "path": path}


class File(Entry):
    """A file of the weights: its parts in their order, and what they are when joined."""

    parts: tuple[Annotated[Part, BeforeValidator(_part)], ...] = Field(min_length=1)
    size_bytes: int = Field(alias="bytes", ge=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Published(Entry):
    """Weights by the name that `model=NAME` takes.

    `packages` maps each package to its version, `engines` each engine that the weights serve to the options of its
    `model` configuration; an option that is a file's name, or `WHOLE_FOLDER`, stands for the path.
    """

    name: str
    what: str
    task: str
    licence: Licence
    packages: Mapping[str, str]
    files: Mapping[str, File]
    engines: Mapping[str, Mapping[str, str]]

    @model_validator(mode="after")
    def _packages_are_those_of_the_parts(self) -> Published:
        asked = {part.package for file in self.files.values() for part in file.parts}
        if asked != set(self.packages):
            refuse(f"takes parts of {', '.join(sorted(asked))}, and these are not its packages")
        return self

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files.values())


@lru_cache(maxsize=4)
def catalogue(path: Path = CATALOGUE) -> Mapping[str, Published]:
    """All weights by name. Raises TunerError where the file is not what it should be."""
    kind = dict[str, Published]
    entries = load_yaml(path.read_text(encoding="utf-8"), path.name)
    try:
        return TypeAdapter(kind).validate_python({name: {**entry, "name": name} for name, entry in entries.items()})
    except ValidationError as error:
        raise explained(error.errors(), kind, path.name) from None


def published(name: str) -> Published:
    """The weights called `name`. Raises TunerError with the nearest match."""
    known = catalogue()
    if name not in known:
        raise unknown_name("model", name, known)
    return known[name]
