from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.base import Model
from engines.errors import ModelFileError, OutOfMemoryError, UnsupportedError
from engines.faster_whisper.library import failure
from engines.faster_whisper.models import _choose, prepare, resolve_model
from search_spaces.errors import TunerError
from tests.engines.recognition.conftest import quiet


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    """A folder of the user's."""
    return Path(shutil.copytree(folder, tmp_path / "faster-whisper-mine.en"))


def test_a_folder_and_its_model_bin_are_the_same_model(own: Path, model: Model) -> None:
    by_folder, by_file = (resolve_model({"source": str(path)}, quiet) for path in (own, own / "model.bin"))
    assert by_folder.digest == by_file.digest == model.digest
    assert by_folder.name == "faster-whisper-mine.en"
    assert by_folder.native == by_folder.reference == "float16"
    assert prepare(by_folder, {"compute_type": "int8"}, quiet).path == str(own / "model.bin")


def test_another_tokenizer_is_another_model(own: Path, model: Model) -> None:
    content = json.loads((own / "tokenizer.json").read_text())
    (own / "tokenizer.json").write_text(json.dumps(content, indent=1))
    assert resolve_model({"source": str(own)}, quiet).digest != model.digest


def test_a_model_without_16_bits_on_a_cpu_is_computed_in_32(model: Model) -> None:
    assert model.facts["default_compute_type"] == "float32"
    assert model.facts["compute_types"] == "int8,float32"
    assert model.facts["fastest_compute_type"] == "int8"


def _removed(name: str) -> Callable[[Path], object]:
    return lambda own: (own / name).unlink()


def _written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda own: (own / name).write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (_removed("model.bin"), {}, "it has no model.bin"),
        (_removed("tokenizer.json"), {}, "has no tokenizer.json, and faster-whisper would fetch one"),
        (_removed("config.json"), {}, "has no config.json"),
        (_written("model.bin", b""), {}, "is truncated: it ends after 0 bytes"),
        (_written("model.bin", b"GGUF and more"), {}, "is no model.bin of CTranslate2"),
        (lambda own: None, {"language": "de"}, "knows English only"),
        (lambda own: None, {"quantization": "int8"}, "model option"),
        (lambda own: None, {"variants": {"int8": "a"}}, "is one folder"),
        (lambda own: None, {"source": ""}, "model has no source"),
        (lambda own: None, {"source": "embedded", "shape": "whisper-large"}, "shape of the embedded speech model"),
    ],
)
def test_what_is_wrong_with_a_model_is_one_line(
    spoil: Callable[[Path], object], options: dict[str, Any], message: str, own: Path
) -> None:
    spoil(own)
    with pytest.raises(TunerError) as caught:
        resolve_model({"source": str(own), **options}, quiet)
    assert message in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_the_folder_of_a_hub_s_cache_names_the_one_inside(own: Path, tmp_path: Path) -> None:
    inner = tmp_path / "models--ORG--faster-whisper-tiny.en" / "snapshots" / "abc"
    inner.parent.mkdir(parents=True)
    own.rename(inner)
    with pytest.raises(ModelFileError) as caught:
        resolve_model({"source": str(inner.parents[1])}, quiet)
    assert caught.value.hint == f"did you mean {inner}?"
    assert resolve_model({"source": str(inner)}, quiet).name == "faster-whisper-tiny.en"


def test_of_a_repository_the_files_that_are_loaded_are_taken() -> None:
    sizes = {"README.md": 1, "model.bin": 9, "config.json": 1, "tokenizer.json": 1, "vocabulary.txt": 1}
    assert set(_choose("ORG/NAME", sizes, None)) == set(sizes) - {"README.md"}
    with pytest.raises(ModelFileError, match="is no repository of a CTranslate2 Whisper"):
        _choose("ORG/NAME", {"model.safetensors": 9}, None)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("CUDA failed with error out of memory", OutOfMemoryError),
        ("Requested float16 compute type, but the target device or backend do not support efficient", UnsupportedError),
        ("Unable to open file 'model.bin' in model '/m'", ModelFileError),
    ],
)
def test_what_the_library_says_is_told_apart(said: str, kind: type[Exception]) -> None:
    assert type(failure(RuntimeError(said), "/m/model.bin")) is kind
