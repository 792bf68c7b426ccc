from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engines.base import Model
from engines.espeak.models import prepare, resolve_model
from search_spaces.errors import TunerError


def _model(**config: Any) -> Model:
    return resolve_model(config, lambda line: None)


def test_another_voice_rate_or_pitch_is_another_model() -> None:
    models = [_model(), _model(voice="de"), _model(words_per_minute=200), _model(pitch=60)]
    assert len({m.digest for m in models}) == 4
    assert _model(source="espeak", voice="en-us", words_per_minute=175, pitch=50).digest == models[0].digest


def test_the_file_is_the_voice_s_sounds() -> None:
    file = prepare(_model(voice="fr+f3"), {}, print)
    assert Path(file.path).name == "phondata"
    assert 0.5 < file.size_mib < 5


@pytest.mark.parametrize(
    "config",
    [{"voice": "vulcan"}, {"words_per_minute": 10}, {"pitch": True}, {"source": "voice.onnx"}, {"speed": 2}],
)
def test_what_is_wrong_is_said(config: dict[str, Any]) -> None:
    with pytest.raises(TunerError) as caught:
        _model(**config)
    assert caught.value.hint
