"""Builds llama.cpp's own tools from the source that the installed llama-cpp-python was built from.

    python -m benchmarks.llama_tools [--out DIR] [--targets llama-bench llama-server]

Needs cmake and a C++ compiler; takes minutes on two cores. Prints the folder of the programs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

DEFAULT_OUT = Path("build/llama-tools")
TARGETS = ("llama-bench", "llama-server")
_NO_AMX = ("-DCMAKE_C_FLAGS=-mno-amx-int8", "-DCMAKE_CXX_FLAGS=-mno-amx-int8")
"""Built by gcc, llama.cpp's AMX kernels end with an illegal instruction (see the Makefile)."""
_OPTIONS = ("-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF")


def build(out: Path, targets: tuple[str, ...] = TARGETS) -> Path:
    """The folder that holds the programs; built only where one of them is missing."""
    programs = out.resolve() / f"llama-cpp-python-{version('llama-cpp-python')}" / "bin"
    if all((programs / target).exists() for target in targets):
        return programs
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder))
        _run("cmake", "-S", str(source), "-B", str(programs.parent), *_OPTIONS, *_without_amx())
        _run("cmake", "--build", str(programs.parent), "-j", str(os.cpu_count() or 2), "--target", *targets)
    return programs


def _without_amx() -> tuple[str, ...]:
    flags = Path("/proc/cpuinfo")
    return _NO_AMX if flags.exists() and " amx_int8" in flags.read_text() else ()


def _source(folder: Path) -> Path:
    """llama.cpp as the sdist of the installed version vendors it."""
    requirement = f"llama-cpp-python=={version('llama-cpp-python')}"
    _run(
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        ":all:",
        "-d",
        str(folder),
        requirement,
    )
    with tarfile.open(next(folder.glob("llama_cpp_python-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("llama_cpp_python-*/vendor/llama.cpp"))


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=sys.stderr)
    if done.returncode:
        sys.exit(f"{command[0]} failed with exit status {done.returncode}; is cmake and a C++ compiler installed?")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    options = parser.parse_args()
    print(build(options.out, tuple(options.targets)))


if __name__ == "__main__":
    main()
