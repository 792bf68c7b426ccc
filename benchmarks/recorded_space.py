"""The search space that a recording is a grid of, bound again from what the recording says of machine and model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.recording import Recording
from engines.registry import load_engine
from search_spaces.narrowing import narrow
from search_spaces.space import SearchSpace
from search_spaces.sweep_syntax import parse_domain
from search_spaces.template import load_template


def space_of(recording: Recording) -> SearchSpace:
    """The space; it enumerates to the recording's configurations."""
    return bound(recording.setting, load_engine(recording.engine).space)


def bound(setting: Mapping[str, Any], template: str | Path) -> SearchSpace:
    """A space of `template` as the tuner binds it to capabilities and model, narrowed as the user had it."""
    model = setting["model"]
    facts = {**setting["capabilities"]["facts"], **model["facts"]}
    facts["quantizations"] = ",".join(model["variants"])
    facts["native_quantization"] = model["native"]
    domains = {name: parse_domain(name, raw) for name, raw in setting["space"].items()}
    return narrow(load_template(template).bind(facts), setting["params"], domains, {})
