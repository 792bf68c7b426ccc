"""What production files are made of: one measured configuration, as an engine's exporters see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from search_spaces.parameter import Params, Value


@dataclass(frozen=True)
class Deployment:
    """A configuration of a study, and the model's file that it was measured on ("": there was none).

    `facts` are what the engine told of the model (`n_ctx`, `voice`, …). `proof` says in a line how it compares with the
    default, when that was measured and on which machine.
    """

    study: str
    model: str
    quantization: str
    path: str
    params: Params
    facts: Mapping[str, Value] = field(default_factory=dict)
    proof: str = ""
