import json
from pathlib import Path
from typing import Any

from tuner.results.report.bench import write_bench

STUDY = {
    "name": "tts-a-voice",
    "task": "tts",
    "hardware": {"cpu": "A CPU", "cores": 4, "class": "a-cpu-4c", "gpus": []},
    "engine": {"name": "some", "version": "1"},
    "model": {"name": "a-voice", "source": "voice"},
    "workload": {"name": "sentences", "items": 3, "digest": "ab"},
    "configuration": {},
}


def measured(**changes: Any) -> dict[str, Any]:
    return {
        "params": {"fp16": True},
        "metrics": {
            "rtf": {"value": 3.769, "ci95": None, "unit": ""},
            "ftl_ms": {"value": 2476.0, "ci95": None, "unit": "ms"},
        },
        "quality": {"mel_distance_db": 2.0},
        "targets": [
            {
                "metric": "rtf",
                "target": 1.0,
                "value": 3.769,
                "met": False,
                "gap": 3.769,
                "wanted": "< 1",
                "source": "RTF < 1.0",
            }
        ],
        "host_noise": {},
        "status": "ok",
        "reason": "",
        "study": STUDY,
        "iterations": [
            {"rtf": 3.6, "ftl_ms": 2392.0, "units_out": 2.52},
            {"rtf": 3.9, "ftl_ms": 2461.0, "units_out": 2.76},
        ],
        "stages": {"stages": {"llm": {"s": 6.0, "share": 0.6}, "flow": {"s": 4.0, "share": 0.4}}, "bottleneck": "llm"},
        "in_force": {"flow estimator": "eager"},
        "profiles": {
            "pipeline_profile.json": {
                "by_concurrency": [{"requests": 2, "throughput_x": 0.51, "rtf": 3.9, "first_audio_s": 4.5}]
            }
        },
        **changes,
    }


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


def test_the_build_is_told_without_the_advice_on_it(tmp_path: Path) -> None:
    engine = {"name": "some", "version": "1", "unused": "AVX-512 is not used", "rebuild": "pip install x"}
    report = write_bench(tmp_path, measured(study={**STUDY, "engine": engine}))[0].read_text()
    assert "| engine | some 1 |" in report


def test_every_profile_is_a_file_of_its_own_and_the_document_has_none_of_them(tmp_path: Path) -> None:
    written = write_bench(tmp_path, measured())
    assert [file.name for file in written] == ["report.md", "bench.json", "pipeline_profile.json"]
    assert "profiles" not in json.loads(written[1].read_text())


def test_a_profile_cannot_write_outside_of_the_folder(tmp_path: Path) -> None:
    write_bench(tmp_path / "b", measured(profiles={"../outside.json": {}}))
    assert not (tmp_path / "outside.json").exists()
    assert (tmp_path / "b" / "outside.json").exists()


def test_what_failed_says_so_and_leaves_the_rest_out(tmp_path: Path) -> None:
    failed = measured(
        status="out_of_memory", reason="failed to allocate", metrics={}, quality={}, iterations=[], stages={},
        in_force={}, profiles={}, targets=[],
    )  # fmt: skip
    report = write_bench(tmp_path, failed)[0].read_text()
    assert "out of memory: failed to allocate" in report
    assert "Every iteration" not in report
