"""The report of a bench: configuration, what of it is in force, averages, iterations, bottleneck, gap to targets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tuner.core.documents import dump
from tuner.core.metrics import METRICS, leading_metrics
from tuner.core.trial import Stages, TrialStatus
from tuner.measure.bench import Bench, BenchDocument
from tuner.measure.host.host_noise import noise_message
from tuner.results.report.blocks import Block, Code, Heading, Paragraph, Table
from tuner.results.report.markdown import markdown
from tuner.results.summary import TARGET_HEAD, target_cells
from tuner.results.wording import engine_text, knob_value, metric_text, number, with_interval

REPORT, DOCUMENT = "report.md", "bench.json"


def write_bench(folder: Path, bench: Bench) -> list[Path]:
    """`report.md`, `bench.json` and a file for each profile, in `folder`; the paths of what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {DOCUMENT: dump(bench.document), **bench.profiles}
    texts = {
        REPORT: markdown(f"Bench of {bench.document.study.name}", bench_blocks(bench)),
        **{name: json.dumps(data, indent=1, ensure_ascii=False) + "\n" for name, data in documents.items()},
    }
    written = []
    for name, text in texts.items():
        written.append(folder / Path(name).name)
        written[-1].write_text(text, encoding="utf-8")
    return written


def bench_blocks(bench: Bench) -> Iterator[Block]:
    """The report of what `run_bench` gives."""
    measured = bench.document
    if measured.status is not TrialStatus.OK:
        yield Paragraph(f"{measured.status.replace('_', ' ')}: {measured.reason}")
    yield Heading("Configuration")
    yield Table(("", ""), list(_configuration(measured)), frozenset({0, 1}))
    if measured.in_force:
        yield Heading("Optimizations in force")
        yield Paragraph("As the runtime tells them, whatever was asked for.")
        yield Table(("", ""), list(measured.in_force.items()), frozenset({0, 1}))
    yield from _averages(measured)
    yield from _iterations(measured)
    yield from _stages(measured.stages) if measured.stages else ()
    yield from _concurrency(bench)
    if measured.targets:
        yield Heading("Gap to the targets")
        yield Table(TARGET_HEAD, target_cells(measured.targets), frozenset({0, 3, 4}))
    yield Heading("Profiles")
    yield Paragraph(f"Beside this file: {', '.join(bench.profiles) or 'none: add profile=true'}.")
    if noise := noise_message([measured.host_noise]):
        yield Paragraph(f"{noise[:1].upper()}{noise[1:]}.")
    yield Code(json.dumps(dict(measured.host_noise), indent=1), "Noise of the host while it was measured")


def _configuration(measured: BenchDocument) -> Iterator[tuple[str, str]]:
    study = measured.study
    yield "machine", study.hardware.text
    yield "engine", engine_text(study.engine)
    yield "model", f"{study.model.name} ({study.model.source})"
    yield "workload", f"{study.workload.name}, {study.workload.items} items, digest {study.workload.digest}"
    for name, value in measured.params.items():
        yield name, knob_value(value)


def _averages(measured: BenchDocument) -> Iterator[Block]:
    values = {**measured.metrics, **measured.quality}
    if values:
        yield Heading(f"Averages of {len(measured.iterations)} iterations")
        rows = [(name, with_interval(m), METRICS[name].definition) for name, m in values.items()]
        yield Table(("metric", "value", "meaning"), rows, frozenset({0, 2}))


def _iterations(measured: BenchDocument) -> Iterator[Block]:
    rounds, task = measured.iterations, measured.study.task
    if not rounds:
        return
    names = [name for name in leading_metrics(task, measured.study.engine["name"]) if name in rounds[0]]
    unit = "tokens" if task == "llm" else "audio, s"
    rows = [
        (str(at), *(metric_text(name, one[name]) for name in names), number(one["units_out"]))
        for at, one in enumerate(rounds, start=1)
    ]
    yield Heading("Every iteration")
    yield Table(("iteration", *names, unit), rows, frozenset())


def _stages(timed: Stages) -> Iterator[Block]:
    rows = [(name, f"{one.s:.3f} s", f"{one.share:.0%}") for name, one in timed.stages.items()]
    yield Heading("Bottleneck")
    yield Paragraph(
        f"{timed.bottleneck} takes most: {timed.stages[timed.bottleneck].share:.0%} of the time that is spent in "
        "stages. Stages that run beside each other may add up to more than a request takes."
    )
    yield Table(("stage", "mean of an item", "share"), rows, frozenset({0}))


def _concurrency(bench: Bench) -> Iterator[Block]:
    """Profiles are the engine's own; one that has `by_concurrency` is shown."""
    rows = [
        (str(one["requests"]), f"{one['throughput_x']:.3g}", f"{one['rtf']:.3g}", f"{one['first_audio_s']:.3g} s")
        for document in bench.profiles.values()
        if isinstance(document, Mapping)
        for one in document.get("by_concurrency", ())
    ]
    if rows:
        yield Heading("Throughput by concurrency")
        yield Table(("requests at once", "audio s per s", "rtf of each", "first audio"), rows, frozenset())
