from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.base import Model
from engines.cache import CacheError
from engines.errors import ModelFileError
from engines.llama_cpp import LlamaCppEngine, quantize
from engines.llama_cpp.gguf_file import read_header
from engines.llama_cpp.model_facts import quantization_of
from engines.llama_cpp.quantize import ON_DEMAND, predict, variant
from tests.engines.llama_cpp.conftest import quiet
from tests.engines.llama_cpp.gguf_builder import Shape, write_model

_MIB = 1024 * 1024


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("quantization", [q for q in ON_DEMAND if q != "F16"])
def test_a_variant_is_what_it_is_called_and_as_large_as_predicted(
    tiny: Model, tiny_file: Path, quantization: str
) -> None:
    path = variant(tiny_file, tiny.digest, quantization, quiet)
    assert quantization_of(read_header(path)) == quantization
    # The prediction is of tensors alone; the header of so small a file counts.
    assert path.stat().st_size / _MIB == pytest.approx(predict(tiny_file, quantization).size_mib, abs=0.05)


def test_progress_is_told_and_then_the_cache_answers(tiny_file: Path, own_cache: Path) -> None:
    told: list[str] = []
    first = variant(tiny_file, "a" * 64, "Q4_0", told.append)
    assert told[0] == "quantizing tiny.gguf to Q4_0"
    assert told[-1] == "quantizing to Q4_0 100 %"
    changed = first.stat().st_mtime_ns
    told.clear()
    assert variant(tiny_file, "a" * 64, "Q4_0", told.append) == first
    assert (told, first.stat().st_mtime_ns) == ([], changed)


def test_content_quantization_and_build_are_the_key(
    tiny_file: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {variant(tiny_file, digit * 64, q, quiet).parent for digit in "ab" for q in ("Q4_0", "Q8_0")}
    assert len(paths) == 4
    monkeypatch.setattr(quantize, "build_of", lambda library: {"build": "another"})
    assert variant(tiny_file, "a" * 64, "Q4_0", quiet).parent not in paths


def test_two_processes_quantize_once(tiny_file: Path, own_cache: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom engines.llama_cpp.quantize import variant\n"
        "told = []\nvariant(Path(sys.argv[1]), 'b' * 64, 'Q6_K', told.append)\nprint(any('tiny' in t for t in told))"
    )
    command = [sys.executable, "-c", code, str(tiny_file)]
    environment = {**os.environ, "TUNER_CACHE": str(own_cache)}
    runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    # Either both came while none was made and one waited, or the later one found it.
    assert sorted(run.communicate()[0].strip() for run in runs) == ["False", "True"]


def test_rows_that_do_not_fit_fall_back_and_it_is_told(engine: LlamaCppEngine, tmp_path: Path) -> None:
    told: list[str] = []
    path = write_model(tmp_path / "m.gguf", Shape(embd=96, heads=2, kv_heads=2, ffn=192))
    model = engine.resolve_model({"source": str(path)}, told.append)
    assert model.facts["fallback_tensors_Q4_K_M"] == 15
    assert "fallback_tensors_Q8_0" not in model.facts
    assert any(line.startswith("Q4_K_M: 15 of 21 tensors take another type") for line in told)


def test_a_model_without_fallbacks_says_nothing(tiny: Model) -> None:
    assert not any(name.startswith("fallback_tensors") for name in tiny.facts)


def test_a_source_that_cannot_be_quantized(tmp_path: Path, own_cache: Path) -> None:
    path = write_model(tmp_path / "m.gguf", architecture="nonesuch")
    with pytest.raises(ModelFileError, match="unknown model architecture"):
        variant(path, "c" * 64, "Q4_0", quiet)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs permission to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_disk_that_fills_up_while_quantizing(
    tiny: Model, tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        monkeypatch.setenv("TUNER_CACHE", str(disk))
        # Foreseen, it would not be tried: this is the disk that another process fills meanwhile.
        monkeypatch.setattr("engines.cache._FREE_MARGIN_BYTES", -(1 << 40))
        with pytest.raises(CacheError, match="the disk is full") as caught:
            variant(tiny_file, tiny.digest, "Q8_0", quiet)
        assert "\n" not in caught.value.message
        assert not list(disk.rglob("*.gguf*part"))


def test_a_disk_without_room_is_foreseen(
    tiny: Model, tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        monkeypatch.setenv("TUNER_CACHE", str(disk))
        with pytest.raises(CacheError, match=r"the disk is full: .* needs \d+ MiB, \d+ MiB are free"):
            variant(tiny_file, tiny.digest, "Q8_0", quiet)
