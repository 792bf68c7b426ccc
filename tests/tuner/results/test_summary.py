from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.tuner.synthetic import deploy, outcome, study_info
from tuner.core.events import Outcome
from tuner.core.trial import MetricValue
from tuner.results.summary import comparison, summary_lines, table

INFO = study_info(Path("outputs/llm-tiny-0a1b"))


def test_the_objective_comes_first_then_speed_memory_quality() -> None:
    assert [row.name for row in comparison(deploy())] == [
        "decode_tokens_per_second", "ftl_ms", "rss_peak_mib", "kld",
    ]  # fmt: skip


def test_the_gain_of_the_objective_is_the_tournaments() -> None:
    first = comparison(deploy())[0]
    assert (first.default, first.winner, first.better) == ("100 ± 2.0 tok/s", "180 ± 3.6 tok/s", "×1.75")


def test_quality_that_was_not_judged_of_the_default_is_a_dash() -> None:
    known = deploy()
    assert comparison(known)[-1].default == "0 nat"
    unknown = replace(known, baseline=replace(known.baseline, quality={}))
    assert (comparison(unknown)[-1].default, comparison(unknown)[-1].better) == ("—", "")


def test_a_summary_has_verdict_tables_counts_and_where_to_look() -> None:
    lines = summary_lines(INFO, outcome(notices=("trial 4 was disturbed",)))
    text = "\n".join(lines)
    assert "1.75 times faster than the default" in lines[1]
    assert "changed knob" in text
    assert "missed by ×1.50" in text
    assert "8 trials: 3 ok, 1 crashed, 1 over limit, 1 out of memory, 1 pruned, 1 timed out" in text
    assert "note: trial 4 was disturbed" in text
    assert "outputs/llm-tiny-0a1b/report.html" in text


def test_what_stands_right_above_the_summary_is_not_said_again() -> None:
    ended = outcome(notices=("nothing is held out", "5 rounds were disturbed"))
    lines = summary_lines(INFO, ended, ["5 rounds were disturbed"])
    assert "note: nothing is held out" in lines
    assert not any("disturbed" in line for line in lines)


def test_what_got_worse_is_said_to_be_so_where_that_is_no_chance() -> None:
    """Of speed and memory by intervals that lie apart; of quality by more than a trifle."""

    def row(name: str, before: MetricValue | float, after: MetricValue | float) -> str:
        known = deploy()
        of_quality = isinstance(after, float)
        metrics = known.metrics if of_quality else {**known.metrics, name: after}
        default = replace(
            known.baseline,
            metrics=known.baseline.metrics if of_quality else {**known.baseline.metrics, name: before},
            quality={name: before} if of_quality else {},
        )
        changed = replace(known, metrics=metrics, quality={name: after} if of_quality else {}, baseline=default)
        return next(row.better for row in comparison(changed) if row.name == name)

    assert row("top1_agreement", 1.0, 0.937) == "×0.94 worse"
    assert row("top1_agreement", 1.0, 0.995) == "×0.99"
    apart = MetricValue(0.0667, (0.065, 0.069), "s"), MetricValue(0.0982, (0.095, 0.102), "s")
    assert row("load_cached_s", *apart) == "×0.68 worse"
    wide = MetricValue(0.0667, (0.03, 0.15), "s"), MetricValue(0.0982, (0.05, 0.2), "s")
    assert row("load_cached_s", *wide) == "×0.68"
    assert row("load_cached_s", *apart[::-1]) == "×1.47"


def test_a_summary_without_a_winner_has_no_tables() -> None:
    text = "\n".join(summary_lines(INFO, outcome(verdict="no_feasible", summary="nothing works", deploy=None)))
    assert "nothing works" in text
    assert "winner" not in text


def test_a_sweep_that_ended_before_its_first_trial_names_no_report() -> None:
    ended = Outcome("it", Path("it"), "interrupted", "interrupted: nothing was measured", (), {}, 1.0, 0.0)
    assert summary_lines(INFO, ended) == ["", "interrupted: nothing was measured"]


def test_columns_line_up() -> None:
    assert table(("", "b"), [("long name", "1"), ("x", "22")]) == ["            b", "long name   1", "x          22"]
