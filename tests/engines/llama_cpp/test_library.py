from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError, ModelFileError, OutOfMemoryError, UnsupportedError
from engines.llama_cpp import library as module
from engines.llama_cpp.library import LOG, Log, failure, gpu_count, gpu_free_mib, library, vocabulary

_INFO, _WARN, _ERROR, _CONTINUE = 2, 3, 4, 5


def log_of(*lines: tuple[int, str]) -> Log:
    log = Log()
    for level, text in lines:
        log._receive(level, text.encode(), None)
    return log


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ggml_aligned_malloc: insufficient memory (attempted to allocate 96 MB)", OutOfMemoryError),
        (
            "llama_init_from_model: failed to initialize the context: failed to allocate compute pp buffers",
            OutOfMemoryError,
        ),
        ("ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory", OutOfMemoryError),
        ("llama_init_from_model: quantized V cache requires flash_attn to be enabled", UnsupportedError),
        (
            "llama_init_from_model: K cache type q8_0 with block size 32 does not divide n_embd_head_k=48",
            UnsupportedError,
        ),
        ("llama_model_load: error loading model: unknown model architecture: 'x'", ModelFileError),
        ("llama_decode: something else", EngineError),
    ],
)
def test_a_failure_is_told_by_the_librarys_own_words(line: str, kind: type[EngineError]) -> None:
    LOG.clear()
    LOG._receive(_ERROR, f"{line}\n".encode(), None)
    error = failure("Failed to create llama_context", "m.gguf")
    LOG.clear()
    assert type(error) is kind
    assert line.partition(": ")[2] in error.message
    assert error.hint
    assert "\n" not in error.message


def test_without_a_log_the_exception_speaks() -> None:
    LOG.clear()
    assert "Failed to load model" in failure("Failed to load model from file: m.gguf", "m.gguf").message


def test_the_log_keeps_errors_and_shows_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    log = log_of(
        (_INFO, "load: fine\n"), (_WARN, "load: careful"), (_CONTINUE, ", very\n"), (_ERROR, "load: broken\n"),
        (_ERROR, "load: broken\n"), (_INFO, "load: failed to mlock\n"), (_CONTINUE, "never mind\n"),
    )  # fmt: skip
    assert log.reason() == "broken"
    assert list(log.lines)[1] == "load: careful, very"
    assert log.contains("failed to mlock")
    log.clear()
    assert (log.reason(), log.contains("failed")) == ("", False)
    assert capsys.readouterr().err == "load: careful, very\nload: broken\nload: broken\n"


def test_the_librarys_errors_arrive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(ModelFileError), vocabulary(tmp_path / "m.gguf"):
        pass
    assert "m.gguf" in capsys.readouterr().err


def test_the_engine_is_importable_without_the_library(tmp_path: Path) -> None:
    for name in ("llama_cpp", "gguf", "numpy", "huggingface_hub"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from engines.registry import load_engine\nfrom engines.errors import MissingLibraryError\n"
        "engine = load_engine('llama_cpp')\nengine.export_targets\n"
        "try:\n    engine.capabilities()\nexcept MissingLibraryError as e:\n    print(e.hint, e.exit_status)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "-m pip install -c constraints.txt -e '.[llm]' (llama-cpp-python is built" in run.stdout, run.stderr
    assert run.stdout.strip().endswith("3")


def test_attaching_twice_is_harmless() -> None:
    assert library() is library()


class _Devices:
    """ggml with devices of (type, free MiB); their handles are their numbers from 1 on."""

    def __init__(self, *devices: tuple[int, int]) -> None:
        self._devices = devices

    def ggml_backend_dev_count(self) -> int:
        return len(self._devices)

    def ggml_backend_dev_get(self, number: int) -> int:
        return number + 1

    def ggml_backend_dev_type(self, handle: int) -> int:
        return self._devices[handle - 1][0]

    def ggml_backend_dev_memory(self, handle: int, free: Any, total: Any) -> None:
        free._obj.value = self._devices[handle - 1][1] * 2**20


_CPU, _GPU, _INTEGRATED = 0, 1, 2


@pytest.mark.parametrize(
    ("devices", "free_mib"),
    [
        ([(_CPU, 64000)], []),
        ([(_GPU, 8000), (_CPU, 64000)], [8000]),
        ([(_GPU, 8000), (_INTEGRATED, 32000), (_GPU, 0), (_CPU, 64000)], [8000, 0]),
        ([(_INTEGRATED, 12000), (_CPU, 16000)], [12000]),
    ],
)
def test_the_gpus_are_those_that_llama_cpp_takes(
    monkeypatch: pytest.MonkeyPatch, devices: list[tuple[int, int]], free_mib: list[float]
) -> None:
    """An integrated one counts only where there is no other."""
    monkeypatch.setattr(module, "_ggml", lambda: _Devices(*devices))
    monkeypatch.setattr(module, "library", lambda: SimpleNamespace(llama_supports_gpu_offload=lambda: True))
    assert gpu_free_mib() == free_mib
    assert gpu_count() == len(free_mib)


def test_the_real_devices_tell_their_memory() -> None:
    assert len(gpu_free_mib()) == gpu_count()
