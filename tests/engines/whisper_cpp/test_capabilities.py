from __future__ import annotations

import os
import shlex
from importlib import metadata
from pathlib import Path

import pytest

from engines.install import pip_hint
from engines.whisper_cpp.capabilities import advice, capabilities, rebuild_command, unused_features

WHEEL = "WHISPER : COREML = 0 | OPENVINO = 0 | CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | FMA = 1 | OPENMP = 1 | REPACK = 1"
NATIVE = f"{WHEEL} | AVX512 = 1 | AVX512_BF16 = 1"
CUDA = "WHISPER : COREML = 0 | CUDA : ARCHS = 900 | USE_GRAPHS = 1 | CPU : SSE3 = 1 | AVX2 = 1"


@pytest.fixture
def cpuinfo(tmp_path: Path) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu avx avx2 avx512f avx512_bf16\n\nprocessor\t: 1\n")
    return path


def test_what_the_build_leaves_unused(cpuinfo: Path, tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert unused_features(WHEEL, cpuinfo, none) == [
        "AVX-512 of this processor is not used",
        "AVX-512 BF16 of this processor is not used",
    ]
    assert unused_features(NATIVE, cpuinfo, none) == []
    assert unused_features(WHEEL, none, none) == []


def test_a_gpu_that_the_build_cannot_use(cpuinfo: Path, tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    unused = unused_features(NATIVE, cpuinfo, tmp_path / "nvidia0")
    assert unused == ["the NVIDIA GPU is not used: the build has no CUDA"]
    assert "GGML_CUDA=ON" in rebuild_command(unused)
    assert unused_features(CUDA, tmp_path / "none", tmp_path / "nvidia0") == []
    assert "GGML_CUDA" not in rebuild_command(["AVX-512 of this processor is not used"])


def test_the_command_builds_this_version_so_that_its_libraries_are_found() -> None:
    command = rebuild_command(["AVX-512 of this processor is not used"], "linux")
    environment, _, pip = command.partition(f" {pip_hint('')}")
    assert dict(word.split("=") for word in shlex.split(environment)) == {
        "GGML_NATIVE": "ON", "CMAKE_INSTALL_RPATH": "$ORIGIN", "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
    }  # fmt: skip
    assert pip.endswith(f"--no-binary pywhispercpp pywhispercpp=={metadata.version('pywhispercpp')}")
    assert "CMAKE_INSTALL_RPATH='@loader_path'" in rebuild_command([], "darwin")


def test_that_a_rebuild_for_the_processor_pays_is_not_promised() -> None:
    found = advice(["AVX-512 of this processor is not used", "AVX-512 BF16 of this processor is not used"])
    assert list(found) == ["remark"]
    line = found["remark"]
    assert line.startswith("AVX-512 of this processor is not used; AVX-512 BF16 of this processor is not used (")
    assert "may be slower" in line
    assert "benchmarks/whisper_builds.py" in line
    assert line.endswith(rebuild_command([]))
    gpu = "the NVIDIA GPU is not used: the build has no CUDA"
    assert advice([gpu]) == {"unused": gpu, "rebuild": rebuild_command([gpu])}
    assert advice([]) == {}


def test_this_build() -> None:
    found = capabilities()
    assert found.facts["default_n_threads"] >= 1
    assert found.facts["default_best_of"] == 5
    assert found.build["version"].count(".") == 2
    assert len(found.build["build"]) == 12
    assert ("unused" in found.build) == ("rebuild" in found.build)


def test_the_library_takes_four_threads_at_the_most() -> None:
    """And so does whisper-cli, by the same expression."""
    assert capabilities().facts["default_n_threads"] == min(4, os.cpu_count() or 4)
