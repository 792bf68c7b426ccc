"""The knobs of Piper. Pure; exports are made from it too."""

from __future__ import annotations

from collections.abc import Mapping

from engines.onnx_sessions import settings
from engines.onnx_sessions.opening import ProviderOptions
from engines.onnx_sessions.providers import CUDA, PROVIDERS
from engines.onnx_sessions.settings import Arguments
from engines.synthesis.splitting import KNOBS as SPLITTING
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params

KNOBS = ("provider", "graph_optimization", "memory_arena", "intra_op_threads", "spinning", *SPLITTING)
SENTENCE, CLAUSE = "sentence", "clause"
_SPLIT: Mapping[str, str] = {SENTENCE: "none", CLAUSE: "clause"}
"""What is cut before Piper, which cuts what it gets into sentences itself."""
PROVIDER_OPTIONS: ProviderOptions = {PROVIDERS[CUDA]: {"cudnn_conv_algo_search": "HEURISTIC"}}
"""What piper-tts gives a provider; the default search tries all algorithms anew for each length of text."""


def arguments(params: Params) -> Arguments:
    """What `params` mean to onnxruntime. Raises TunerError for an unknown knob."""
    for knob in params:
        if knob not in KNOBS:
            raise unknown_name("knob of piper", knob, KNOBS)
    return settings.arguments(params)


def splitting(params: Params) -> Params:
    """The knobs of `synthesis/splitting.py` for the pieces that Piper is given one by one. Raises TunerError."""
    split = str(params.get("split", SENTENCE))
    if split not in _SPLIT:
        raise TunerError(f"split is {split!r}", f"write one of {', '.join(_SPLIT)}")
    return {**{knob: params[knob] for knob in SPLITTING if knob in params}, "split": _SPLIT[split]}
