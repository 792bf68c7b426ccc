import itertools
from pathlib import Path
from typing import Any

import pytest

from engines.base import Model
from engines.cosyvoice import plans, voices
from engines.cosyvoice.repository import find_repository
from engines.errors import UnsupportedError
from tests.engines.cosyvoice.stand_in import FakeTorch

CALLS = list[tuple[Any, ...]]


@pytest.fixture
def on_gpu(torch: FakeTorch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTorch:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    torch.cuda.get_device_name = lambda device=None: "NVIDIA GeForce RTX 2070"
    monkeypatch.setattr(plans, "tensorrt_version", lambda: "10.13.3.9")
    return torch


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    path = tmp_path / "flow.decoder.estimator.fp32.onnx"
    path.write_bytes(b"estimator")
    return path


def load(torch: FakeTorch, repository: Path, onnx: Path, fp16: bool = True) -> Path:
    # A module that the stand-in repository writes.
    from cosyvoice.cli.model import Model as Loaded  # type: ignore[import-not-found]

    return plans.load_plan(torch, find_repository(repository), Loaded(fp16), onnx, fp16, 2)


def test_a_plan_is_kept_under_everything_that_it_depends_on() -> None:
    kinds = itertools.product(("RTX 2070", "A100"), ("10.13.3", "10.14.1"), ("aa", "bb"), ("fp16", "fp32"))
    assert len({plans.plan_path(*kind) for kind in kinds}) == 16
    assert plans.plan_path("A100", "10", "aa", "fp16") == plans.plan_path("A100", "10", "aa", "fp16")


def test_a_plan_is_built_once_and_loaded_from_our_cache(
    on_gpu: FakeTorch, repository: Path, onnx: Path, calls: CALLS
) -> None:
    first = load(on_gpu, repository, onnx)
    assert load(on_gpu, repository, onnx) == first
    assert [call[0] for call in calls] == ["convert", "load_trt", "load_trt"]
    assert calls[1] == ("load_trt", str(first), str(onnx), 2, True)
    assert first.read_bytes() == b"plan"


def test_another_onnx_file_or_precision_is_another_plan(
    on_gpu: FakeTorch, repository: Path, onnx: Path, calls: CALLS
) -> None:
    first, other = load(on_gpu, repository, onnx), load(on_gpu, repository, onnx, fp16=False)
    onnx.write_bytes(b"estimator of another model")
    assert len({first, other, load(on_gpu, repository, onnx)}) == 3


def test_a_build_that_fails_leaves_no_plan_and_says_so(
    on_gpu: FakeTorch, repository: Path, onnx: Path, calls: CALLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A module that the stand-in repository writes.
    from cosyvoice.utils import file_utils  # type: ignore[import-not-found]

    def half_written(trt_model: str, trt_kwargs: Any, onnx_model: str, fp16: bool) -> None:
        Path(trt_model).write_bytes(b"half a pl")
        raise TypeError("a bytes-like object is required, not 'NoneType'")

    whole = file_utils.convert_onnx_to_trt
    monkeypatch.setattr(file_utils, "convert_onnx_to_trt", half_written)
    with pytest.raises(UnsupportedError, match="TensorRT refused the flow's estimator: a bytes-like"):
        load(on_gpu, repository, onnx)
    monkeypatch.setattr(file_utils, "convert_onnx_to_trt", whole)
    assert load(on_gpu, repository, onnx).read_bytes() == b"plan"


def test_the_knob_takes_the_models_own_onnx_file(
    on_gpu: FakeTorch, folder_model: Model, calls: CALLS, tmp_path: Path
) -> None:
    from engines.cosyvoice.settings import Settings

    onnx = tmp_path / "CosyVoice2-0.5B" / plans.ONNX
    onnx.write_bytes(b"of this model")
    voices.load_voice(on_gpu, folder_model, Settings(load_trt=True, trt_concurrent=4))
    assert calls[-1][0] == "load_trt"
    assert calls[-1][2:] == (str(onnx), 4, False)
