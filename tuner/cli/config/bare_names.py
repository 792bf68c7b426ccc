"""An override that begins with nothing known: most often a knob, a metric or another key without its section."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.overrides import KEYS, Override
from tuner.core.metrics import metric

_SECTIONS = ("budget", "workload", "model")


def explain_bare_name(
    entry: Override, document: Mapping[str, Any], knobs: Collection[str], metrics: Collection[str]
) -> TunerError:
    """The error for `entry`, whose key is none of `KEYS`: it names the section that was left out, where there is one.

    `document` is the composed configuration, `knobs` the engine's and `metrics` the task's.
    """
    name, value = entry.key, entry.raw or "VALUE"
    if name in knobs:
        return _of_a_knob(name, value)
    if name in metrics:
        improve = "" if metric(name).kind == "quality" else f", or objective={name} to improve it"
        return TunerError(
            f"{name} is a metric, and {entry.text!r} does not say what for",
            f"write constraints.{name}={value} to limit it{improve}",
        )
    full = {key: f"{section}.{key}" for section in _SECTIONS for key in document[section] if key != "name"}
    if name in full:
        return TunerError(f"{entry.text!r} lacks the section of its key", f"write {full[name]}={value}")
    return _of_no_section(name, {**full, **{k: f"params.{k}" for k in knobs}})


def _of_a_knob(name: str, value: str) -> TunerError:
    swept = any(sign in value for sign in ",(")
    fix, sweep = ("VALUE", value) if swept else (value, "choice(…)")
    return TunerError(
        f"{name} is a knob, and '{name}={value}' does not say whether to fix it or to sweep it",
        f"write params.{name}={fix} to fix it, 'space.{name}={sweep}' to sweep it, "
        f"or baseline.{name}={fix} for the default to beat",
    )


def _of_no_section(name: str, full: Mapping[str, str]) -> TunerError:
    head = name.partition(".")[0]
    error = unknown_name("override", head, KEYS)
    near = difflib.get_close_matches(head, [*KEYS, *full], n=1, cutoff=0.6)
    if near and near[0] in full:
        return TunerError(error.message, f"did you mean {full[near[0]]!r}? known: {', '.join(sorted(KEYS))}")
    return error
