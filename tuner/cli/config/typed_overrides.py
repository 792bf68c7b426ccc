"""The user's overrides by what happens to them: composed by Hydra, or read here because they are paths or names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.hydra_files import KEYS, group_names
from tuner.cli.config.overrides import Override, parse_names, split_override, unquote

_TEXT_KEYS = ("study", "outputs", "storage", "tracking", "tracking.uri")
OFF = ("false", "null", "none", "off")


@dataclass
class Typed:
    """The user's overrides by what happens to them; a key that comes twice keeps its last value."""

    hydra: list[Override] = field(default_factory=list)
    model: list[Override] = field(default_factory=list)
    text: dict[str, str] = field(default_factory=dict)
    knobs: dict[str, dict[str, str]] = field(default_factory=lambda: {"params": {}, "space": {}, "baseline": {}})
    constraints: dict[str, str] = field(default_factory=dict)
    no_constraints: bool = False
    """The limits of the configuration files do not hold."""
    objectives: tuple[str, ...] = ()
    targets_file: str = ""
    unknown: list[Override] = field(default_factory=list)
    """Those that begin with none of `KEYS`."""

    def chosen(self, group: str) -> str | None:
        """The file that was chosen of a group; None where none was."""
        return next((unquote(o.raw or "").strip() for o in reversed(self.hydra) if o.key == group), None)


def sort_overrides(texts: Sequence[str]) -> Typed:
    """Put each override where it belongs. Raises TunerError for a malformed one."""
    typed = Typed()
    for entry in (split_override(text) for text in texts):
        head, _, rest = entry.key.partition(".")
        if head not in KEYS:
            typed.unknown.append(entry)
        elif head in typed.knobs:
            typed.knobs[head][_knob(entry, rest)] = _raw(entry)
        elif head == "constraints" and rest:
            typed.constraints[rest] = "null" if entry.sign == "~" else _raw(entry)
        elif entry.key == "constraints":
            _sort_constraints(entry, typed)
        elif entry.key in _TEXT_KEYS:
            typed.text[entry.key] = unquote(_raw(entry)).strip()
        elif entry.key in ("model", "model.source", "model.variants") or entry.key.startswith("model.variants."):
            typed.model.append(entry)
        elif entry.key == "objective":
            _sort_objective(entry, typed)
        elif entry.key == "targets":
            _sort_targets(entry, typed)
        else:
            typed.hydra.append(_checked_group(entry))
    return typed


def _raw(entry: Override) -> str:
    if entry.raw is None:
        raise TunerError(f"override {entry.text!r}: only a constraint can be removed", "write ~constraints.METRIC")
    return entry.raw


def _knob(entry: Override, name: str) -> str:
    if not name or "." in name:
        raise TunerError(f"override {entry.text!r} names no knob", f"write {entry.key.partition('.')[0]}.KNOB=VALUE")
    return name


def _sort_constraints(entry: Override, typed: Typed) -> None:
    """All constraints at once: none of them, or limits by metric, beside those of the files."""
    text = "null" if entry.sign == "~" else unquote(_raw(entry)).strip()
    if text.lower() in OFF or text.replace(" ", "") == "{}":
        typed.constraints, typed.no_constraints = {}, True
        return
    pairs = [pair.partition(":") for pair in text[1:-1].split(",")]
    if not (text.startswith("{") and text.endswith("}") and all(colon for _, colon, _ in pairs)):
        raise TunerError(
            f"constraints={text} is not a mapping", "write constraints.METRIC=LIMIT, or constraints=null for none"
        )
    typed.constraints.update({name.strip(): limit.strip() for name, _, limit in pairs})


def _sort_objective(entry: Override, typed: Typed) -> None:
    names = parse_names("objective", _raw(entry))
    if len(names) == 1 and names[0] in group_names("objective"):
        typed.hydra.append(entry)
        typed.objectives = ()
    else:
        typed.objectives = names


def _sort_targets(entry: Override, typed: Typed) -> None:
    name = unquote(_raw(entry)).strip()
    if name in OFF:
        name = "none"
    if name.endswith((".yaml", ".yml")):
        typed.targets_file = name
    elif name in group_names("targets"):
        typed.hydra.append(Override("", "targets", name))
        typed.targets_file = ""
    else:
        error = unknown_name("targets", name, group_names("targets"))
        raise TunerError(error.message, f"{error.hint}; or the path of a .yaml file")


def _checked_group(entry: Override) -> Override:
    """`engine=` and `budget=` choose a file of their group; other keys pass."""
    raw = _raw(entry)
    if entry.key in ("engine", "budget"):
        name = unquote(raw).strip()
        if name not in group_names(entry.key):
            raise unknown_name(entry.key, name, group_names(entry.key))
    return entry
