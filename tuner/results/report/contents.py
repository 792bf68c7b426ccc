"""What a report says, in which order: verdict first, then the proof, then everything else."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from tuner.core.deploy import Gain
from tuner.core.metrics import METRICS
from tuner.measure.host.host_noise import noise_message
from tuner.results.report.blocks import Block, Code, Columns, Heading, Paragraph, Part, Plot, Table, Verdict
from tuner.results.report.plots import all_plots
from tuner.results.report.study_files import StudyFiles
from tuner.results.report.trials_table import trials_table
from tuner.results.studies import reference_to
from tuner.results.summary import (
    TARGET_HEAD,
    changed_knob_cells,
    comparison,
    comparison_table,
    keep_advice,
    target_cells,
    ui_commands,
)
from tuner.results.wording import (
    best_trial,
    changed_knobs,
    duration,
    engine_text,
    knob_value,
    metric_text,
    number,
    ratio_text,
    result_text,
    status_counts,
    workload_text,
)
from tuner.tournament.document import TournamentDocument
from tuner.tournament.verdict import ablation_lines

FIGURES = (
    "kld", "wer_increase", "wer", "mel_distance_db_worst", "ftl_ms", "latency_ms", "rss_peak_mib", "vram_peak_mib",
    "prefill_tokens_per_second", "mel_distance_db",
)  # fmt: skip
"""What stands beside the objective at the top, as many as `MOST_FIGURES`: quality first, because speed alone says
little."""
MOST_FIGURES = 3
TOLD_LEAST = 0.01
"""Noise below this is none."""
CAPTIONS = {
    "tournament": "Finalists against the default, in interleaved rounds. Only this estimate is published: the best of "
    "many noisy trials looks better than it is (hollow marks).",
    "ablation": "The tournament's winner beside itself with one change set back to the default, in interleaved rounds "
    "before the verdict. A change that is not shown to matter is not deployed.",
    "history": "Each trial in the order it was run. Whiskers are 95 % intervals; crosses along the bottom failures. "
    "Hollow diamonds are the default measured again; where the machine's pace had changed, a dotted line leads to the "
    "value that trials are compared by.",
    "importance": "How much of the variation over all trials a random forest explains by each knob. Below the line are "
    "shares that shuffled knobs reach by chance.",
}


def contents(study: StudyFiles) -> list[Block]:
    """The blocks of the report."""
    plots = all_plots(study)
    return [
        verdict(study),
        *_against_default(study),
        *_plot(plots, "tournament", "Proof"),
        *_targets(study),
        *_plot(plots, "ablation", "What each change is worth"),
        *_plot(plots, "history", "Search"),
        *_plot(plots, "importance", "Which knobs mattered", _untold(study)),
        *_trade_offs(plots),
        Heading(f"All {len(study.trials)} trials"),
        trials_table(study),
        *_measured_how(study),
        *_repeat(study),
    ]


def verdict(study: StudyFiles) -> Verdict:
    """The answer, and the figures that a reader looks for first."""
    played, deploy = study.tournament, study.deploy
    if played is None:
        return Verdict(_undecided(study), "plain")
    if deploy is None:
        return Verdict(_sentence(played.summary), "bad")
    objective, gain = deploy.gain.objective, deploy.gain
    rows = {row.name: row for row in comparison(deploy)}
    figures = [(objective, rows[objective].winner, _gain_text(gain))] if objective in rows else []
    if deploy.stock:
        figures.append(("against what people run", *_against_stock(deploy.stock.gain)))
    for row in [rows[name] for name in FIGURES if name in rows and name != objective][:MOST_FIGURES]:
        figures.append((row.name, row.winner, "" if row.default == row.winner else f"default {row.default}"))
    return Verdict(_sentence(played.summary), "good" if played.verdict == "gain" else "plain", figures)


def _against_stock(gain: Gain | None) -> tuple[str, str]:
    """Value and remark; a ratio whose interval holds 1 is no figure to read off."""
    if gain is None:
        return "the same", "it is deployed"
    if gain.ci95 is None or gain.significant:
        return _times(gain), _gain_text(gain, "what people run")
    word = "worse" if gain.ci95[1] < 1 else "not told apart"
    return word, _gain_text(gain, "what people run")


def _undecided(study: StudyFiles) -> str:
    best = best_trial(study.trials, study.about.objectives[0])
    found = "no feasible trial yet" if best is None else f"best so far: trial {best.number}"
    value = "" if best is None else f", {study.about.objectives[0]} {result_text(best, study.about.objectives[0])}"
    return f"Not decided yet: {len(study.trials)} trials, {found}{value}; nothing is proven before the tournament."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _times(gain: Gain) -> str:
    return "—" if gain.ratio is None else f"×{gain.ratio:.2f}"


def _gain_text(gain: Gain, other: str = "the default") -> str:
    if gain.ratio is None:
        return "the default does not run here"
    if gain.ci95 is None:
        return "the default"
    return f"{ratio_text(gain.ratio, gain.ci95)} of {other}"


def _against_default(study: StudyFiles) -> Iterator[Block]:
    deploy = study.deploy
    if not deploy:
        return
    head, rows = comparison_table(deploy)
    compared: list[Part] = [Heading("Default against winner" if len(head) > 2 else "The default"), Table(head, rows)]
    changes = changed_knobs(deploy.params, deploy.baseline.params)
    rest = ", ".join(f"{name} {knob_value(value)}" for name, value in deploy.params.items() if name not in changes)
    knobs: list[Part] = [
        Heading("Changed knobs"),
        Table(*changed_knob_cells(deploy, study.ablation)),
    ]
    knobs += [Paragraph(_sentence(line)) for line in ablation_lines(study.ablation)] if study.ablation else []
    knobs += [Paragraph(f"As in the default: {rest}.")] if rest else []
    yield Columns([compared, knobs] if changes else [compared])


def _targets(study: StudyFiles) -> Iterator[Block]:
    rows = target_cells(study.deploy.targets if study.deploy else ())
    columns = len(TARGET_HEAD) if any(row[-1] for row in rows) else len(TARGET_HEAD) - 1
    if rows:
        yield Heading("Targets")
        yield Table(TARGET_HEAD[:columns], [row[:columns] for row in rows], left=frozenset({0, 3, 4}))


def _plot(plots: Mapping[str, str], name: str, title: str, more: str = "") -> Iterator[Block]:
    if name in plots:
        yield Heading(title)
        yield Plot(name, plots[name], f"{CAPTIONS[name]}{more}")


def _untold(study: StudyFiles) -> str:
    """The search soon keeps what is much better, so that the trials say least of the knobs that matter most."""
    names = study.importance.hardly_varied if study.importance else ()
    return f" All trials but one agree in {', '.join(names)}, so that nothing can be told of that." if names else ""


def _trade_offs(plots: Mapping[str, str]) -> Iterator[Block]:
    names = [name for name in plots if name not in CAPTIONS]
    if names:
        yield Heading("What speed costs")
    for name in names:
        metric = name.removeprefix("trade-off-")
        meaning = f": {METRICS[metric].definition}" if metric in METRICS else ""
        yield Plot(name, plots[name], f"Against {metric}{meaning}.")


def _measured_how(study: StudyFiles) -> Iterator[Block]:
    yield Heading("How it was measured")
    yield Table(("", ""), [row for row in _facts(study) if row[1]], left=frozenset({0, 1}))


def _facts(study: StudyFiles) -> Iterator[tuple[str, str]]:
    about = study.about
    yield "machine", about.hardware.text
    yield "engine", engine_text(about.engine)
    name, source, digest = about.model.name, about.model.source, about.model.digest
    yield "model", ", ".join([name, *([source] if source and source not in name else []), digest])
    yield "workload", workload_text(about.workload)
    yield (
        "objectives",
        ", ".join(f"{name}: {METRICS[name].definition}" for name in study.about.objectives if name in METRICS),
    )
    yield "limits", ", ".join(f"{name} {metric_text(name, limit)}" for name, limit in study.about.constraints.items())
    yield "knobs that are off", "; ".join(f"{knob}: {why}" for knob, why in about.space.off.items())
    counts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in status_counts(study.trials).items())
    yield "trials", f"{len(study.trials)} ({counts})" if study.trials else "none yet"
    yield "time", _time(study)
    yield "noise", _noise(study)
    yield "tournament", _tournament(study.tournament) if study.tournament else ""


def _time(study: StudyFiles) -> str:
    wall_s, engine_s = sum(t.wall_s for t in study.trials), sum(t.engine_s for t in study.trials)
    if not wall_s:
        return ""
    trials = f"{duration(wall_s)} in trials, {engine_s / wall_s:.0%} of it loading, warming or measuring the engine"
    if not study.repeats:
        return trials
    times = f"{len(study.repeats)} time{'s' * (len(study.repeats) > 1)}"
    return f"{trials}; {duration(sum(r.wall_s for r in study.repeats))} measuring promising ones again, {times}"


def _noise(study: StudyFiles) -> str:
    """What it comes to; then the worst of each figure that the trials recorded, of a clock the lowest.

    Figures that are next to nothing in every trial are left out.
    """
    recorded = [t.host_noise for t in study.trials if t.host_noise]
    if not recorded:
        return ""
    names = dict.fromkeys(name for noise in recorded for name in noise if name != "rounds")
    told = {name: [noise[name] for noise in recorded if name in noise] for name in names}
    worst = [
        f"{name} down to {number(min(values), 4)}"
        if name.endswith("_mhz")
        else f"{name} up to {number(max(values), 2)}"
        for name, values in told.items()
        if max(values) > TOLD_LEAST
    ]
    played = [study.tournament.noise] if study.tournament else []
    came_to = noise_message([*recorded, *played]) or "no round was disturbed"
    return f"{came_to} (of single trials: {', '.join(worst)})" if worst else came_to


def _tournament(played: TournamentDocument) -> str:
    if not played.pairs:
        return ""
    again = f", {played.repeated_rounds} disturbed rounds run again" if played.repeated_rounds else ""
    pairs, blocks = played.pairs, len(played.blocks)
    more = f" with the default, {blocks - pairs} more rounds between finalists" if blocks > pairs else ""
    out = [f"trial {f.number} failed: {f.failure}" for f in played.finalists if f.failure]
    out += [f"trial {f.number} breaks a limit: {f.breaks}" for f in played.finalists if f.breaks]
    test = "paired test on log ratios, corrected for the number of finalists and of looks"
    return "; ".join(
        [f"{pairs} interleaved pairs{more}{again}; {test}", "the intervals hold for all finalists at once", *out]
    )


def _repeat(study: StudyFiles) -> Iterator[Block]:
    import yaml

    commands = ui_commands(study.about.tracking_uri)
    if study.deploy:
        reference = shlex.quote(reference_to(study.directory))
        commands.insert(0, f"python -m tuner export {reference} --target NAME --out DIR")
        commands.insert(
            0, f"python -m tuner bench {study.about.task} deploy={shlex.quote(str(study.directory / 'deploy.json'))}"
        )
    yield Heading("Repeat and use")
    if study.deploy and (advice := keep_advice(study.deploy)):
        yield Paragraph(_sentence(advice))
    yield Code("\n".join(commands))
    if study.about.configuration:
        yield Code(
            yaml.safe_dump(dict(study.about.configuration), sort_keys=False, allow_unicode=True), "Configuration"
        )
