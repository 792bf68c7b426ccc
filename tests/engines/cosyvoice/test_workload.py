from pathlib import Path
from typing import Any

import pytest

from engines.base import Model
from engines.cosyvoice.models import resolve_model
from engines.cosyvoice.requests import Request
from engines.cosyvoice.workload import DEFAULT_INSTRUCTION, judged_requests, resolve_workload
from search_spaces.errors import TunerError
from tests.engines.cosyvoice.stand_in import FakeTorch


def quiet(text: str) -> None:
    pass


@pytest.fixture
def shape_model(repository: Path, torch: FakeTorch) -> Model:
    return resolve_model({"source": "shape:v3", "repo": str(repository)}, quiet)


def test_sentences_are_the_shared_ones(folder_model: Model) -> None:
    workload = resolve_workload({"lengths": "short", "items_per_round": 2}, folder_model, quiet)
    requests = [Request.of(item.payload) for item in workload.items]
    assert len({r.key for r in requests}) == 2
    assert {(r.mode, r.instruction) for r in requests} == {("zero_shot", "")}
    assert workload.facts == {"voice_conversion": False}


def test_what_is_held_out_is_spoken_in_the_same_way(folder_model: Model) -> None:
    workload = resolve_workload(
        {"mode": "instruct", "items_per_round": 2, "instruction": "Softly."}, folder_model, quiet
    )
    held = workload.proof
    assert held is not workload
    assert {Request.of(item.payload).instruction for item in held.items} == {"Softly."}
    searched_on, proven_on = ([r.key for r in judged_requests(part)] for part in (workload, held))
    assert [Request.of(item.payload).key for item in workload.items] == searched_on
    assert {Request.of(item.payload).key for item in held.items} < set(proven_on)
    assert not set(searched_on) & set(proven_on)
    assert held.quality["voice"] == workload.quality["voice"]
    assert held.facts == workload.facts
    assert "searched on" in workload.notes[0]


def test_an_instruction_is_part_of_the_request(folder_model: Model) -> None:
    default = resolve_workload({"mode": "instruct", "items_per_round": 1}, folder_model, quiet)
    own = resolve_workload({"mode": "instruct", "items_per_round": 1, "instruction": "Softly."}, folder_model, quiet)
    assert default.items[0].payload["instruction"] == DEFAULT_INSTRUCTION
    assert default.digest != own.digest


def test_generated_weights_convert_made_up_speech(shape_model: Model) -> None:
    workload = resolve_workload({"mode": "voice_conversion"}, shape_model, quiet)
    assert [item.payload["seconds"] for item in workload.items] == [30.0]
    assert workload.facts == {"voice_conversion": True}
    assert any("generated" in note for note in workload.notes)
    assert workload.held_out is None
    assert "nothing is held out" in workload.notes[0]


def test_a_recording_is_read_for_its_length_and_its_content(folder_model: Model, tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    song = tmp_path / "song.wav"
    soundfile.write(song, [0.1] * 48000, 16000)
    config = {"mode": "voice_conversion", "recording": str(song)}
    first = resolve_workload(config, folder_model, quiet)
    assert Request.of(first.items[0].payload).seconds == 3.0
    soundfile.write(song, [0.2] * 48000, 16000)
    assert resolve_workload(config, folder_model, quiet).digest != first.digest


def test_the_voice_is_part_of_the_workload(repository: Path, torch: FakeTorch, folder_model: Model) -> None:
    (repository / "asset/zero_shot_prompt.wav").write_text("another voice")
    config = {"source": folder_model.source, "repo": str(repository)}
    other = resolve_model(config, quiet)
    assert resolve_workload({}, other, quiet).digest != resolve_workload({}, folder_model, quiet).digest


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"mode": "singing"}, "singing"),
        ({"mode": "voice_conversion"}, "nothing to convert"),
        ({"mode": "voice_conversion", "recording": "/nowhere.wav"}, "no recording"),
        ({"tempo": 2}, "tempo"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_hint(folder_model: Model, config: dict[str, Any], said: str) -> None:
    with pytest.raises(TunerError, match=said) as caught:
        resolve_workload(config, folder_model, quiet)
    assert caught.value.hint


@pytest.mark.parametrize("seconds", [0, 31, "long", True])
def test_a_conversion_lasts_up_to_30_s(shape_model: Model, seconds: Any) -> None:
    with pytest.raises(TunerError, match=r"workload\.seconds"):
        resolve_workload({"mode": "voice_conversion", "seconds": seconds}, shape_model, quiet)
