import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.tuner.synthetic import study_document
from tuner.core.documents import load
from tuner.core.targets import TargetVerdict
from tuner.core.trial import MetricValue, Stage, Stages, TrialStatus
from tuner.measure.bench import Bench, BenchDocument
from tuner.results.report.bench import write_bench

STUDY = study_document(name="tts-a-voice", task="tts")
PROFILE = {"by_concurrency": [{"requests": 2, "throughput_x": 0.51, "rtf": 3.9, "first_audio_s": 4.5}]}


def measured(profiles: Mapping[str, object] | None = None, **changes: Any) -> Bench:
    document = BenchDocument(
        params={"fp16": True},
        metrics={"rtf": MetricValue(3.769, None, ""), "ftl_ms": MetricValue(2476.0, None, "ms")},
        quality={"mel_distance_db": MetricValue(2.0, None, "dB")},
        targets=(TargetVerdict("rtf", 1.0, 3.769, False, 3.769, "< 1", "", "RTF < 1.0"),),
        host_noise={},
        status=TrialStatus.OK,
        reason="",
        iterations=(
            {"rtf": 3.6, "ftl_ms": 2392.0, "units_out": 2.52},
            {"rtf": 3.9, "ftl_ms": 2461.0, "units_out": 2.76},
        ),
        stages=Stages({"llm": Stage(6.0, 0.6), "flow": Stage(4.0, 0.4)}, "llm"),
        in_force={"flow estimator": "eager"},
        study=STUDY,
    )
    known = {"pipeline_profile.json": PROFILE} if profiles is None else profiles
    return Bench(replace(document, **changes), known)


def test_it_says_what_was_measured_and_what_is_in_force(tmp_path: Path) -> None:
    report = write_bench(tmp_path / "b", measured())[0].read_text()
    for shown in (
        "| flow estimator | eager |",
        "| fp16 | on |",
        "## Averages of 2 iterations",
        "llm takes most: 60% of the time",
        "| 1 | 2392 ms | 3.60 | 2.52 |",
        "| 2 | 0.51 | 3.9 | 4.5 s |",
    ):
        assert shown in report, report
    assert "RTF &lt; 1.0" in report


def test_it_says_how_noisy_it_was(tmp_path: Path) -> None:
    averages = {"ftl_ms": MetricValue(2476.0, (900.0, 6800.0), "ms")}
    noise = {"rounds": 6.0, "disturbed_share": 0.5, "used_disturbed_share": 0.0}
    report = write_bench(tmp_path, measured(metrics=averages, host_noise=noise))[0].read_text()
    assert "| ftl\\_ms | 2476 (900–6800) ms |" in report, report
    assert "Others on this machine disturbed 3 of 6 rounds" in report


def test_the_build_is_told_without_the_advice_on_it(tmp_path: Path) -> None:
    engine = {"name": "some", "version": "1", "unused": "AVX-512 is not used", "rebuild": "pip install x"}
    report = write_bench(tmp_path, measured(study=replace(STUDY, engine=engine)))[0].read_text()
    assert "| engine | some 1 |" in report


def test_every_profile_is_a_file_of_its_own_and_the_document_has_none_of_them(tmp_path: Path) -> None:
    written = write_bench(tmp_path, measured())
    assert [file.name for file in written] == ["report.md", "bench.json", "pipeline_profile.json"]
    assert "profiles" not in json.loads(written[1].read_text())
    assert load(BenchDocument, json.loads(written[1].read_text())) == measured().document


def test_a_profile_cannot_write_outside_of_the_folder(tmp_path: Path) -> None:
    write_bench(tmp_path / "b", measured(profiles={"../outside.json": {}}))
    assert not (tmp_path / "outside.json").exists()
    assert (tmp_path / "b" / "outside.json").exists()


def test_what_failed_says_so_and_leaves_the_rest_out(tmp_path: Path) -> None:
    failed = measured(
        {}, status=TrialStatus.OUT_OF_MEMORY, reason="failed to allocate", metrics={}, quality={}, iterations=(),
        stages=None, in_force={}, targets=(),
    )  # fmt: skip
    report = write_bench(tmp_path, failed)[0].read_text()
    assert "out of memory: failed to allocate" in report
    assert "Every iteration" not in report
