"""The adapter on a repository of the recorded signatures, without torch."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.base import Model, WorkItem
from engines.cosyvoice import CosyVoiceEngine
from engines.cosyvoice.models import prepare
from engines.cosyvoice.session import SEED, CosyVoiceSession
from engines.cosyvoice.workload import resolve_workload
from engines.errors import InvalidOutputError, OutOfMemoryError
from tests.engines.cosyvoice.stand_in import FakeTorch

TEXT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
"""128 speech tokens of the stand-in, 5.1 s."""
CONF = Path(__file__).parents[3] / "engines" / "cosyvoice" / "conf" / "engine" / "cosyvoice.yaml"
LIMITS: Mapping[str, float] = yaml.safe_load(CONF.read_text(encoding="utf-8"))["constraints"]
CALLS = list[tuple[Any, ...]]


def quiet(text: str) -> None:
    pass


@contextmanager
def opened(model: Model, **params: Any) -> Iterator[CosyVoiceSession]:
    session = CosyVoiceSession(model, prepare(model, params, quiet), params)
    try:
        yield session
    finally:
        session.close()


def item(model: Model, mode: str = "zero_shot", **options: Any) -> WorkItem:
    return resolve_workload({"sentences": [TEXT], "mode": mode, **options}, model, quiet).items[0]


def test_two_identical_requests_in_a_row_have_the_same_chunks(folder_model: Model) -> None:
    with opened(folder_model, stream=True) as session:
        samples = [session.run(item(folder_model)) for _ in range(2)]
        assert session.loaded.token_hop_len > 25, "the repository's hop does grow"
    assert samples[0].output == samples[1].output
    assert samples[0].output.startswith("24000 48000")
    assert len(samples[0].output_times_s) == 3


@pytest.mark.parametrize(
    ("knobs", "pattern"),
    [
        ({"first_hop_tokens": 10, "hop_growth": 1}, "12×9600 7680"),
        ({"first_hop_tokens": 50, "hop_growth": 2, "hop_tokens_most": 50}, "2×48000 26880"),
        ({"first_hop_tokens": 15, "hop_growth": 4, "hop_tokens_most": 100}, "14400 57600 50880"),
    ],
)
def test_the_hop_knobs_shape_the_chunks(folder_model: Model, knobs: dict[str, Any], pattern: str) -> None:
    with opened(folder_model, stream=True, **knobs) as session:
        assert session.run(item(folder_model)).output == f"{pattern} of 24000 Hz"


def test_a_sample_has_the_stages_and_the_tokens(folder_model: Model) -> None:
    with opened(folder_model) as session:
        first, second = (session.run(item(folder_model)) for _ in range(2))
    assert first.counts["llm_tokens"] == second.counts["llm_tokens"] == 128
    assert all(first.stages_s[stage] >= 0 for stage in ("front_end", "llm", "flow", "vocoder"))
    assert first.units_out == pytest.approx(128 * 960 / 24000)
    assert first.units_in == len(TEXT)


def test_several_at_once_are_timed_by_the_one_that_waits_longest(folder_model: Model) -> None:
    with opened(folder_model, concurrency=3) as session:
        sample = session.run(item(folder_model))
    assert sample.requests == 3
    assert sample.units_out == pytest.approx(3 * 128 * 960 / 24000)
    assert sample.requests_s >= sample.output_times_s[0]
    assert sample.done_s >= sample.output_times_s[-1]


def test_every_request_begins_with_the_same_chance(folder_model: Model, torch: FakeTorch) -> None:
    with opened(folder_model) as session:
        for _ in range(2):
            session.run(item(folder_model))
    assert torch.seeds == [SEED, SEED]


def test_an_llm_that_fails_in_its_thread_ends_the_request_with_its_reason(folder_model: Model) -> None:
    with opened(folder_model, stream=True) as session:
        session.loaded.failing = True
        with pytest.raises(OutOfMemoryError, match="Tried to allocate"):
            session.run(item(folder_model))
        session.loaded.failing = False
        assert session.run(item(folder_model)).units_out > 5


@pytest.mark.parametrize(("level", "said"), [(float("nan"), "not finite"), (0.0, "silent"), (40.0, "clipped")])
def test_audio_that_nobody_could_deploy_is_no_sample(folder_model: Model, level: float, said: str) -> None:
    with opened(folder_model) as session:
        session.loaded.level = level
        with pytest.raises(InvalidOutputError, match=said):
            session.run(item(folder_model))


def test_a_prompt_that_is_cached_is_read_once(folder_model: Model, calls: CALLS) -> None:
    with opened(folder_model, prompt_cached=True) as session:
        for _ in range(2):
            session.run(item(folder_model))
    speakers = [call[2] for call in calls if call[0] == "add speaker"]
    assert len(speakers) == 1
    assert {call[2] for call in calls if call[0] == "read prompt"} == set(speakers)


def test_a_cached_prompt_keeps_its_instruction(folder_model: Model, calls: CALLS) -> None:
    asked = item(folder_model, "instruct", instruction="Say it softly.<|endofprompt|>")
    with opened(folder_model, prompt_cached=True) as session:
        session.run(asked)
    assert [call[1] for call in calls if call[0] == "add speaker"] == ["Say it softly.<|endofprompt|>"]


def test_a_conversion_leaves_the_llm_out(folder_model: Model, tmp_path: Any) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "song.wav", [0.0] * 32000, 16000)
    asked = item(folder_model, "voice_conversion", recording=str(tmp_path / "song.wav"))
    with opened(folder_model) as session:
        sample = session.run(asked)
    assert sample.counts["llm_tokens"] == 0
    assert (sample.units_in, sample.units_out) == (2.0, 2.0)


def test_the_constructor_gets_what_the_knobs_say_and_tensorrt_never(folder_model: Model, calls: CALLS) -> None:
    with opened(folder_model, fp16=True, load_jit=True):
        pass
    assert calls[0] == ("CosyVoice2", True, False, False, True)


def test_what_is_in_force_is_asked_of_the_runtime(folder_model: Model, torch: FakeTorch) -> None:
    with opened(folder_model, flow_steps=6, n_threads=3, attention="eager", sdpa_kernel="math") as session:
        assert session.in_force()["flow steps"] == "not run"
        session.run(item(folder_model))
        told = session.in_force()
    assert told["flow steps"] == "6"
    assert told["attention of the LLM"] == "eager"
    assert told["attention kernels"] == "math"
    assert told["torch threads"] == "3"
    assert told["autocast"] == "LLM float32, flow float32"
    assert torch.threads == 4, "set back when the session closed"
    assert all(torch.switches.values())
    assert json.dumps(told)


def test_fp16_that_the_repository_drops_is_seen(folder_model: Model) -> None:
    """Without a GPU it computes in 32 bits whatever it was asked."""
    with opened(folder_model, fp16=True) as session:
        session.run(item(folder_model))
        assert session.in_force()["autocast"] == "LLM float32, flow float32"


def test_the_mask_is_kept_from_a_transformers_that_misreads_it(
    folder_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.cosyvoice import optimizations

    with opened(folder_model) as session:
        (hook,) = session.loaded.llm.llm.model.hooks
        asked = {"attention_mask": "of one token", "output_hidden_states": True, "use_cache": True}
        meant = {"attention_mask": None, "output_hidden_states": False, "use_cache": True}
        assert hook(None, ("x",), asked) == (("x",), meant)
    monkeypatch.setattr(optimizations, "transformers_version", lambda: (4, 51, 3))
    with opened(folder_model) as session:
        assert session.loaded.llm.llm.model.hooks == []


def test_compiling_is_asked_of_the_modules_that_the_knob_names(folder_model: Model, calls: CALLS) -> None:
    for module, wanted in (
        ("flow", {"flow compile"}),
        ("llm", {"llm compile"}),
        ("both", {"flow compile", "llm compile"}),
    ):
        calls.clear()
        with opened(folder_model, compile="max-autotune", compile_module=module):
            pass
        assert {call[0] for call in calls if call[1] == "max-autotune"} == wanted


def test_quality_of_the_reference_itself_is_perfect(folder_model: Model) -> None:
    pytest.importorskip("librosa")
    engine = CosyVoiceEngine()
    workload = resolve_workload({"sentences": ["one two three four five six"]}, folder_model, quiet)
    told: list[str] = []
    engine.prepare_quality(folder_model, workload, told.append)
    assert told == ["speaking the reference 1 of 1"]
    engine.prepare_quality(folder_model, workload, told.append)
    assert len(told) == 1
    with opened(folder_model) as session:
        session.run(workload.items[0])
        quality = session.quality(workload).metrics
    assert quality["mel_distance_db"] == quality["mel_distance_db_worst"] == 0.0
    assert quality["duration_ratio"] == quality["duration_ratio_worst"] == 1.0


def test_one_text_of_several_whose_take_is_too_long_breaks_a_constraint(folder_model: Model) -> None:
    """The mean of four would hide it: three are as long as the reference's."""
    pytest.importorskip("librosa")
    engine, texts = CosyVoiceEngine(), [f"{number} one two three four five six" for number in ("a", "b", "c", "d")]
    workload = resolve_workload({"sentences": texts}, folder_model, quiet)
    engine.prepare_quality(folder_model, workload, quiet)
    with opened(folder_model) as session:
        for asked in workload.items:
            session.loaded.pace = 1.3 if asked is workload.items[-1] else 1.0
            session.run(asked)
        quality = session.quality(workload).metrics
    assert {name for name, limit in LIMITS.items() if quality[name] > limit} == {"duration_ratio_worst"}
    assert quality["duration_ratio_worst"] == pytest.approx(1.3, rel=0.02)
    assert quality["duration_ratio"] < 1.1


@pytest.mark.parametrize(("pace", "due"), [(1.3, 1.0), (1.0, 1.0), (0.9, 0.9)])
@pytest.mark.parametrize("at_once", [1, 3])
def test_a_take_that_is_longer_than_the_references_is_no_more_work_done(
    folder_model: Model, pace: float, due: float, at_once: int
) -> None:
    pytest.importorskip("librosa")
    workload = resolve_workload({"sentences": [TEXT]}, folder_model, quiet)
    CosyVoiceEngine().prepare_quality(folder_model, workload, quiet)
    reference_s = 128 * 960 / 24000
    with opened(folder_model, concurrency=at_once) as session:
        session.loaded.pace = pace
        sample = session.run(workload.items[0])
    assert sample.units_out == pytest.approx(at_once * pace * reference_s, rel=0.01)
    assert sample.due == pytest.approx(at_once * due * reference_s, rel=0.01)


def test_without_a_reference_all_of_the_audio_counts(folder_model: Model) -> None:
    nobody_judged = resolve_workload({"sentences": ["one two three four and no reference"]}, folder_model, quiet)
    with opened(folder_model) as session:
        assert session.run(nobody_judged.items[0]).due is None
