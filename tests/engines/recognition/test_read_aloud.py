"""The shipped texts, read by a voice that is a stand-in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines.base import Model
from engines.embedded.clips import spoken_clips
from engines.errors import MissingLibraryError, MissingModelError
from engines.fake_voice import FakeVoiceEngine
from engines.published import catalogue
from engines.published.catalogue import Published
from engines.published.places import folder
from engines.recognition.audio import SAMPLE_RATE
from engines.recognition.clips import EMBEDDED_AUDIO, Passage
from engines.recognition.material import passages
from engines.recognition.read_aloud import read_aloud
from engines.recognition.workload import resolve_workload
from search_spaces.errors import TunerError
from tests.engines.published.stand_in import as_if_fetched, weights
from tests.engines.recognition.conftest import quiet

TEXTS = ["turn it off", "how much salt do i need for seventeen people", "thanks"]


def _voice(**changes: Any) -> Published:
    engines = {"fake_voice": {"source": "fake_voice"}}
    return weights("small-voice", **{"task": "tts", "what": "A Voice", "engines": engines, **changes})


@pytest.fixture
def cached(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path))
    monkeypatch.setattr(catalogue, "catalogue", lambda: {"small-voice": _voice(), "talk": weights("talk")})


@pytest.fixture
def fetched(cached: None) -> None:
    as_if_fetched(_voice(), folder(_voice()))


@pytest.mark.usefixtures("fetched")
def test_every_text_is_read_once_and_lies_where_it_is_said_to() -> None:
    told: list[str] = []
    digest, places = read_aloud("small-voice", TEXTS, told.append)
    assert told == ["small-voice reads 3 texts aloud"]
    assert read_aloud("small-voice", TEXTS, told.append) == (digest, places)
    assert len(told) == 1, "made once"
    assert read_aloud("small-voice", TEXTS[:2], quiet)[0] != digest
    lengths = [place.seconds for place in places]
    assert lengths[1] > lengths[0] > lengths[2]
    engine = FakeVoiceEngine()
    session = engine.open(engine.resolve_model({"source": "fake_voice"}, quiet), {})
    audio_of = replace(_clips()[0], audio=f"read-aloud:{digest}")
    for text, place in zip(TEXTS, places, strict=True):
        said = session.listen(text).audio
        found = replace(audio_of, start_s=place.start_s, seconds=place.seconds).load()
        assert found.size == said.size == round(place.seconds * SAMPLE_RATE)
        assert np.abs(found - said).max() < 1e-3


def _clips() -> Any:
    return Passage.from_json(
        {
            "clips": [{"id": "a", "audio": "", "start_s": 0.0, "seconds": 1.0, "text": "a"}], "gap_s": 0.0,
            "treatment": {},
        }
    ).clips  # fmt: skip


@pytest.mark.usefixtures("fetched")
def test_a_workload_of_read_texts_has_the_shipped_ones_in_another_voice(model: Model) -> None:
    read, shipped = (
        resolve_workload({"clips": "chunks", **more}, replace(model, source="base.bin"), quiet)
        for more in ({"voice": "small-voice"}, {})
    )
    known = {clip.id: clip.text for clip in spoken_clips()}
    parts = [part for part in (read, read.held_out) if part is not None]
    clips = [clip for part in parts for p in passages(part) for clip in p.clips]
    assert len(parts) == 2
    assert all(clip.text == known[clip.id] and clip.audio != EMBEDDED_AUDIO for clip in clips)
    assert read.digest != shipped.digest
    assert read.notes[0].startswith("the texts are read by small-voice, one voice: recordings of yours")
    assert "workload.voice=piper-joe" in shipped.notes[0]


@pytest.mark.usefixtures("cached")
def test_what_is_lacking_is_one_line_with_what_to_type(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(**options: str) -> TunerError:
        with pytest.raises(TunerError) as caught:
            resolve_workload(options, model, quiet)
        assert "\n" not in caught.value.message
        assert caught.value.hint
        return caught.value

    missing = refusal(voice="small-voice")
    assert isinstance(missing, MissingModelError)
    assert "models fetch small-voice" in missing.hint
    assert "small-voice" in refusal(voice="smal-voice").hint
    assert refusal(voice="talk").message.startswith("unknown workload.voice 'talk'")
    assert "keep one" in refusal(voice="small-voice", audio="recordings").hint
    as_if_fetched(_voice(), folder(_voice()))

    def none(engine: FakeVoiceEngine) -> None:
        raise MissingLibraryError("piper-tts cannot be used: No module named 'piper'", "pip install piper-tts")

    monkeypatch.setattr(FakeVoiceEngine, "capabilities", none)
    assert refusal(voice="small-voice").message.startswith("piper-tts cannot be used")
