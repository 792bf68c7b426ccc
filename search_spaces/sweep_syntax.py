"""Ranges in Hydra's sweep syntax: `choice(a,b)`, `1,2,4`, `range(1,9)`, `interval(0,1)`, `tag(log,interval(1,64))`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from search_spaces.domains import show
from search_spaces.errors import TunerError
from search_spaces.fitting import example, fit_domain, on_grid
from search_spaces.parameter import Choices, Domain, FloatRange, IntRange, Parameter, Value

if TYPE_CHECKING:
    from hydra.core.override_parser.types import IntervalSweep, RangeSweep

_LISTED_MOST = 1000
_EVALUATING = re.compile(r"^\w+ while evaluating '.*?': ")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN_WORDS = {"true", "false", "null", "nan", "inf"}


def parse_domain(knob: str, text: str, parameter: Parameter | None = None) -> Domain:
    """The range that a user typed as `space.<knob>=<text>`; fitted to `parameter` when that is known already.

    `range` excludes its end, as in Hydra; `interval` includes both. The tag `log` spreads a range in logarithm.
    Without `parameter`, numbers come out sorted and ordered. Raises TunerError, one line with an example.
    """
    said = f"space.{knob}={_one_line(text)}"
    parsed = _parsed(said, text, parameter)
    try:
        domain = _converted(parsed)
    except ValueError as error:
        raise TunerError(f"{said}: {error}", example(parameter)) from None
    return domain if parameter is None else fit_domain(parameter, domain)


def format_domain(domain: Domain) -> str:
    """The text that `parse_domain` reads back as `domain`."""
    match domain:
        case Choices(values):
            return f"choice({','.join(_quoted(v) for v in values)})"
        case FloatRange(low, high, log):
            text = f"interval({low!r},{high!r})"
            return f"tag(log,{text})" if log else text
        case IntRange(low, high, _, True):
            return f"tag(log,int(interval({low},{high})))"
        case IntRange(low, high, step):
            return f"range({low},{high + 1})" if step == 1 else f"range({low},{high + 1},{step})"


def _one_line(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def _parsed(said: str, text: str, parameter: Parameter | None) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(f"space={text}").value()
    except HydraException as error:
        reason = _one_line(_EVALUATING.sub("", str(error).split("\n")[0]).replace("space=", ""))
        raise TunerError(f"{said} is not a range: {reason}", example(parameter)) from None


def _converted(parsed: Any) -> Domain:
    """Hydra's result as a range. Raises ValueError, in words, for what has no place here."""
    from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, RangeSweep, Sweep

    if isinstance(parsed, Glob):
        raise ValueError("glob matches file names and has no meaning here")
    if isinstance(parsed, Sweep) and (unknown := sorted(parsed.tags - {"log"})):
        raise ValueError(f"unknown tag {unknown[0]!r}; known: log")
    if isinstance(parsed, IntervalSweep):
        return _interval(parsed)
    if isinstance(parsed, RangeSweep):
        return _range(parsed)
    if isinstance(parsed, ChoiceSweep):
        if parsed.tags:
            raise ValueError("the tag log applies to interval and range")
        return _choices(parsed.list)
    return _choices(parsed if isinstance(parsed, list) else [parsed])


def _interval(sweep: IntervalSweep) -> Domain:
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    if low is None or high is None or not math.isfinite(low) or not math.isfinite(high):
        raise ValueError("an interval needs two finite ends")
    _check_span(low, high, log)
    if isinstance(low, int) and isinstance(high, int):
        return IntRange(low, high, 1, log)
    return FloatRange(float(low), float(high), log)


def _range(sweep: RangeSweep) -> Domain:
    start, stop, step, log = sweep.start, sweep.stop, sweep.step, "log" in sweep.tags
    if start is None or stop is None or not all(math.isfinite(n) for n in (start, stop, step)) or step == 0:
        raise ValueError("a range needs finite ends and a step that is not 0")
    steps = math.ceil((stop - start) / step - 1e-9) - 1
    if steps < 0:
        raise ValueError("the range is empty (its end is not included)")
    low, high = sorted((start, start + steps * step))
    _check_span(low, high, log)
    if all(isinstance(n, int) for n in (start, stop, step)):
        if log and abs(step) != 1:
            raise ValueError("a logarithmic range cannot have a step")
        return on_grid(int(low), int(high), abs(int(step)), log)
    if log:
        raise ValueError("a logarithmic range of real numbers is an interval: tag(log,interval(0.1,10))")
    if steps >= _LISTED_MOST:
        raise ValueError(f"more than {_LISTED_MOST} values; use interval")
    return Choices(tuple(sorted(round(float(start + i * step), 12) for i in range(steps + 1))), ordered=True)


def _choices(listed: list[Any]) -> Choices:
    values = [_plain(v) for v in listed]
    if any(isinstance(v, float) and not math.isfinite(v) for v in values):
        raise ValueError("a number must be finite")
    unique = [v for i, v in enumerate(values) if (type(v), v) not in [(type(w), w) for w in values[:i]]]
    numbers = [v for v in unique if not isinstance(v, bool | str)]
    if len(numbers) == len(unique):
        return Choices(tuple(sorted(numbers)), ordered=True)
    return Choices(tuple(unique))


def _check_span(low: float, high: float, log: bool) -> None:
    if low > high:
        raise ValueError(f"the range {low:g}..{high:g} is empty")
    if log and low <= 0:
        raise ValueError(f"a logarithmic range must start above 0, not at {low:g}")


def _plain(value: Any) -> Value:
    """One value; text that was quoted in a plain list is a class of Hydra's own."""
    value = getattr(value, "text", value)
    if not isinstance(value, bool | int | float | str) or value == "":
        raise ValueError("each choice must be one number, word, true or false")
    return value


def _quoted(value: Value) -> str:
    if isinstance(value, float):
        return repr(value)
    if not isinstance(value, str) or (_PLAIN.fullmatch(value) and value.lower() not in _TAKEN_WORDS):
        return show(value)
    escaped = re.sub(r"(\\*)'", lambda m: m[1] * 2 + r"\'", value)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{escaped[len(escaped) - trailing :]}'"
