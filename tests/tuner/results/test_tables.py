import io
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuner.synthetic import deploy
from tuner.core.deploy import DeployedStock
from tuner.core.events import Outcome
from tuner.core.targets import Target, judge
from tuner.core.trial import MetricValue
from tuner.results.summary import ui_commands
from tuner.results.tables import metric_rows, print_after_sweep, print_table, print_targets


def text_of(call, *arguments):
    stream = io.StringIO()
    call(*arguments, stream)
    return stream.getvalue()


def test_the_targets_of_a_slow_assistant_as_its_owner_would_read_them():
    targets = [
        Target("llm", "decode_tokens_per_second", between=(60, 120), source="60-120 tok/s"),
        Target("llm", "ftl_ms", below=1000, source="<1s"),
        Target("llm", "response_s", reduce_by=0.2, source="20 % less"),
        Target("llm", "load_s", below=60, source="<60s"),
    ]
    noisy = Target("llm", "itl_ms_p95", below=50, source="<50ms")
    measured = {"decode_tokens_per_second": 6.56, "ftl_ms": 45340.0, "response_s": 12.04}
    rows = judge([*targets, noisy], {**measured, "itl_ms_p95": MetricValue(40.0, (20.0, 80.0), "ms")})
    lines = [" ".join(line.split()) for line in text_of(print_targets, rows).splitlines() if line]
    assert lines[0] == "target wanted measured verdict in its words"
    assert lines[1] == "decode_tokens_per_second 60–120 tok/s 6.56 tok/s missed by ×9.15 60-120 tok/s"
    assert lines[2] == "ftl_ms < 1000 ms 45340 ms missed by ×45.34 <1s"
    assert "no default to compare with" in lines[3]
    assert "not measured" in lines[4]
    assert lines[5] == "itl_ms_p95 < 50 ms 40.0 (20.0–80.0) ms too noisy to tell <50ms"


def test_no_targets_print_nothing():
    assert text_of(print_targets, []) == ""


def test_metrics_have_their_interval_and_unit():
    metrics = {"ftl_ms": MetricValue(12.34, (12.0, 12.68), "ms"), "top1_agreement": MetricValue(0.98, None, "")}
    assert metric_rows(metrics) == [("ftl_ms", "12.3 ± 0.34 ms"), ("top1_agreement", "0.980")]


def test_long_cells_are_folded_and_never_cut():
    stream = io.StringIO()
    print_table(stream, ("a", "b"), [("x" * 30, "word " * 60)], left=(0, 1))
    assert stream.getvalue().count("word") == 60
    assert max(len(line) for line in stream.getvalue().splitlines()) <= 140


def test_brackets_in_a_cell_are_text():
    stream = io.StringIO()
    print_table(stream, ("a",), [("[bold]x[/bold]",)])
    assert "[bold]x[/bold]" in stream.getvalue()


def outcome(deploy, directory="outputs/mine"):
    return Outcome("mine", Path(directory), "gain", "summary", (), {}, 1.0, 1.0, deploy=deploy)


def test_after_a_sweep_there_is_a_command_for_each_export_target():
    text = text_of(print_after_sweep, outcome(deploy(), "outputs/it's mine"))
    assert "python -m tuner export 'it'\"'\"'s mine' --target json --out serve-json\n" in text
    assert "  the parameters as a JSON file:\n    python -m tuner export" in text
    assert "#" not in text


def test_where_the_default_is_kept_nothing_is_to_be_changed():
    found = deploy()
    assert "change nothing" not in text_of(print_after_sweep, outcome(found))
    kept = replace(found, params=found.baseline.params)
    assert "\nchange nothing: an export only writes the default down\n" in text_of(print_after_sweep, outcome(kept))
    stock = DeployedStock({**kept.params, "n_threads": 8, "flash_attn": True}, {}, None)
    text = text_of(print_after_sweep, outcome(replace(kept, stock=stock)))
    assert "not what people run (n_threads 2 and not 8, flash_attn off and not on); do not put it" in text


def test_nothing_to_deploy_nothing_to_export():
    assert text_of(print_after_sweep, outcome(None)) == ""


def test_commands_name_a_study_elsewhere_by_its_folder():
    for folder, named in {"outputs/mine": "export mine ", "/data/runs/mine": "export /data/runs/mine "}.items():
        assert named in text_of(print_after_sweep, outcome(deploy(), folder))


@pytest.mark.parametrize(
    ("uri", "commands"),
    [
        (None, ["python -m tuner ui"]),
        ("", []),
        ("sqlite:////data/m.db", ["python -m tuner ui --tracking-uri sqlite:////data/m.db"]),
    ],
)
def test_the_ui_is_opened_where_the_study_was_logged(uri, commands):
    assert ui_commands(uri) == commands
