import sys
from pathlib import Path

import pytest

from engines.cosyvoice import capabilities
from engines.errors import MissingLibraryError
from tests.engines.cosyvoice.stand_in import FakeTorch


def test_without_torch_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingLibraryError, match="torch cannot be used") as caught:
        capabilities.capabilities()
    assert "pip install torch" in caught.value.hint


def test_a_machine_without_a_gpu(torch: FakeTorch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "cpu_flags", lambda: {"avx2"})
    found = capabilities.capabilities()
    assert found.facts["default_n_threads"] == 4
    assert (found.facts["cuda"], found.facts["bf16"], found.facts["tf32"]) == (False, False, False)
    assert found.facts["sdpa_kernels"] == "auto,math,flash"
    assert found.facts["compile_modes"] == "off,default"
    assert found.build["version"] == "2.13.0+cpu"


@pytest.mark.parametrize(("generation", "bf16"), [((7, 5), False), ((8, 6), True), ((9, 0), True)])
def test_a_gpu_by_its_generation(torch: FakeTorch, generation: tuple[int, int], bf16: bool) -> None:
    torch.cuda.is_available = lambda: True
    torch.cuda.device_count = lambda: 1
    torch.cuda.get_device_capability = lambda: generation
    torch.cuda.get_device_name = lambda: "a GPU"
    facts = capabilities.capabilities().facts
    assert (facts["bf16"], facts["tf32"], facts["flash_attn_gpu"]) == (bf16, bf16, bf16)
    assert facts["sdpa_kernels"] == "auto,math,flash,efficient,cudnn"
    assert facts["compile_modes"] == "off,default,reduce-overhead,max-autotune"


def test_another_tensorrt_is_another_build(torch: FakeTorch, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = set()
    for version in ("", "10.13.3.9", "11.0.1"):
        monkeypatch.setattr(capabilities, "tensorrt_version", lambda version=version: version)
        found = capabilities.capabilities()
        builds.add(found.build["build"])
        assert found.facts["tensorrt_major"] == {"": 0, "10.13.3.9": 10, "11.0.1": 11}[version]
    assert len(builds) == 3


def test_processor_features_are_read(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx512_bf16 amx_bf16\n")
    assert capabilities.cpu_flags(cpuinfo) == {"fpu", "avx512_bf16", "amx_bf16"}
    assert capabilities.cpu_flags(tmp_path / "none") == set()


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not capabilities.has_compiler(cuda=False)
    (tmp_path / "g++").write_text("#!/bin/sh\n")
    (tmp_path / "g++").chmod(0o755)
    assert capabilities.has_compiler(cuda=False)
