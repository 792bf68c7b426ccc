from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import Model
from engines.deploy import Deployment
from engines.kokoro.export import TARGETS, export
from engines.kokoro.models import prepare
from engines.kokoro.session import KokoroSession

PARAMS: dict[str, Any] = {
    "quantization": "int8", "provider": "cpu", "intra_op_threads": 1, "execution_mode": "sequential", "split": "clause",
    "graph_optimization": "extended", "spinning": False, "memory_arena": True,
    "first_chunk": "words", "first_words": 2, "phrase_cache": True,
}  # fmt: skip
TEXT = "Thank you. The train leaves from platform six, and it is late."
_USE = """
import sys
import numpy as np
import tts
chunks = list(tts.Voice().speak(sys.argv[1]))
np.save("heard.npy", np.concatenate(chunks))
print(len(chunks))
"""


def test_the_module_speaks_as_the_session_does(model: Model, tmp_path: Path) -> None:
    file = prepare(model, PARAMS, lambda line: None)
    deploy = Deployment("a-study", 'a "model"\nwith lines', "int8", file.path, PARAMS, model.facts)
    for made in export("python", deploy):
        (tmp_path / made.name).write_text(made.text)
    run = subprocess.run([sys.executable, "-c", _USE, TEXT], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    wanted = KokoroSession(model, file, PARAMS).listen(TEXT)
    assert int(run.stdout) == len(wanted.chunks) > 2
    assert np.array_equal(np.load(tmp_path / "heard.npy"), wanted.audio)


def _module(model: Model, folder: Path, params: dict[str, Any]) -> None:
    file = prepare(model, params, lambda line: None)
    deploy = Deployment("a-study", "a model", file.quantization, file.path, params, model.facts)
    for made in export("python", deploy):
        (folder / made.name).write_text(made.text)


def test_the_module_does_not_run_on_another_provider_than_was_measured(model: Model, tmp_path: Path) -> None:
    """onnxruntime itself goes on with the CPU."""
    _module(model, tmp_path, {"provider": "cuda"})
    run = subprocess.run([sys.executable, "-c", _USE, TEXT], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode
    assert "CUDAExecutionProvider does not load here" in run.stderr


def test_the_module_is_warm_before_its_first_text(model: Model, tmp_path: Path) -> None:
    _module(model, tmp_path, {})
    use = "import tts; made = []; create = tts.Voice._create\n"
    use += "tts.Voice._create = lambda self, text: (made.append(text), create(self, text))[1]\n"
    use += "tts.Voice(); print(len(made))"
    run = subprocess.run([sys.executable, "-c", use], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.split() == ["1"], run.stderr


def test_targets() -> None:
    assert set(TARGETS) == {"python"}
