"""The report of a bench: configuration, what of it is in force, averages, iterations, bottleneck, gap to targets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.core.metrics import METRICS, leading_metrics
from tuner.results.report.blocks import Block, Code, Heading, Paragraph, Table
from tuner.results.report.markdown import markdown
from tuner.results.summary import TARGET_HEAD, target_cells
from tuner.results.wording import engine_text, knob_value, metric_text, number

REPORT, DOCUMENT = "report.md", "bench.json"


def write_bench(folder: Path, measured: Mapping[str, Any]) -> list[Path]:
    """`report.md`, `bench.json` and a file for each profile, in `folder`; the paths of what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    profiles = measured["profiles"]
    plain = {key: value for key, value in measured.items() if key != "profiles"}
    texts = {
        REPORT: markdown(f"Bench of {measured['study']['name']}", bench_blocks(measured)),
        **{name: _json(document) for name, document in {DOCUMENT: plain, **profiles}.items()},
    }
    written = []
    for name, text in texts.items():
        written.append(folder / Path(name).name)
        written[-1].write_text(text, encoding="utf-8")
    return written


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def bench_blocks(measured: Mapping[str, Any]) -> Iterator[Block]:
    """The report of the document that `run_bench` gives."""
    if measured["status"] != "ok":
        yield Paragraph(f"{measured['status'].replace('_', ' ')}: {measured['reason']}")
    yield Heading("Configuration")
    yield Table(("", ""), list(_configuration(measured)), frozenset({0, 1}))
    if measured["in_force"]:
        yield Heading("Optimizations in force")
        yield Paragraph("As the runtime tells them, whatever was asked for.")
        yield Table(("", ""), list(measured["in_force"].items()), frozenset({0, 1}))
    yield from _averages(measured)
    yield from _iterations(measured)
    yield from _stages(measured["stages"])
    yield from _concurrency(measured["profiles"])
    if measured["targets"]:
        yield Heading("Gap to the targets")
        yield Table(TARGET_HEAD, target_cells(measured), frozenset({0, 3, 4}))
    yield Heading("Profiles")
    names = ", ".join(measured["profiles"]) or "none: add profile=true"
    yield Paragraph(f"Beside this file: {names}.")
    yield Code(json.dumps(measured["host_noise"], indent=1), "Noise of the host while it was measured")


def _configuration(measured: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    study = measured["study"]
    hardware, engine, model, workload = (study[part] for part in ("hardware", "engine", "model", "workload"))
    gpus = [str(gpu.get("name", gpu) if isinstance(gpu, Mapping) else gpu) for gpu in hardware.get("gpus") or ()]
    machine = (hardware.get("cpu"), f"{hardware.get('cores')} cores", *gpus, f"class {hardware.get('class')}")
    yield "machine", ", ".join(str(part) for part in machine if part)
    yield "engine", engine_text(engine)
    yield "model", f"{model['name']} ({model['source']})"
    yield "workload", f"{workload['name']}, {workload['items']} items, digest {workload['digest']}"
    for name, value in measured["params"].items():
        yield name, knob_value(value)


def _averages(measured: Mapping[str, Any]) -> Iterator[Block]:
    values = {**{n: m["value"] for n, m in measured["metrics"].items()}, **measured["quality"]}
    if values:
        yield Heading(f"Averages of {len(measured['iterations'])} iterations")
        rows = [(name, metric_text(name, value), METRICS[name].definition) for name, value in values.items()]
        yield Table(("metric", "value", "meaning"), rows, frozenset({0, 2}))


def _iterations(measured: Mapping[str, Any]) -> Iterator[Block]:
    rounds: Sequence[Mapping[str, float]] = measured["iterations"]
    if not rounds:
        return
    task, engine = measured["study"]["task"], measured["study"]["engine"]["name"]
    names = [name for name in leading_metrics(task, engine) if name in rounds[0]]
    unit = "tokens" if task == "llm" else "audio, s"
    rows = [
        (str(at), *(metric_text(name, one[name]) for name in names), number(one["units_out"]))
        for at, one in enumerate(rounds, start=1)
    ]
    yield Heading("Every iteration")
    yield Table(("iteration", *names, unit), rows, frozenset())


def _stages(told: Mapping[str, Any]) -> Iterator[Block]:
    if not told:
        return
    rows = [(name, f"{one['s']:.3f} s", f"{one['share']:.0%}") for name, one in told["stages"].items()]
    yield Heading("Bottleneck")
    share = told["stages"][told["bottleneck"]]["share"]
    yield Paragraph(
        f"{told['bottleneck']} takes most: {share:.0%} of the time that is spent in stages. Stages that run beside "
        "each other may add up to more than a request takes."
    )
    yield Table(("stage", "mean of an item", "share"), rows, frozenset({0}))


def _concurrency(profiles: Mapping[str, Any]) -> Iterator[Block]:
    rows = [
        (str(one["requests"]), f"{one['throughput_x']:.3g}", f"{one['rtf']:.3g}", f"{one['first_audio_s']:.3g} s")
        for document in profiles.values()
        for one in document.get("by_concurrency", ())
    ]
    if rows:
        yield Heading("Throughput by concurrency")
        yield Table(("requests at once", "audio s per s", "rtf of each", "first audio"), rows, frozenset())
