"""`doctor`: is this machine fit for tuning?"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from search_spaces.parameter import Value
from tuner.cli.console import Console

if TYPE_CHECKING:
    from tuner.measure.doctor import Diagnosis
    from tuner.measure.host.surroundings import Surroundings

NAME = "doctor"
HELP = "show hardware, engine builds, what is missing and how to get it"
EPILOG = """\
examples:
  python -m tuner doctor
  python -m tuner doctor --json

exit status 3: something that a sweep needs is missing; the output has the command that installs it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """ENGINE…"""
    which = "engines to check (default: all)"
    parser.add_argument("engines", metavar="ENGINE", nargs="*", help=which)


def run(options: argparse.Namespace, console: Console) -> int:
    """Look and tell."""
    from tuner.core.documents import dump
    from tuner.measure.doctor import diagnose

    diagnosis = diagnose(options.engines)
    told = {"warnings": diagnosis.warnings, "remarks": diagnosis.remarks}
    console.emit({"healthy": diagnosis.healthy, **dump(diagnosis), **told})
    _print(diagnosis, console)
    return 0 if diagnosis.healthy else 3


def _print(diagnosis: Diagnosis, console: Console) -> None:
    hardware = diagnosis.hardware
    cores = f"{hardware.cores} cores usable of {hardware.cores_machine}"
    console.print(f"hardware   {hardware.cpu}, {cores}, {hardware.memory_gib:g} GiB usable ({hardware.class_})")
    for gpu in hardware.gpus:
        console.print(
            f"           {gpu.name}, {gpu.memory_mib} MiB, compute {gpu.compute_capability}, driver {gpu.driver}"
        )
    if not hardware.gpus:
        console.print("           no NVIDIA GPU (another one is among the facts of an engine whose build can use it)")
    console.print(f"system     {hardware.os}, Python {hardware.python}")
    for engine in diagnosis.engines:
        of = ", ".join(part for part in (engine.task, engine.package) if part)
        console.print(
            f"engine     {engine.name} ({of}): {'missing' if engine.missing else _pairs(_facts(engine.build))}"
        )
        if engine.missing:
            console.print(f"           {engine.missing}")
            console.print(f"           {engine.remedy}")
        elif engine.facts:
            console.print(f"           {_pairs(engine.facts)}")
    cache = diagnosis.cache
    console.print(f"cache      {cache.path}: {cache.used_gib:g} GiB used, {cache.free_gib:g} GiB free")
    console.print(f"outputs    {diagnosis.outputs.path}: {diagnosis.outputs.free_gib:g} GiB free")
    console.print(f"now        {_now(diagnosis.surroundings)}")
    for warning in diagnosis.warnings:
        console.print(f"warning    {warning}")
    for remark in diagnosis.remarks:
        console.print(f"remark     {remark}")
    console.print("ready" if diagnosis.healthy else "not ready: see what is missing above")


def _now(around: Surroundings) -> str:
    devices = f"{around.device_processes} processes on GPUs"
    if not around.watched:
        return f"unknown: this system does not tell what others take; {devices}"
    noise = f"{around.others_cores:.2f} cores taken by others, {around.steal_cores:.2f} by the hypervisor"
    return f"{'quiet' if around.quiet else 'busy'}: {noise}, {devices}"


def _facts(build: Mapping[str, str]) -> Mapping[str, str]:
    """A build without the advice on it, which is among the warnings and remarks."""
    from engines.base import without_advice

    return without_advice(build)


def _pairs(mapping: Mapping[str, Value]) -> str:
    return " ".join(f"{name}={_plain(value)}" for name, value in mapping.items())


def _plain(value: Value) -> str:
    """As it is, but of a list of what a build has and has not (`AVX = 1 | AVX512 = 0`) what it has: `AVX`."""
    features = re.findall(r"(\w+) = ([01])\b", str(value))
    return ",".join(name for name, has in features if has == "1") if features else str(value)
