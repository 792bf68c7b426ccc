"""Writes the ONNX file of a shape: Kokoro's own classes (package `kokoro`), random weights, torch's exporter.

The durations are scaled to two and a half frames (63 ms) for each phoneme, about what the trained model says, and the
output to speech's level. The sound is none that anybody would listen to; the work is that of the published model.
"""

from __future__ import annotations

import importlib
import io
import sys
import types
import warnings
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engines.base import Progress
from engines.errors import MissingLibraryError
from engines.install import install_hint
from engines.kokoro.library import kokoro_onnx
from engines.kokoro.shapes import SHAPES, STYLE_WIDTH, Shape

_KOKORO = "--no-deps kokoro==0.9.4"
"""Only the model's classes are used: its text pipeline needs spaCy, which is left out."""
_FRAMES_A_PHONEME, _FRAMES_MOST = 2.5, 50
_PEAK = 0.5
_OPSET = 17


def write_shape(name: str, path: Path, progress: Progress) -> None:
    """Write `name` of SHAPES to `path`. Raises MissingLibraryError with the command that installs what is needed."""
    classes = _kokoro_model()
    import torch

    progress(f"making {name} with generated weights")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's of the classes: dropout of one layer, the old weight norm
        model = _build(classes, SHAPES[name])
    example = (torch.randint(1, 100, (1, 24)), torch.randn(1, 2 * STYLE_WIDTH) / 4, torch.ones(1))
    _calibrate(model, example)
    # What is exported is phonemes, style and speed in, samples out.
    model.forward = lambda input_ids, style, speed: model.forward_with_tokens(input_ids, style, speed)[0]
    progress(f"exporting {name} to ONNX")
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the tracer's about Python values, which are the same for every text
        torch.onnx.export(
            model,
            example,
            str(path),
            input_names=["input_ids", "style", "speed"],
            output_names=["audio"],
            dynamic_axes={"input_ids": {1: "phonemes"}, "audio": {0: "samples"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _kokoro_model() -> Any:
    """The module `kokoro.model`, without its package's text pipeline: that wants spaCy and downloads a model for it."""
    needed = ("torch", "transformers", "loguru", "kokoro")
    specs = {name: find_spec(name) for name in needed if name not in sys.modules}
    if missing := [name for name, spec in specs.items() if spec is None]:
        raise MissingLibraryError(
            f"a model of generated weights is made by {', '.join(missing)}, which is not installed", _hint()
        )
    if package := specs.get("kokoro"):
        bare = types.ModuleType("kokoro")
        bare.__path__ = list(package.submodule_search_locations or [])
        sys.modules["kokoro"] = bare
    try:
        return importlib.import_module("kokoro.model")
    except ImportError as error:
        raise MissingLibraryError(f"kokoro cannot be used: {error}", _hint()) from error


def _hint() -> str:
    command = install_hint("kokoro", "shape", beside=_KOKORO)
    return f"{command}, or give files: model=kokoro.onnx model.voices=voices.bin"


def _build(classes: Any, shape: Shape) -> Any:
    """A KModel of the shape with random weights, in evaluation mode."""
    import torch

    config = _config(shape)
    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    model = classes.KModel(repo_id="none", config=config, model=empty, disable_complex=True).eval()
    bias = torch.logit(torch.tensor(_FRAMES_A_PHONEME / _FRAMES_MOST))
    projection = model.predictor.duration_proj.linear_layer
    with torch.no_grad():
        projection.weight.mul_(0.1)
        projection.bias.fill_(float(bias))
    return model


def _config(shape: Shape) -> dict[str, Any]:
    """The published model's configuration, which kokoro-onnx carries, with the shape's sizes."""
    import json

    file = Path(str(kokoro_onnx().__file__)).parent / "config.json"
    config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    config["istftnet"] |= {
        "resblock_kernel_sizes": list(shape.kernels),
        "resblock_dilation_sizes": [[1, 3, 5] for _ in shape.kernels],
    }
    config["plbert"] |= {
        "hidden_size": shape.bert_width,
        "num_attention_heads": shape.bert_heads,
        "intermediate_size": shape.bert_inner,
        "num_hidden_layers": shape.bert_layers,
    }
    return {**config, "n_layer": shape.layers}


def _calibrate(model: Any, example: Any) -> None:
    """Scale the last layer so that the example's peak is _PEAK: random weights may be inaudible, or clip."""
    import torch

    post = model.decoder.generator.conv_post
    for _ in range(3):
        with torch.no_grad():
            audio, _durations = model.forward_with_tokens(*example)
            # The magnitudes are an exponential of the layer's output: its bias is their level.
            post.bias[: post.out_channels // 2] += float(torch.log(_PEAK / audio.abs().max()))
