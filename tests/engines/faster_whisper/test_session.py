"""Sessions on the trained model itself, through the real CTranslate2."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engines.base import Model, Sample, Workload
from engines.errors import EngineError, ModelFileError, UnsupportedError
from engines.faster_whisper import FasterWhisperEngine
from engines.faster_whisper.models import prepare
from engines.faster_whisper.session import FasterWhisperSession
from engines.faster_whisper.settings import KNOBS, is_reference
from engines.recognition.clips import Passage
from engines.recognition.transcripts import count_errors
from engines.recognition.workload import resolve_workload
from search_spaces.narrowing import narrow
from search_spaces.parameter import Params
from search_spaces.template import load_template
from tests.engines.recognition.conftest import quiet

PLAIN: Params = {"compute_type": "float32"}


@pytest.fixture(scope="module")
def workload(model: Model) -> Workload:
    return resolve_workload({"clips": "utterances", "items_per_round": 4, "eval_clips": 8}, model, quiet)


def _opened(model: Model, params: Params) -> FasterWhisperSession:
    return FasterWhisperSession(model, prepare(model, params, quiet), {**PLAIN, **params})


def _run(model: Model, workload: Workload, params: Params) -> list[Sample]:
    session = _opened(model, params)
    try:
        return [session.run(item) for item in workload.items]
    finally:
        session.close()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"compute_type": "int8", "beam_size": 1, "cpu_threads": 1},
        {"beam_size": 2, "temperature_fallback": False, "without_timestamps": True},
        {"batched": True, "batch_size": 4, "vad_filter": True},
        {"vad_filter": True, "best_of": 1, "num_workers": 2},
    ],
    ids=str,
)
def test_a_configuration_hears_what_is_said(model: Model, workload: Workload, params: Params) -> None:
    samples = _run(model, workload, params)
    said = [Passage.from_json(item.payload).text for item in workload.items]
    assert count_errors(said, [sample.output for sample in samples], "en").wer < 0.15
    assert all(0 < s.output_times_s[0] <= s.output_times_s[-1] <= s.done_s for s in samples)


def test_the_same_is_heard_each_time_fallbacks_included(model: Model) -> None:
    """The embedded model loses its place among several utterances, and falls back: by chance, unless it is set back."""
    recording = resolve_workload({"clips": "recording", "eval_clips": 1}, model, quiet)
    session = _opened(model, {"beam_size": 1, "cpu_threads": 2})
    first, second = (session.run(recording.items[0]).output for _ in range(2))
    session.close()
    assert first == second


def test_quality_is_relative_to_the_library_s_defaults(model: Model, workload: Workload) -> None:
    engine = FasterWhisperEngine()
    engine.prepare_quality(model, workload, quiet)
    same, eight = _opened(model, {"cpu_threads": 1}), _opened(model, {"compute_type": "int8", "beam_size": 1})
    found = same.quality(workload)
    assert found["wer_increase"] == found["failed_clips_upper"] == 0.0
    other = eight.quality(workload)
    assert other["wer_increase"] == pytest.approx(other["wer"] - found["wer"])
    assert same.quality(Workload("none", workload.items)) == {}
    same.close()
    eight.close()


def test_what_counts_as_the_reference(model: Model) -> None:
    assert is_reference(model, {})
    assert is_reference(model, {"cpu_threads": 2, "compute_type": "float32", "device": "cpu", "beam_size": 5})
    assert not is_reference(model, {"compute_type": "int8"})
    assert not is_reference(model, {"beam_size": 1})
    assert not is_reference(model, {"batched": True, "vad_filter": True})


def test_what_is_in_force_is_what_was_asked_for(model: Model) -> None:
    session = _opened(model, {"compute_type": "int8"})
    assert session.in_force() == {"compute_type": "int8_float32", "device": "cpu"}
    session.close()


def test_what_cannot_be_loaded_is_one_line(model: Model, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="float16"):
        _opened(model, {"compute_type": "float16"})
    file = prepare(model, {}, quiet)
    with pytest.raises(ModelFileError, match="is gone"):
        FasterWhisperSession(model, type(file)("/nowhere/model.bin", "", "", 1.0), PLAIN)
    (tmp_path / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:100_000])
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(EngineError) as caught:
        FasterWhisperSession(model, type(file)(str(tmp_path / "model.bin"), "", "", 1.0), PLAIN)
    assert "\n" not in caught.value.message


def test_every_knob_of_the_space_is_one_of_the_engine() -> None:
    space = load_template("stt_faster_whisper").bind({"cpu_cores": 4})
    assert {knob.name for knob in space.knobs} == set(KNOBS)
    assert "num_workers" in space.off
    assert space.baseline["compute_type"] == "float32"
    assert space.stock_configuration()["compute_type"] == "int8"


def test_stock_is_the_library_s_defaults_but_for_the_compute_type_of_the_command_line(
    model: Model, folder: Path
) -> None:
    """whisper-ctranslate2 hands on the library's own defaults, and `compute_type=auto`."""
    from ctranslate2.models import Whisper
    from faster_whisper import WhisperModel

    space = load_template("stt_faster_whisper").bind({"cpu_cores": 4, **model.facts})
    stock = space.stock_configuration()
    assert {n for n, value in stock.items() if value != space.baseline[n]} == {"compute_type"}
    opened, called = (inspect.signature(f).parameters for f in (WhisperModel.__init__, WhisperModel.transcribe))
    for knob in ("cpu_threads", "num_workers"):
        assert stock[knob] == opened[knob].default, knob
    for knob in ("beam_size", "best_of", "vad_filter", "without_timestamps"):
        assert stock[knob] == called[knob].default, knob
    assert stock["temperature_fallback"] == (len(called["temperature"].default) > 1)
    taken, auto = (Whisper(str(folder), compute_type=kind) for kind in (stock["compute_type"], "auto"))
    assert taken.compute_type == auto.compute_type
    greedy = narrow(space, {}, {}, {"beam_size": 1, "cpu_threads": 2}).stock_configuration()
    assert greedy == stock


