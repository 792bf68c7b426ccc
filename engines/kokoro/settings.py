"""The knobs of Kokoro."""

from __future__ import annotations

from engines.onnx_sessions import settings
from engines.onnx_sessions.settings import Arguments
from engines.synthesis.splitting import KNOBS as SPLITTING
from search_spaces.errors import unknown_name
from search_spaces.parameter import Params

KNOBS = ("quantization", "phrase_cache", *settings.KNOBS, *SPLITTING)


def arguments(params: Params) -> Arguments:
    """What `params` mean to onnxruntime. Raises TunerError for an unknown knob."""
    for knob in params:
        if knob not in KNOBS:
            raise unknown_name("knob of kokoro", knob, KNOBS)
    return settings.arguments(params)
