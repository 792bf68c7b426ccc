"""The official repository's folder: found, identified, and imported as its users import it.

CosyVoice has no usable distribution: people clone it with its submodule and put both folders on the path.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from engines.errors import MissingLibraryError
from engines.install import pip_hint

ENVIRONMENT = "COSYVOICE_REPO"
URL = "https://github.com/FunAudioLLM/CosyVoice"
_CLONE_HINT = f"git clone --recursive {URL} && export {ENVIRONMENT}=$PWD/CosyVoice, or write engine.repo=FOLDER"
_SUBMODULE = Path("third_party/Matcha-TTS")
_PARTS = ("cosyvoice", str(_SUBMODULE / "matcha"))
"""The packages whose code runs."""
PACKAGES = (
    "torch torchaudio transformers hyperpyyaml conformer diffusers==0.29.0 omegaconf hydra-core einops librosa "
    "x-transformers onnxruntime openai-whisper inflect wetext modelscope lightning gdown wget rich pyworld"
)
"""What the repository imports to synthesise speech, by its requirements.txt."""
_TORCHAUDIO = (
    "torchaudio",
    "torchaudio.compliance",
    "torchaudio.compliance.kaldi",
    "torchaudio.transforms",
    "torchaudio.functional",
)
TORCHAUDIO_HINT = (
    f"install the torchaudio of this very torch: {pip_hint('torchaudio --index-url')} "
    "https://download.pytorch.org/whl/cpu (or /cu130 …, as for torch); the one of PyPI is built for CUDA"
)


@dataclass(frozen=True)
class Repository:
    """A checked folder. `digest` is of the code that runs: 16 hex digits of a SHA-256."""

    path: Path
    digest: str

    @property
    def import_paths(self) -> tuple[str, str]:
        """What its own examples put on the path."""
        return str(self.path), str(self.path / _SUBMODULE)

    def recipe(self, version: int) -> Path:
        """The training recipe of CosyVoice `version` (2 or 3), which spells out the shape of the model."""
        return self.path / "examples" / "libritts" / f"cosyvoice{version}" / "conf" / f"cosyvoice{version}.yaml"


def find_repository(configured: object) -> Repository:
    """The repository at `configured`, else where $COSYVOICE_REPO points. Raises MissingLibraryError."""
    given = str(configured or os.environ.get(ENVIRONMENT) or "")
    if not given:
        raise MissingLibraryError("the folder of CosyVoice's repository is not given", _CLONE_HINT)
    path = Path(given).expanduser().absolute()
    if not (path / "cosyvoice" / "cli" / "cosyvoice.py").is_file():
        raise MissingLibraryError(
            f"{path} is not CosyVoice's repository: it has no cosyvoice/cli/cosyvoice.py", _CLONE_HINT
        )
    if not (path / _SUBMODULE / "matcha").is_dir():
        raise MissingLibraryError(
            f"{path} lacks its submodule {_SUBMODULE}", f"git -C {path} submodule update --init --recursive"
        )
    return Repository(path, _code_digest(path))


@cache
def _code_digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in _code(path):
        digest.update(f"{file.relative_to(path).as_posix()} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _code(path: Path) -> Iterator[Path]:
    for part in _PARTS:
        yield from sorted((path / part).rglob("*.py"))


def import_module(repository: Repository, name: str, *, with_torchaudio: bool = True) -> Any:
    """A module of the repository. Raises MissingLibraryError naming the package that it lacks.

    Without `with_torchaudio` a torchaudio that cannot be loaded is stood in for: only reading prompts needs it.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    for path in reversed(repository.import_paths):
        if path not in sys.path:
            sys.path.insert(0, path)
    _settle_torchaudio(with_torchaudio)
    with lacking_is_told(repository):
        module = importlib.import_module(name)
    _quieten()
    return module


@contextmanager
def lacking_is_told(repository: Repository) -> Iterator[None]:
    """Within, a package that the repository imports and this environment lacks becomes a MissingLibraryError.

    Most of the repository is imported by hyperpyyaml while it reads a recipe, through pydoc, which wraps the error.
    """
    import pydoc  # reads the interpreter's build configuration, which the tool's own process has no use for

    try:
        yield
    except ImportError as error:
        raise _missing(error, repository) from error
    except pydoc.ErrorDuringImport as error:
        if not isinstance(error.value, ImportError):
            raise
        raise _missing(error.value, repository) from error


def _missing(error: ImportError, repository: Repository) -> MissingLibraryError:
    # Of a name that a package does not have, the package is there, in another version.
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    lacking = f"lacks the package {package!r}" if package else str(error).splitlines()[0]
    return MissingLibraryError(
        f"CosyVoice's repository cannot be imported: {lacking}",
        f"{pip_hint(PACKAGES)} (or {repository.path / 'requirements.txt'}, which pins torch 2.3)",
    )


def _quieten() -> None:
    """Importing the repository makes every library log at level DEBUG, and old names of torch warn with each call.

    So does numpy 2, with every chunk whose overlap the repository fades: a tensor times an array.
    """
    logging.getLogger().setLevel(logging.WARNING)
    for told in ("torch.cuda.amp", "weight_norm", "LoRACompatibleLinear", "onnxruntime", "__array_wrap__"):
        warnings.filterwarnings("ignore", message=f".*{told}.*")


def _settle_torchaudio(needed: bool) -> None:
    """Import torchaudio, or stand in for it before transformers looks for it: a broken one breaks its import too."""
    if "torchaudio" in sys.modules:
        return
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError) as error:
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        if needed:
            reason = str(error).splitlines()[0]
            raise MissingLibraryError(f"torchaudio cannot be loaded: {reason}", TORCHAUDIO_HINT) from error
        _stand_in()


def _stand_in() -> None:
    for name in _TORCHAUDIO:
        module = types.ModuleType(name, "Stands in for a torchaudio that cannot be loaded.")
        module.__spec__, module.__path__ = ModuleSpec(name, None, is_package=True), []
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
