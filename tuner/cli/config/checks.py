"""The checks of single values in a configuration. All raise TunerError naming the key, the value and what to write."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from engines.base import Engine, Metric
from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.overrides import parse_literal
from tuner.core.metrics import METRICS, metric, metrics_of
from tuner.core.paths import user_path
from tuner.core.study_config import SAMPLERS, Budget

_STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_UNITS = {"trials": "trials", "minutes": "minutes", "trial_timeout_s": "seconds"}
_EXAMPLES = {
    "tok/s": 20, "ms": 200, "s": 1, "s/s": 2, "nat": 0.05, "MiB": 4096, "J": 0.5, "dB": 5, "Hz": 10
}  # fmt: skip
_LEAST = {"tournament_pairs": 2, "tournament_pairs_most": 2}


def check_metric(name: str, engine: Engine) -> None:
    """The metric exists and the engine has it."""
    if name not in (known := metrics_of(engine.task, engine.name)):
        raise unknown_name(f"{engine.task} metric" if name in METRICS else "metric", name, known)


def check_objectives(names: tuple[str, ...], engine: Engine) -> tuple[str, ...]:
    """At least one metric of the engine."""
    if not names:
        raise TunerError("there is no objective", "write objective=METRIC or objective=[METRIC,METRIC]")
    for name in names:
        check_metric(name, engine)
    return names


def constraint_limit(name: str, raw: str, engine: Engine) -> float | None:
    """The limit that the user typed; None removes the constraint."""
    check_metric(name, engine)
    value = parse_literal(f"constraints.{name}", raw)
    return None if value is None else _limit(name, value)


def check_constraints(limits: Mapping[str, Any], engine: Engine) -> dict[str, float]:
    """Limits of metrics that the engine has, those of None left out."""
    for name in limits:
        check_metric(name, engine)
    return {n: _limit(n, v) for n, v in limits.items() if v is not None}


def check_guards(given: Mapping[str, str], defaults: Mapping[str, float], engine: Engine) -> dict[str, float]:
    """How many times worse each guarded metric may be: the `defaults`, and what the user typed (null: any)."""
    factors, known = dict(defaults), metrics_of(engine.task, engine.name)
    for name, raw in given.items():
        if name not in known:
            raise unknown_name("metric to guard", name, [n for n, of in known.items() if of.kind != "quality"])
        key = f"guards.{name}"
        example = f"for example {key}=1.5, or {key}=null where it may be anything"
        if raw.lower() in ("null", "none", "false", "off"):
            factors.pop(name, None)
            continue
        if metric(name).kind == "quality":
            raise TunerError(f"{key}={raw}: {name} is a quality", f"write constraints.{name}=LIMIT")
        number = _number(key, parse_literal(key, raw), "", example)
        if number < 1:
            raise TunerError(f"{key}={raw} asks for a gain: it is how many times worse {name} may be", example)
        factors[name] = number
    return factors


def _limit(name: str, value: Any) -> float:
    """A number that the metric can have: another limit would hold always or never."""
    key, of = f"constraints.{name}", metric(name)
    example = f"for example {key}={_example(of):g}, or {key}=null for no limit"
    number = _number(key, value, of.unit, example)
    if number < of.lowest or number > of.highest:
        side, bound = ("below", of.lowest) if number < of.lowest else ("above", of.highest)
        raise TunerError(f"{key}={value} makes no sense: {name} is never {side} {bound:g}", example)
    if number == 0 and of.kind in ("speed", "energy", "load") and of.direction == "minimize":
        raise TunerError(f"{key}={value} can never hold: {name} is always above 0", example)
    return number


def _example(of: Metric) -> float:
    """A limit of that unit that could be somebody's; of a share or a ratio, one that is close to the best."""
    if of.unit in _EXAMPLES:
        return _EXAMPLES[of.unit]
    return of.highest - 0.05 if math.isfinite(of.highest) else max(of.lowest, 0) + 0.05


def _number(key: str, value: Any, unit: str, hint: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        in_unit = f" of {unit}" if unit else ""
        raise TunerError(f"{key} must be a number{in_unit}, not {value!r}", hint)
    return float(value)


def _finite(value: float) -> bool:
    """Whether a float holds it: a whole number can be too large for that."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def check_budget(section: Mapping[str, Any]) -> dict[str, Any]:
    """Known keys, whole numbers where these are wanted, everything above zero, least not above most."""
    known = {f.name: f.type for f in fields(Budget)}
    result: dict[str, Any] = {}
    for name, value in section.items():
        key = f"budget.{name}"
        if name not in known:
            raise unknown_name("key", key, [f"budget.{n}" for n in known])
        number = _number(key, value, _UNITS.get(name, ""), f"for example {key}=10, without a unit")
        if known[name] == "int":
            if number != int(number):
                raise TunerError(
                    f"{key} must be a whole number, not {value!r}", f"for example {key}={max(1, round(number))}"
                )
            number = int(number)
        least = _LEAST.get(name, 1 if known[name] == "int" else 0)
        if number < least or number <= 0:
            raise TunerError(
                f"{key} must be {'at least ' + str(least) if least else 'above 0'}, not {value!r}",
                f"for example {key}=10",
            )
        result[name] = number
    for low, high in (("tournament_pairs", "tournament_pairs_most"), ("rounds_least", "rounds_most")):
        if result[low] > result[high]:
            raise TunerError(
                f"budget.{low} is {result[low]}, above budget.{high}, {result[high]}", f"raise budget.{high}"
            )
    return result


def check_seed(value: Any) -> int:
    """A whole number that every generator of random numbers takes."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
        raise TunerError(f"seed must be a whole number from 0 to 2^32 − 1, not {value!r}", "for example seed=1")
    return value


def check_sampler(value: Any) -> str:
    """One of `SAMPLERS`."""
    if value not in SAMPLERS:
        raise unknown_name("sampler", str(value), SAMPLERS)
    return str(value)


def check_storage_url(url: str | None) -> str:
    """The URL of a database, its file by an absolute path, so that the study is found again from any folder."""
    if not url:
        return ""
    from tuner.results.storage import check_storage

    check_storage(url)
    head, _, file = url.partition("sqlite:///")
    return url if head or not file else f"sqlite:///{user_path(file).absolute()}"


def check_study_name(name: str | None) -> str | None:
    """A name that is a folder's on every system."""
    if name is not None and not (_STUDY_NAME.match(name) and name != "latest"):
        hint = "use letters, digits, '.', '_' and '-', beginning with a letter or digit; the folder goes to outputs=DIR"
        raise TunerError(f"study {name!r} cannot be the name of a folder of outputs", hint)
    return name


def check_outputs(folder: str) -> str:
    """The name of a folder, and no word for nothing."""
    if folder.lower() in ("", "null", "none"):
        raise TunerError(f"outputs={folder} names no folder", "write outputs=DIR, or leave it out for ./outputs")
    return folder


def redacted(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without the password that a tracking URI may carry: it is written to disk and logged."""
    uri = document["tracking"]["uri"]
    return {**document, "tracking": {**document["tracking"], "uri": _without_password(uri)}}


def _without_password(uri: str | None) -> str | None:
    if not uri:
        return uri
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))
