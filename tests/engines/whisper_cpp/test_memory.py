from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engines.base import Capabilities, Model
from engines.whisper_cpp.library import LOG
from engines.whisper_cpp.memory import compute_bytes, predict_memory
from engines.whisper_cpp.models import prepare
from engines.whisper_cpp.session import WhisperCppSession
from search_spaces.parameter import Params, Value
from tests.engines.recognition.conftest import quiet
from tests.engines.whisper_cpp.conftest import SHAPE

TINY = {
    "n_vocab": 51864, "n_audio_ctx": 1500, "n_text_ctx": 448, "n_audio_state": 384, "n_audio_head": 6,
    "n_audio_layer": 4, "n_text_state": 384, "n_text_layer": 4,
}  # fmt: skip
BASE = {**TINY, "n_audio_state": 512, "n_audio_head": 8, "n_audio_layer": 6, "n_text_state": 512, "n_text_layer": 6}
SMALL = {
    **TINY, "n_audio_state": 768, "n_audio_head": 12, "n_audio_layer": 12, "n_text_state": 768, "n_text_layer": 12,
}  # fmt: skip


@pytest.mark.parametrize("flash", [True, False])
@pytest.mark.parametrize(
    ("facts", "conv", "flashed", "scored", "cross", "decode"),
    [
        (TINY, 13.21, 17.72, 64.81, 3.89, 95.91),
        (BASE, 16.28, 23.09, 85.88, 4.66, 96.37),
        (SMALL, 22.42, None, 128.02, 6.20, 97.28),
    ],
    ids=["tiny", "base", "small"],
)
def test_the_buffers_are_those_of_the_library_s_log(
    facts: dict[str, int], conv: float, flashed: float | None, scored: float, cross: float, decode: float, flash: bool
) -> None:
    """Megabytes as whisper.cpp 1.8.5 logged them for these shapes."""
    model = Model("m", "m.bin", "0", {"F16": "m.bin"}, "F16", "F16", facts)
    sizes = {name: size / 1e6 for name, size in compute_bytes(model, {"flash_attn": flash}, 448).items()}
    encode = flashed if flash else scored
    wanted = {"conv": conv, "cross": cross, "decode": decode, **({"encode": encode} if encode else {})}
    for name, megabytes in wanted.items():
        assert sizes[name] == pytest.approx(megabytes, rel=0.01), name


@pytest.mark.parametrize("flash", [True, False])
def test_the_buffers_of_the_library_at_hand(model: Model, flash: bool) -> None:
    params: Params = {"flash_attn": flash}
    session = WhisperCppSession(model, prepare(model, params, quiet), params)
    log = "\n".join(LOG.lines)
    session.close()
    said = {name: float(size) for name, size in re.findall(r"compute buffer \((\w+)\) *= *([\d.]+) MB", log)}
    predicted = {name: size / 1e6 for name, size in compute_bytes(model, params, 448).items()}
    assert set(said) == set(predicted)
    assert sum(predicted.values()) == pytest.approx(sum(said.values()), rel=0.1)


_PEAK = """
import json, re, sys
from pathlib import Path
from engines.whisper_cpp.engine import WhisperCppEngine
from engines.recognition.workload import resolve_workload
engine, params = WhisperCppEngine(), json.loads(sys.argv[2])
model = engine.resolve_model({"source": "embedded", "shape": sys.argv[1]}, lambda text: None)
workload = resolve_workload({"clips": "utterances", "items_per_round": 1, "eval_clips": 1}, model, lambda text: None)
engine.open(model, params).run(workload.items[0])
predicted = engine.predict_memory(model, params, engine.capabilities())
peak_kib = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])  # rusage has the parent's
print(json.dumps([predicted.host_mib, peak_kib / 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
@pytest.mark.parametrize("params", [{"flash_attn": True}, {"flash_attn": False, "quantization": "Q5_1"}], ids=str)
def test_the_peak_stays_below_what_is_predicted(model_path: Path, params: Params) -> None:
    assert model_path.exists()  # so that the process does not write it
    command = [sys.executable, "-c", _PEAK, SHAPE, json.dumps({"n_threads": 1, **params})]
    predicted, peak = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 1.0 < predicted / peak < 2.0


def test_memory_grows_with_what_is_kept(model: Model) -> None:
    none = Capabilities({"gpu_count": 0}, {})

    def host(**params: Value) -> float:
        return predict_memory(model, params, none).host_mib

    assert host(quantization="Q4_0") < host()
    assert host(n_processors=2) > host()
    assert host(decoding="beam", beam_size=8) > host(decoding="beam", beam_size=2)
    assert host(temperature_fallback=False) < host()
    on_gpu = predict_memory(model, {}, Capabilities({"gpu_count": 1}, {}))
    assert on_gpu.device_mib > 0
    assert on_gpu.host_mib < host()
    assert predict_memory(model, {"use_gpu": False}, Capabilities({"gpu_count": 1}, {})).device_mib == 0
