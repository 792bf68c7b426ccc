"""What this machine and this build of whisper.cpp can do, and what the build leaves behind."""

from __future__ import annotations

import functools
import re
import sys
from importlib import metadata
from pathlib import Path

from engines.base import Capabilities
from engines.cache import binaries_digest
from engines.install import pip_hint
from engines.machine_limits import usable_cores
from engines.whisper_cpp.library import binding
from search_spaces.parameter import Value

_GPU_BACKENDS = ("CUDA", "METAL", "VULKAN", "HIP", "SYCL", "CANN", "MUSA")
_REBUILD = "--force-reinstall --no-cache-dir --no-deps --no-binary pywhispercpp pywhispercpp=={}"
_BESIDE_ITSELF = {"darwin": "@loader_path"}
"""Where a library looks for those that it comes with; `$ORIGIN` but for macOS."""
_MISSING_HINT = {
    "AVX512": "AVX-512 of this processor is not used",
    "AVX512_BF16": "AVX-512 BF16 of this processor is not used",
    "AVX512_VNNI": "AVX-512 VNNI of this processor is not used",
    "AVX_VNNI": "AVX-VNNI of this processor is not used",
}
_COMPARE = (
    "a build with them may be slower: measure it beside this one by benchmarks/whisper_builds.py before you keep it; "
    "benchmarks/README.md has what that gave on an EPYC"
)
"""Of features of the processor. That a GPU pays needs no measuring."""
_CPU_FLAGS = {"AVX512": "avx512f", "AVX512_BF16": "avx512_bf16", "AVX512_VNNI": "avx512_vnni", "AVX_VNNI": "avx_vnni"}
"""A build's word for a feature, and Linux's in /proc/cpuinfo."""


def capabilities() -> Capabilities:
    """Facts about cores, GPUs and defaults, and which build this is.

    `build.unused` tells what of this machine the build leaves unused and `build.rebuild` the command that fixes it;
    `build.remark` is of what may not pay. All are absent when there is nothing to fix.
    """
    library = binding()
    # The binding's defaults are the library's: they name what an absent knob means.
    full = library.whisper_full_default_params(library.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
    context = library.whisper_context_default_params()
    features = library.whisper_print_system_info().strip(" |\n")
    gpus = _gpu_count(features)
    facts: dict[str, Value] = {
        "cpu_cores": usable_cores(),
        "gpu_offload": _has_gpu_backend(features),
        "gpu_count": gpus,
        "default_n_threads": int(full.n_threads),
        "default_flash_attn": bool(context.flash_attn),
        "default_best_of": int(full.greedy["best_of"]),
    }
    return Capabilities(facts, build_of())


def build_of() -> dict[str, str]:
    """`version` of the binding and of whisper.cpp, its CPU features, a digest of the binaries, and advice."""
    features = binding().whisper_print_system_info().strip(" |\n")
    build = {
        "version": metadata.version("pywhispercpp"),
        "whisper_cpp": _library_version(),
        "features": features,
        "build": _build(),
    }
    return build | advice(unused_features(features))


def advice(unused: list[str]) -> dict[str, str]:
    """What is left unused and the command that fixes it; of features of the processor that it may not pay."""
    if not unused:
        return {}
    told, command = "; ".join(unused), rebuild_command(unused)
    if all("processor" in line for line in unused):
        return {"remark": f"{told} ({_COMPARE}): {command}"}
    return {"unused": told, "rebuild": command}


def unused_features(
    features: str, cpuinfo: Path = Path("/proc/cpuinfo"), nvidia: Path = Path("/dev/nvidia0")
) -> list[str]:
    """What this machine has and the build does not use, in words."""
    built = set(re.findall(r"([A-Z0-9_]+) = 1", features))
    flags = _flags(cpuinfo)
    missing = [_MISSING_HINT[name] for name, flag in _CPU_FLAGS.items() if flag in flags and name not in built]
    if nvidia.exists() and not _has_gpu_backend(features):
        missing.append("the NVIDIA GPU is not used: the build has no CUDA")
    return missing


def rebuild_command(unused: list[str], platform: str = sys.platform) -> str:
    """The command that builds pywhispercpp of the same version for this machine.

    Its setup hands the environment to CMake. Without the two about RPATH the built libraries are looked for in pip's
    temporary folder, and importing fails (absadiki/pywhispercpp#170).
    """
    cuda = "GGML_CUDA=ON " if any("CUDA" in line for line in unused) else ""
    rpath = f"CMAKE_INSTALL_RPATH='{_BESIDE_ITSELF.get(platform, '$ORIGIN')}' CMAKE_BUILD_WITH_INSTALL_RPATH=ON"
    return f"GGML_NATIVE=ON {cuda}{rpath} {pip_hint(_REBUILD.format(metadata.version('pywhispercpp')))}"


def _has_gpu_backend(features: str) -> bool:
    return any(f"{name} :" in features.upper() for name in _GPU_BACKENDS)


def _gpu_count(features: str) -> int:
    """GPUs that this build can use: whisper.cpp does not tell, so the driver is asked where the build is for CUDA."""
    if not _has_gpu_backend(features):
        return 0
    if "CUDA" not in features.upper():
        return 1
    import pynvml

    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except (OSError, pynvml.NVMLError):
        return 0


def _library_version() -> str:
    """Of whisper.cpp, by the name of the library file that this process has loaded; "" where that tells nothing."""
    for file in _binaries():
        if found := re.search(r"libwhisper.*?(\d+\.\d+\.\d+)", file.name):
            return found[1]
    return ""


@functools.cache
def _binaries() -> tuple[Path, ...]:
    """The extension module and the libraries that come with it."""
    files = metadata.files("pywhispercpp") or []
    paths = {Path(str(f.locate())) for f in files if re.search(r"\.(so|dylib|dll|pyd)(\.|$)", f.name)}
    return tuple(sorted(p for p in paths if p.is_file() and not p.is_symlink()))


@functools.cache
def _build() -> str:
    return binaries_digest(_binaries())


def _flags(cpuinfo: Path) -> set[str]:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))
