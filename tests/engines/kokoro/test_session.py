from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.base import Model, WorkItem
from engines.errors import EngineError, InvalidOutputError, ModelFileError, UnsupportedError
from engines.kokoro import session as module
from engines.kokoro.engine import KokoroEngine
from engines.kokoro.models import prepare, resolve_model
from engines.kokoro.session import CLAUSE_PAUSE_S, SAMPLE_RATE, SENTENCE_PAUSE_S, KokoroSession
from engines.synthesis import speech
from tests.engines.kokoro.onnx_builder import write_model

TEXT = "Okay. The train leaves from platform six, and it is late."
ITEM = WorkItem("a", {"text": TEXT})


def _session(model: Model, **params: Any) -> KokoroSession:
    return KokoroSession(model, prepare(model, params, lambda line: None), params)


def test_the_text_whole_is_one_chunk_of_kokoro_s(model: Model) -> None:
    sample = _session(model).run(ITEM)
    assert sample.counts["chunks"] == 1
    assert 1.5 < sample.units_out < 10


def test_pieces_are_followed_by_the_pause_that_their_mark_asks_for(model: Model) -> None:
    session = _session(model, split="clause")
    chunks = [c.samples for c in session.listen(TEXT).chunks]
    assert len(chunks) == 3
    for chunk, pause_s in zip(chunks, (SENTENCE_PAUSE_S, CLAUSE_PAUSE_S), strict=False):
        assert not chunk[-round(pause_s * SAMPLE_RATE) :].any()
        assert chunk[-round(pause_s * SAMPLE_RATE) - 600 : -round(pause_s * SAMPLE_RATE)].any()
    assert chunks[-1][-600:].any()


