"""The published weights themselves, in every engine that they serve (`make test-published`)."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from engines.cache import file_sha256
from engines.published.catalogue import catalogue
from engines.published.places import folder, is_here, options_for
from engines.registry import engine_names

pytestmark = [pytest.mark.published, pytest.mark.timeout(1800)]

PROMPTS = (
    "Once upon a time there was a king who",
    "The capital of France is Paris, and the capital of Italy is",
    "My favourite colour is blue, because",
    "Bread is made of flour, water and",
    "The weather today is cold, so",
    "One, two, three, four,",
)
"""To be continued: a base model answers no questions."""
SPOKEN = "Please turn on the light in the kitchen."
SERVED = [
    (weights.task, engine, name)
    for name, weights in catalogue().items()
    for engine in weights.engines
    if engine in engine_names()
]


def to_be_accepted(name: str) -> bool:
    """Whether the weights are not here because nobody accepted their licence."""
    return bool(catalogue()[name].licence.accept) and not is_here(catalogue()[name])


@pytest.mark.parametrize("name", catalogue())
def test_every_byte_is_what_was_published(name: str) -> None:
    if to_be_accepted(name):
        pytest.skip("its licence was not accepted: make test-published ACCEPT=…")
    weights = catalogue()[name]
    assert {file: file_sha256(folder(weights) / file) for file in weights.files} == {
        file: entry.sha256 for file, entry in weights.files.items()
    }


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Overrides by task that make a round short: a prompt, recordings of espeak-ng, a text."""
    from engines.embedded.espeak import Espeak, Voice

    place = tmp_path_factory.mktemp("material")
    (place / "prompts.txt").write_text("\n".join(PROMPTS), encoding="utf-8")
    (place / "texts.txt").write_text(f"{SPOKEN}\n", encoding="utf-8")
    espeak = Espeak()
    for variant in ("m1", "m3", "f2"):
        speech = espeak.say(SPOKEN, Voice("en-us", variant, 150, 50, 50, 1.0))
        with wave.open(str(place / f"{variant}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", "not compressed"))
            file.writeframes(speech.audio.tobytes())
        (place / f"{variant}.txt").write_text(SPOKEN, encoding="utf-8")
    return {
        "llm": [f"workload.prompts={place / 'prompts.txt'}", "workload.max_tokens=8"],
        "stt": [f"workload.audio={place}"],
        "tts": [f"workload.sentences={place / 'texts.txt'}"],
    }


@pytest.mark.parametrize(("task", "engine", "name"), SERVED)
def test_it_is_measured_by_its_name(task: str, engine: str, name: str, material: dict[str, list[str]]) -> None:
    if to_be_accepted(name):
        pytest.skip("its licence was not accepted: make test-published ACCEPT=…")
    words = ["bench", task, f"engine={engine}", f"model={name}", "budget.minutes=1", *material[task], "--json"]
    done = subprocess.run([sys.executable, "-m", "tuner", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    measured = json.loads(done.stdout)
    assert measured["status"] == "ok"
    if task == "stt":
        assert measured["quality"]["wer"]["value"] == 0


def test_whisper_tiny_in_ggml_has_the_size_of_the_published_file(tmp_path: Path) -> None:
    from engines.whisper_cpp.ggml_file import read_header
    from engines.whisper_cpp.models import resolve_model

    source = options_for(catalogue()["whisper-tiny.en"], "whisper_cpp")["source"]
    model = resolve_model({"source": source}, lambda text: None)
    header = read_header(Path(model.variants["F16"]))
    assert (model.name, header.size_bytes, header.multilingual) == ("whisper-tiny.en", 77_704_715, False)


def test_an_english_text_is_understood_in_the_japanese_voice() -> None:
    import numpy as np
    import soxr

    from engines.kokoro.engine import KokoroEngine
    from engines.kokoro.session import KokoroSession
    from engines.whisper_cpp import WhisperCppEngine
    from engines.whisper_cpp.session import WhisperCppSession

    speaker, listener = KokoroEngine(), WhisperCppEngine()
    voice = speaker.resolve_model(options_for(catalogue()["kokoro-v1.0-int8"], "kokoro"), lambda text: None)
    ears = listener.resolve_model(options_for(catalogue()["whisper-tiny.en"], "whisper_cpp"), lambda text: None)
    speaking = KokoroSession(voice, speaker.prepare(voice, {}, lambda text: None), {"provider": "cpu"})
    audio = np.concatenate(list(speaking.speak("Your appointment is on Tuesday at nine in the morning.")))
    speaking.close()
    hearing = WhisperCppSession(ears, listener.prepare(ears, {}, lambda text: None), {"n_threads": 2})
    heard = hearing.hear(soxr.resample(audio, 24000, 16000))
    hearing.close()
    assert heard.strip() == "Your appointment is on Tuesday at 9 in the morning."
