from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.deploy import Deployment
from engines.espeak.export import TARGETS, export
from engines.espeak.library import MODES, Voice
from engines.espeak.models import prepare, resolve_model
from engines.synthesis.splitting import pieces

PARAMS: dict[str, Any] = {
    "mode": "synchronous", "buffer_ms": 250, "split": "sentence", "first_chunk": "words", "first_words": 2,
}  # fmt: skip
TEXT = "The train leaves from platform six. It is late."
_USE = """
import sys
import tts
parts = []
voice = tts.Voice()
voice.say(sys.argv[1], parts.append)
sys.stdout.buffer.write(b"".join(parts))
print(voice.sample_rate, len(parts), file=sys.stderr)
"""


@pytest.mark.parametrize("mode", MODES)
def test_the_module_speaks_as_was_measured(tmp_path: Path, mode: str) -> None:
    params = {**PARAMS, "mode": mode}
    model = resolve_model({"voice": "en-gb", "words_per_minute": 190, "pitch": 70}, print)
    file = prepare(model, params, print)
    deploy = Deployment("a-study", 'a "voice"\nwith lines', "", file.path, params, model.facts)
    for made in export("python", deploy):
        (tmp_path / made.name).write_text(made.text)
    run = subprocess.run([sys.executable, "-c", _USE, TEXT], cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stderr
    heard = np.frombuffer(run.stdout, np.int16)
    chunks: list[Any] = []
    voice = Voice("en-gb", 190, 70, str(params["mode"]), 250)
    for piece in pieces(TEXT, params):
        voice.say(piece, chunks.append)
    voice.close()
    assert run.stderr.split() == [str(voice.sample_rate).encode(), str(len(chunks)).encode()]
    wanted = np.concatenate(chunks)
    assert heard.size == wanted.size
    assert np.array_equal(heard, np.round(wanted * 32768).astype(np.int16)), "warmed up alike, it is the same sound"


def test_targets() -> None:
    assert set(TARGETS) == {"python"}
