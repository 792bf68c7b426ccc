"""From what a user or a file says to a value of the knob's type; one clear line when that cannot be."""

from __future__ import annotations

import math
import re

from search_spaces.domains import contains, describe, kind, show
from search_spaces.errors import TunerError
from search_spaces.parameter import Choices, Parameter, Pattern, Value

_TAKES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_SUFFIXED = re.compile(r"(\d+)([kKmM])i?")
_FACTORS = {"k": 1024, "m": 1024 * 1024}


def coerce(parameter: Parameter, value: Value, said: str = "") -> Value:
    """`value` as the knob's type: 4.0 → 4 for a whole number, `q4_k_m` → `Q4_K_M`, an alias → what it stands for.

    Says nothing about the range. `said` is how the user spelled the knob (`params.n_threads`).
    """
    for alias, meaning in parameter.aliases:
        if value == alias and isinstance(value, bool) == isinstance(alias, bool):
            return meaning
    wanted = kind(parameter.domain)
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if wanted is int and number and value == int(value):
        return int(value)
    if wanted is float and number:
        return float(value)
    if wanted is bool and isinstance(value, bool):
        return value
    if wanted is str and isinstance(value, str):
        return _spelled(parameter, value)
    if isinstance(parameter.legal, Pattern) and type(value) is int:
        return str(value)  # 512, where text such as "512" is meant
    takes = _TAKES[wanted]
    if isinstance(parameter.legal, Choices) and wanted is str:
        takes = f"one of {describe(parameter.legal)}"
    raise TunerError(
        f"{said or parameter.name}={_shown(value)}: {parameter.name} takes {takes}", _hint(parameter, value)
    )


def check_legal(parameter: Parameter, value: Value, said: str = "", because: str = "") -> Value:
    """`value` coerced, if the user may ask for it. Raises TunerError with the range otherwise."""
    coerced = coerce(parameter, value, said)
    if contains(parameter.legal, coerced) or contains(parameter.domain, coerced):
        return coerced
    reason = f" ({because})" if because else ""
    raise TunerError(
        f"{said or parameter.name}={_shown(value)}: {parameter.name} must be {range_words(parameter)}{reason}",
        _hint(parameter, value),
    )


def range_words(parameter: Parameter) -> str:
    """The legal range in words: `1..512 threads`, `one of f16, q8_0, q4_0`."""
    legal = parameter.legal
    if isinstance(legal, Choices) and kind(legal) is bool:
        return " or ".join(show(v) for v in reversed(legal.values))
    if isinstance(legal, Choices) and len(legal.values) > 1:
        return f"one of {describe(legal)}"
    unit = f" {parameter.unit}" if parameter.unit and not isinstance(legal, Choices | Pattern) else ""
    return describe(legal) + unit


def _spelled(parameter: Parameter, value: str) -> str:
    """The choice that differs in case only, if there is one."""
    known = [v for d in (parameter.domain, parameter.legal) if isinstance(d, Choices) for v in d.values]
    if value in known:
        return value
    return next((str(v) for v in known if str(v).lower() == value.lower()), value)


def _shown(value: Value) -> str:
    return repr(value) if isinstance(value, str) else show(value)


def _hint(parameter: Parameter, value: Value) -> str:
    if isinstance(value, str) and (suffixed := _SUFFIXED.fullmatch(value)) and kind(parameter.domain) in (int, float):
        return f"write the number in full: {int(suffixed[1]) * _FACTORS[suffixed[2].lower()]}"
    return f"the default is {show(parameter.default)}; {parameter.help}".rstrip("; ")