def test_with_a_gpu_16_bits_are_for_it_alone() -> None:
    kinds = "int8_float32,int8_float16,float16,float32,int8"
    facts = {"cpu_cores": 4, "gpu_count": 1, "devices": "cuda,cpu", "default_device": "cuda", "compute_types": kinds}
    space = load_template("stt_faster_whisper").bind({**facts, "default_compute_type": "float16"})
    assert space.baseline["device"] == "cuda"
    assert "cpu_threads" not in space.baseline
    assert space.violations({**space.baseline, "device": "cpu"})
    assert not space.violations({**space.baseline, "device": "cpu", "compute_type": "int8"})


_PEAK = """
import json, re, sys
from pathlib import Path
from engines.faster_whisper import FasterWhisperEngine
from engines.recognition.workload import resolve_workload
engine, params = FasterWhisperEngine(), json.loads(sys.argv[1])
model = engine.resolve_model({"source": "embedded", "shape": sys.argv[2]}, lambda text: None)
workload = resolve_workload({"clips": "utterances", "items_per_round": 2, "eval_clips": 1}, model, lambda text: None)
session = engine.open(model, params)
for item in workload.items:
    session.run(item)
predicted = engine.predict_memory(model, params, engine.capabilities())
peak_kib = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(json.dumps([predicted.host_mib, peak_kib / 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
@pytest.mark.parametrize(
    "params", [{"compute_type": "float32"}, {"compute_type": "int8", "beam_size": 1, "vad_filter": True}], ids=str
)
def test_the_peak_stays_below_what_is_predicted(folder: Path, params: Params) -> None:
    assert re.search("small-trained", folder.name)  # so that the process does not write it
    command = [sys.executable, "-c", _PEAK, json.dumps({"cpu_threads": 1, **params}), "small-trained"]
    run = subprocess.run(command, capture_output=True, check=True)
    predicted, peak = json.loads(run.stdout)
    assert 1.0 < predicted / peak < 2.0
