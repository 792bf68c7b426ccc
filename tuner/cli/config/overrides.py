"""What a user types as OVERRIDE, taken apart: keys, and values that are paths, names, numbers or Hydra literals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from search_spaces.errors import TunerError
from search_spaces.parameter import Value
from tuner.core.paths import user_path

KEYS = (
    "engine", "model", "workload", "objective", "constraints", "budget", "targets",
    "params", "space", "baseline", "guards", "study", "outputs", "tracking", "seed", "sampler", "storage",
)  # fmt: skip
"""Everything that an override can begin with."""
_KEY = re.compile(r"(?P<sign>\+\+|\+|~)?(?P<key>[A-Za-z_][\w-]*(\.[\w-]+)*)\Z")
_FORM = "write KEY=VALUE, for example budget.trials=40"


@dataclass(frozen=True)
class Override:
    """One `KEY=VALUE`. `raw` is what follows the first `=`, untouched; None for `~KEY`. `sign` is Hydra's: + ++ ~."""

    sign: str
    key: str
    raw: str | None

    @property
    def text(self) -> str:
        """As Hydra reads it."""
        return f"{self.sign}{self.key}" + ("" if self.raw is None else f"={self.raw}")


def split_override(text: str) -> Override:
    """Raises TunerError unless `text` is `KEY=VALUE` or `~KEY`. Everything after the first `=` is the value."""
    left, equals, raw = text.partition("=")
    match = _KEY.match(left.strip())
    if not equals and _is_a_model(text):
        raise TunerError(f"{text!r} does not say what it is", f"write model={text}")
    if match is None:
        raise TunerError(f"override {text!r} is not of the form KEY=VALUE", _FORM)
    sign = match["sign"] or ""
    if not equals and sign != "~":
        raise TunerError(f"override {text!r} has no value", _FORM)
    return Override(sign, match["key"], raw if equals else None)


def _is_a_model(text: str) -> bool:
    """Whether a word without `=` can only be a model: a path, a place to fetch from, or published weights by name."""
    removed = text.startswith("~") and "/" not in text  # Hydra's sign; with a slash it is somebody's home
    if not text or removed or text.partition(".")[0] in KEYS:
        return False
    from engines.published.catalogue import catalogue  # not above: it imports pydantic

    path = user_path(text)
    return "/" in text or bool(path.suffix) or path.exists() or text in catalogue()


def unquote(raw: str) -> str:
    r"""The text that `raw` stands for: in quotes with Hydra's escapes (`\'` for a quote), else as it is."""
    text = raw.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        inner = text[1:-1]
        # Backslashes mean themselves unless a quote (or the end) follows: there, a pair of them stands for one.
        return re.sub(rf"(\\+)(?={text[0]}|\Z)", lambda m: "\\" * (len(m[1]) // 2), inner)
    return raw


def quote(text: str) -> str:
    """`text` in single quotes, such that `unquote` and Hydra's grammar give it back."""
    escaped = re.sub(r"(\\*)('|\Z)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), text)
    return f"'{escaped}'"


def parse_mapping(key: str, raw: str) -> dict[str, str]:
    """`{NAME: text, NAME: text}` with plain or quoted texts; a plain text may hold anything but a comma.

    Raises TunerError when it is not of this form, or a name comes twice.
    """
    text = raw.strip()
    result: dict[str, str] = {}
    for part in _split_outside_quotes(text[1:-1]) if text.startswith("{") and text.endswith("}") else [""]:
        name, colon, value = part.partition(":")
        name, value = unquote(name.strip()), unquote(value.strip())
        if not colon or not name or not value:
            raise TunerError(
                f"{key}={raw} is not of the form {{NAME: VALUE, NAME: VALUE}}", "put a value with a comma in quotes"
            )
        if name in result:
            raise TunerError(f"{key}={raw} names {name!r} twice", "give each name once")
        result[name] = value
    return result


def _split_outside_quotes(text: str) -> list[str]:
    """`text` split at commas; within a value that begins with a quote, commas belong to it."""
    parts, quoted, start = [], "", 0
    for index, char in enumerate(text):
        if quoted:
            if char == quoted and _backslashes_before(text, index) % 2 == 0:
                quoted = ""
        elif char in "'\"" and text[start:index].rpartition(":")[2].strip() == "":
            quoted = char
        elif char == ",":
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _backslashes_before(text: str, index: int) -> int:
    head = text[:index]
    return len(head) - len(head.rstrip("\\"))


def parse_literal(key: str, raw: str) -> Any:
    """A value in Hydra's grammar: number, true/false, null, text, list, mapping. Raises TunerError, for a sweep too."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(f"value={raw}")
        if override.is_sweep_override():
            raise TunerError(
                f"{key}={raw} is a range of values where one is wanted", f"a knob is swept with space.NAME={raw}"
            )
        return override.value()
    except (HydraException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise TunerError(
            f"{key}={raw} cannot be read: {reason}", "put text with special characters in quotes"
        ) from None


def parse_scalar(key: str, raw: str) -> Value:
    """A knob's value: number, true/false or text. Raises TunerError for lists, mappings, null and sweeps."""
    value = parse_literal(key, raw)
    if isinstance(value, bool | int | float | str):
        return value
    raise TunerError(f"{key}={raw} must be a number, true, false or text", f"for example {key}=4")


def parse_names(key: str, raw: str) -> tuple[str, ...]:
    """One name, or `[name, name]`, or `name,name`. Raises TunerError when empty or a name comes twice."""
    text = raw.strip()
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    names = tuple(unquote(part.strip()) for part in inner.split(","))
    if not all(names):
        raise TunerError(f"{key}={raw} names nothing", f"write {key}=NAME or {key}=[NAME,NAME]")
    _once(key, raw, names)
    return names


def _once(key: str, raw: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TunerError(f"{key}={raw} names {name!r} twice", "give each name once")
        seen.add(name)