def test_a_cached_phrase_is_not_synthesised_again(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _session(model, phrase_cache=True)
    created: list[str] = []
    create = session._create
    monkeypatch.setattr(session, "_create", lambda text: (created.append(text), create(text))[1])
    monkeypatch.setattr(speech, "time", SimpleNamespace(perf_counter=lambda: float(len(created))))
    chunks = session.listen(TEXT).chunks
    assert created == ["The train leaves from platform six, and it is late."]
    assert len(chunks) == 2
    assert [chunk.at_s for chunk in chunks] == [0.0, 1.0], "the first is there before anything is synthesised"
    session.listen("Okayish.")
    assert created[1:] == ["Okayish."], "a phrase ends where a word ends"


def test_a_cache_changes_when_audio_comes_and_not_what_is_said(model: Model) -> None:
    plain, cached = (_session(model, split="sentence", phrase_cache=on).listen(TEXT).audio for on in (False, True))
    assert np.array_equal(plain, cached)


@pytest.fixture(scope="module")
def noisy(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that draws noise, as the real one does."""
    path = write_model(tmp_path_factory.mktemp("noisy") / "noisy.onnx", noise=0.01)
    return resolve_model({"source": str(path), "voices": str(files / "voices.bin")}, lambda line: None)


def test_the_stand_in_draws_noise_that_goes_on_from_text_to_text(noisy: Model) -> None:
    session = _session(noisy)
    assert not np.array_equal(session.listen(TEXT).audio, session.listen(TEXT).audio)


def test_quality_is_the_same_whatever_was_said_before(noisy: Model) -> None:
    """The reference configuration is at no distance from itself, in any order and after any number of rounds."""
    engine = KokoroEngine()
    texts = [TEXT, "Good morning to all of you."]
    both = engine.resolve_workload({"sentences": texts}, noisy, lambda line: None)
    for part in (texts[:1], texts):  # the second time one of the references is there already
        workload = engine.resolve_workload({"sentences": part}, noisy, lambda line: None)
        engine.prepare_quality(noisy, workload, lambda line: None)
    session = _session(noisy)
    for _ in range(2):
        for item in reversed(both.items):
            session.run(item)
        assert session.quality(both).metrics["mel_distance_db_worst"] == 0
    split = _session(noisy, split="clause")
    one, other = split.quality(both).metrics, (split.run(ITEM), split.quality(both).metrics)[1]
    assert one == other


def test_a_text_in_pieces_is_laid_beside_the_whole_of_it(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever listens hears the whole: a pause that is too long counts, and so does a piece that is cut short."""
    engine = KokoroEngine()
    workload = engine.resolve_workload({"sentences": [TEXT]}, model, lambda line: None)
    engine.prepare_quality(model, workload, lambda line: None)
    split = _session(model, split="clause")
    assert len(split._pieces(TEXT)) == 3
    whole = split.quality(workload).metrics
    assert whole["mel_distance_db_worst"] > 0
    monkeypatch.setattr(module, "SENTENCE_PAUSE_S", 1.0)
    assert split.quality(workload).metrics["duration_ratio_worst"] > whole["duration_ratio_worst"]
    monkeypatch.undo()
    create = split._create
    monkeypatch.setattr(split, "_create", lambda text: create(text)[: -create(text).size // 10 * 4])
    with pytest.raises(InvalidOutputError, match="truncated"):
        split.quality(workload)


def test_generated_weights_say_that_splitting_is_refused_and_how_to_search_it(model: Model) -> None:
    notes = {
        source: KokoroEngine().resolve_workload({}, replace(model, source=source), lambda line: None).notes
        for source in ("embedded", "voice.onnx")
    }
    assert "constraints.mel_distance_db_worst=null" in notes["embedded"][-1]
    assert not any("generated" in note for note in notes["voice.onnx"])


def test_what_came_out_of_the_cache_is_no_work_done(model: Model) -> None:
    whole, part = WorkItem("b", {"text": "Okay."}), ITEM
    cached, plain = _session(model, phrase_cache=True), _session(model)
    assert cached.run(whole).due == 0
    sample = cached.run(part)
    assert 0.5 * sample.units_out < sample.due < 0.95 * sample.units_out
    assert plain.run(part).due == plain.run(part).units_out


@pytest.mark.parametrize("quantization", ["fp16", "int8"])
def test_other_precisions_are_close_to_the_reference(model: Model, quantization: str) -> None:
    engine = KokoroEngine()
    workload = engine.resolve_workload({"items_per_round": 1}, model, lambda line: None)
    engine.prepare_quality(model, workload, lambda line: None)
    quality = _session(model, quantization=quantization).quality(workload).metrics
    assert 0 < quality["mel_distance_db"] < 3
    assert quality["duration_ratio"] < 1.05
    assert _session(model).quality(workload).metrics["mel_distance_db"] < 0.01


@pytest.mark.parametrize(("gain", "complaint"), [(float("nan"), "not finite"), (0.0, "silent"), (50.0, "clipped")])
def test_a_model_that_does_not_speak_is_refused(files: Path, tmp_path: Path, gain: float, complaint: str) -> None:
    path = write_model(tmp_path / "bad.onnx", gain=gain)
    model = resolve_model({"source": str(path), "voices": str(files / "voices.bin")}, lambda line: None)
    with pytest.raises(InvalidOutputError, match=complaint):
        _session(model).run(ITEM)


_ONLY_IN_KAY, _ONLY_IN_PLATFORM = 53, 48
"""The phonemes k and f in Kokoro's vocabulary."""


def _lacking(files: Path, path: Path, phoneme: int, level: float) -> Model:
    write_model(path, levels={phoneme: level})
    return resolve_model({"source": str(path), "voices": str(files / "voices.bin")}, lambda line: None)


@pytest.mark.parametrize("split", ["none", "sentence", "clause"])
def test_one_nan_in_one_piece_of_a_text_is_refused_however_it_is_split(files: Path, tmp_path: Path, split: str) -> None:
    model = _lacking(files, tmp_path / "bad.onnx", _ONLY_IN_PLATFORM, float("nan"))
    with pytest.raises(InvalidOutputError, match=r"not finite: 3600 of .*\(text: '.*platform si"):
        _session(model, split=split).run(ITEM)


def test_a_piece_that_is_silence_is_refused_by_its_name(files: Path, tmp_path: Path) -> None:
    levels = dict.fromkeys(range(178), 0.0) | {_ONLY_IN_PLATFORM: 1.0}
    path = write_model(tmp_path / "bad.onnx", levels=levels)
    model = resolve_model({"source": str(path), "voices": str(files / "voices.bin")}, lambda line: None)
    with pytest.raises(InvalidOutputError, match=r"silent.*\(text: 'Okay\.'\)"):
        _session(model, split="sentence").run(ITEM)


def test_a_cached_phrase_is_checked_as_a_piece_is(files: Path, tmp_path: Path) -> None:
    model = _lacking(files, tmp_path / "bad.onnx", _ONLY_IN_KAY, float("nan"))
    with pytest.raises(InvalidOutputError, match=r"not finite.*'Okay\.'"):
        _session(model, phrase_cache=True)


def test_a_provider_that_does_not_load_is_unsupported_and_not_the_cpu(model: Model) -> None:
    with pytest.raises(EngineError) as caught:
        _session(model, provider="cuda")
    assert isinstance(caught.value, UnsupportedError)
    assert "CUDAExecutionProvider" in caught.value.message


def test_voices_that_are_gone_are_said(model: Model) -> None:
    with pytest.raises(ModelFileError, match="are gone"):
        _session(replace(model, facts={**model.facts, "voices": "/nowhere/voices.bin"}))


def test_what_the_phonemizer_cannot_do_is_not_the_model_s_fault(model: Model) -> None:
    session = _session(replace(model, facts={**model.facts, "language": "xx-yy"}))
    with pytest.raises(EngineError, match=r"the phonemizer cannot read .*xx-yy") as caught:
        session.run(ITEM)
    assert "model.language" in caught.value.hint


def test_a_text_without_words_is_an_error(model: Model) -> None:
    with pytest.raises(EngineError, match="nothing to say"):
        _session(model).run(WorkItem("a", {"text": "…"}))


def test_an_option_that_the_runtime_sets_back_is_unsupported(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does with parallel execution on a GPU, with nothing but a warning."""
    runtime = module.onnxruntime()

    # The base is known while the test runs only.
    class SetsBack(runtime.InferenceSession):  # type: ignore[misc, name-defined]
        def get_session_options(self) -> Any:
            options = runtime.SessionOptions()
            options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
            return options

    monkeypatch.setattr(runtime, "InferenceSession", SetsBack)
    with pytest.raises(UnsupportedError, match=r"execution_mode .*SEQUENTIAL, and .*PARALLEL was asked for"):
        _session(model, execution_mode="parallel")


@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_every_option_of_the_space_is_in_force_on_a_cpu(model: Model, mode: str) -> None:
    _session(
        model, execution_mode=mode, intra_op_threads=2, inter_op_threads=2, graph_optimization="extended",
        spinning=False, memory_arena=False,
    ).close()  # fmt: skip


def test_options_reach_the_runtime(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, seen = module.onnxruntime(), []
    real = runtime.InferenceSession

    def record(path: str, options: Any, providers: Any) -> Any:
        seen.append(options)
        return real(path, options, providers=providers)

    monkeypatch.setattr(runtime, "InferenceSession", record)
    _session(model, intra_op_threads=2, graph_optimization="basic", spinning=False)
    (options,) = seen
    assert options.intra_op_num_threads == 2
    assert options.graph_optimization_level == runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
