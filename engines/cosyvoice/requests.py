"""What is asked of the model: a text in a voice, a text with an instruction, or a recording in another voice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from engines.synthesis.gate import Limits

ZERO_SHOT, INSTRUCT, CONVERSION = "zero_shot", "instruct", "voice_conversion"
MODES = (ZERO_SHOT, INSTRUCT, CONVERSION)
_ANY_TEXT = Limits(pause_s=float("inf"))
"""Of a conversion nothing is known but its length, which is the recording's."""


@dataclass(frozen=True)
class Request:
    """One request. A conversion has no text; its `source` is a recording of `seconds`, "" with generated weights."""

    mode: str
    text: str = ""
    instruction: str = ""
    source: str = ""
    seconds: float = 0.0

    @staticmethod
    def of(payload: Mapping[str, Any]) -> Request:
        """From a work item's payload."""
        return Request(**{f.name: payload[f.name] for f in fields(Request)})

    @property
    def key(self) -> str:
        """What tells requests apart, as text."""
        return json.dumps([self.mode, self.text, self.instruction, self.source, self.seconds], ensure_ascii=False)

    @property
    def limits(self) -> Limits:
        """What its audio is held to."""
        return _ANY_TEXT if self.mode == CONVERSION else Limits()

    @property
    def units_in(self) -> float:
        """Characters of a text, seconds of a recording."""
        return self.seconds if self.mode == CONVERSION else float(len(self.text))
