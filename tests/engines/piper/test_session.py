from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model, WorkItem
from engines.errors import EngineError, InvalidOutputError, ModelFileError, UnsupportedError
from engines.piper.engine import PiperEngine
from engines.piper.library import piper
from engines.piper.models import prepare, resolve_model
from engines.piper.session import PiperSession
from tests.engines.piper.voice_builder import write_voice

TEXT = "Okay. The train leaves from platform six, and it is late."
ITEM = WorkItem("a", {"text": TEXT})


def _session(model: Model, **params: Any) -> PiperSession:
    return PiperSession(model, prepare(model, params, lambda line: None), params)


def _chunks(model: Model, **params: Any) -> list[int]:
    return [chunk.samples.size for chunk in _session(model, **params).listen(TEXT).chunks]


def test_a_chunk_is_a_sentence_as_piper_cuts_them(model: Model) -> None:
    sample = _session(model).run(ITEM)
    assert sample.counts["chunks"] == 2
    assert sample.output_times_s[0] < sample.output_times_s[1]
    assert 2 < sample.units_out < 10


def test_clauses_are_cut_off_before_piper(model: Model) -> None:
    assert [len(_chunks(model, split=split)) for split in ("sentence", "clause")] == [2, 3]
    assert len(_chunks(model, first_chunk="clause")) == 2, "the first sentence is the first clause"
    one_sentence = WorkItem("b", {"text": "The train leaves from platform six, and it is late."})
    counts = [_session(model, first_chunk=first).run(one_sentence).counts["chunks"] for first in ("same", "clause")]
    assert counts == [1, 2]


def test_the_audio_is_that_of_piper_s_own_class(model: Model, voice: Path) -> None:
    """With its own session, whose options are those of the default configuration."""
    loaded, how = piper().PiperVoice.load(voice), piper().SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    theirs = np.concatenate([chunk.audio_float_array for chunk in loaded.synthesize(TEXT, how)])
    assert np.array_equal(_session(model).listen(TEXT).audio, theirs)


def test_the_stand_in_s_own_noise_changes_sound_and_length(model: Model) -> None:
    voice = _session(model)._voice
    one, other = (np.concatenate([c.audio_float_array for c in voice.synthesize(TEXT)]) for _ in range(2))
    assert one.size != other.size or not np.array_equal(one, other)


def test_a_text_always_sounds_the_same_whatever_was_said_before(model: Model) -> None:
    engine = PiperEngine()
    workload = engine.resolve_workload({"sentences": [TEXT]}, model, lambda line: None)
    engine.prepare_quality(model, workload, lambda line: None)
    session = _session(model)
    first = session.run(ITEM)
    session.run(WorkItem("b", {"text": "Good morning to all of you."}))
    again = session.run(ITEM)
    assert (first.output, first.counts) == (again.output, again.counts)
    assert session.quality(workload).metrics["mel_distance_db_worst"] == 0


def test_a_text_in_pieces_is_laid_beside_the_whole_of_it(model: Model) -> None:
    engine = PiperEngine()
    workload = engine.resolve_workload({"sentences": [TEXT]}, model, lambda line: None)
    engine.prepare_quality(model, workload, lambda line: None)
    assert _session(model, split="clause").quality(workload).metrics["mel_distance_db_worst"] > 0


def test_a_speaker_of_several_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    path = write_voice(tmp_path / "two.onnx", speakers=2)
    heard = [
        _session(resolve_model({"source": str(path), "speaker": who}, lambda line: None)).listen(TEXT).audio
        for who in (None, "speaker0", 1)
    ]
    assert np.array_equal(heard[0], heard[1])
    assert not np.array_equal(heard[0], heard[2])


def test_a_voice_that_does_not_speak_is_refused(tmp_path: Path) -> None:
    for gain, complaint in ((float("nan"), "not finite"), (0.0, "silent")):
        path = write_voice(tmp_path / f"{gain}.onnx", gain=gain)
        model = resolve_model({"source": str(path)}, lambda line: None)
        with pytest.raises(InvalidOutputError, match=complaint):
            _session(model).run(ITEM)


def test_a_graph_that_is_no_voice_is_said(tmp_path: Path) -> None:
    path = write_voice(tmp_path / "other.onnx", scales="style")
    model = resolve_model({"source": str(path)}, lambda line: None)
    with pytest.raises(ModelFileError, match="its inputs are input, input_lengths, style"):
        _session(model)
    (tmp_path / "none.onnx").write_bytes(b"nothing")
    (tmp_path / "none.onnx.json").write_text((tmp_path / "other.onnx.json").read_text())
    with pytest.raises(ModelFileError, match="onnxruntime cannot load"):
        _session(resolve_model({"source": str(tmp_path / "none.onnx")}, lambda line: None))


def test_a_file_of_the_voice_that_piper_cannot_use_is_said(tmp_path: Path) -> None:
    path = write_voice(tmp_path / "odd.onnx", phoneme_type="runes")
    with pytest.raises(ModelFileError, match="runes"):
        _session(resolve_model({"source": str(path)}, lambda line: None))


def test_files_that_are_gone_are_said(model: Model) -> None:
    with pytest.raises(ModelFileError, match="is gone"):
        _session(replace(model, facts={**model.facts, "config": "/nowhere/voice.onnx.json"}))


def test_a_provider_that_this_build_lacks_is_unsupported(model: Model) -> None:
    with pytest.raises(UnsupportedError, match="CUDAExecutionProvider"):
        _session(model, provider="cuda")


def test_a_text_without_words_is_an_error(model: Model) -> None:
    with pytest.raises(EngineError, match="nothing to say"):
        _session(model).run(WorkItem("a", {"text": "…"}))


@pytest.mark.parametrize("level", ["none", "basic", "extended", "all"])
def test_every_option_of_the_space_is_in_force_on_a_cpu(model: Model, level: str) -> None:
    session = _session(model, intra_op_threads=2, graph_optimization=level, spinning=False, memory_arena=False)
    assert session.run(ITEM).counts["chunks"] == 2
    options = session._voice.session.get_session_options()
    assert (options.intra_op_num_threads, options.enable_cpu_mem_arena) == (2, False)
