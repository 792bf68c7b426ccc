"""What the model files of one engine differ in from another's: how they are read, described, quantized, embedded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from engines.base import Progress
from engines.hub import Wanted
from search_spaces.parameter import Value


class Header(Protocol):
    """What a file says of itself, read without loading it."""

    @property
    def path(self) -> Path:
        """Where the file is."""
        ...

    @property
    def size_bytes(self) -> int:
        """How large the whole file is."""
        ...


H = TypeVar("H", bound=Header)


@dataclass(frozen=True)
class EmbeddedModel:
    """The model that needs no download, by shape: what its file depends on, about how large it is, and its writer."""

    what: str
    shapes: Collection[str]
    digest: Callable[[str], str]
    file_bytes: Callable[[str], int]
    write: Callable[[str, Path, Progress], None]


class FileFormat(Protocol[H]):
    """A format of model files: an engine that has one subclasses this. Stateless."""

    options: tuple[str, ...]
    """Model options of this engine beside `source`, `shape` and `variants`."""
    embedded_choice: str
    """How the command line names the embedded model: `model=…`."""
    hub_example: str
    """How a model on a hub is named: `hf:…`."""
    wanted: Wanted
    unquantized: tuple[str, ...]
    """Quantizations from which those `on_demand` can be made."""
    on_demand: tuple[str, ...]

    def embedded(self) -> EmbeddedModel:
        """The embedded model; its modules are imported here."""
        ...

    def file_of(self, path: Path, progress: Progress) -> Path:
        """The model file for a path of the user's: the path itself, unless it is something to make a file from.

        Raises ModelFileError, and CacheError where it cannot be made.
        """
        return path

    def read(self, path: Path) -> H:
        """The header of a file that the engine can load. Raises ModelFileError."""
        ...

    def read_as(self, quantization: str, path: Path) -> H:
        """The header of a file that the user says is of `quantization`. Raises TunerError where that cannot be."""
        return self.read(path)

    def quantization(self, header: H) -> str:
        """The file's own word for its precision."""
        ...

    def identity(self, header: H) -> Mapping[str, Value]:
        """What is the same in all variants of one model."""
        ...

    def name(self, header: H, config: Mapping[str, Any]) -> str:
        """What the model is called."""
        ...

    def facts(self, header: H, config: Mapping[str, Any], progress: Progress) -> dict[str, Value]:
        """What binds the search space and predicts memory; `header` is that of the largest variant.

        Raises TunerError for an option that is wrong.
        """
        ...

    def predicted_facts(self, header: H, quantization: str, progress: Progress) -> dict[str, Value]:
        """The facts of a variant that is not made yet, `file_mib_QUANTIZATION` among them."""
        ...

    def variant(self, source: Path, source_sha256: str, quantization: str, progress: Progress) -> Path:
        """The file of `source` in `quantization`, made unless the cache has it. Raises CacheError."""
        ...
