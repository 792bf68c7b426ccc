"""The user's overrides by what happens to them: composed by Hydra, or read here because they are paths or names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engines.base import Engine
from engines.registry import load_engine
from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.hydra_files import group_names
from tuner.cli.config.overrides import KEYS, Override, parse_names, split_override, unquote

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
    guards: dict[str, str] = field(default_factory=dict)
    no_guards: bool = False
    baseline: str = ""
    """What is to be beaten: `library`, `stock` or a file."""
    objectives: tuple[str, ...] = ()
    targets_file: str = ""
    unknown: list[Override] = field(default_factory=list)
    """Those that begin with none of `KEYS`."""

    def chosen(self, group: str) -> str | None:
        """The file that was chosen of a group; None where none was."""
        return next((unquote(o.raw or "").strip() for o in reversed(self.hydra) if o.key == group), None)


def chosen_engine(texts: Sequence[str], default: Callable[[], str]) -> Engine:
    """The engine of the last `engine=NAME`, or else the default. Raises TunerError."""
    entries = (split_override(text) for text in reversed(texts))
    name = next((unquote(_raw(entry)).strip() for entry in entries if entry.key == "engine"), None)
    return load_engine(default() if name is None else name)


def sort_overrides(texts: Sequence[str], engine: Engine) -> Typed:
    """Put each override where it belongs; `engine=` belongs nowhere. Raises TunerError for a malformed one."""
    typed = Typed()
    for entry in (split_override(text) for text in texts):
        head, _, rest = entry.key.partition(".")
        if entry.key == "engine":
            continue
        if head not in KEYS:
            typed.unknown.append(entry)
        elif entry.key == "baseline":
            typed.baseline = unquote(_raw(entry)).strip()
        elif head in typed.knobs:
            typed.knobs[head][_knob(entry, rest)] = _raw(entry)
        elif head == "constraints" and rest:
            typed.constraints[rest] = "null" if entry.sign == "~" else _raw(entry)
        elif entry.key == "constraints":
            _sort_constraints(entry, typed)
        elif head == "guards":
            _sort_guards(entry, rest, typed)
        elif entry.key in _TEXT_KEYS:
            typed.text[entry.key] = unquote(_raw(entry)).strip()
        elif entry.key in ("model", "model.source", "model.variants") or entry.key.startswith("model.variants."):
            typed.model.append(entry)
        elif entry.key == "objective":
            _sort_objective(entry, typed, engine)
        elif entry.key == "targets":
            _sort_targets(entry, typed, engine)
        else:
            typed.hydra.append(_checked_budget(entry, engine))
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


def _sort_guards(entry: Override, name: str, typed: Typed) -> None:
    """One guard by its metric, or none at all."""
    raw = unquote(_raw(entry)).strip()
    if name:
        typed.guards[name] = raw
    elif raw.lower() in OFF:
        typed.guards, typed.no_guards = {}, True
    else:
        raise TunerError(f"guards={raw} is not an answer", "write guards.METRIC=FACTOR, or guards=false for none")


def _sort_objective(entry: Override, typed: Typed, engine: Engine) -> None:
    names = parse_names("objective", _raw(entry))
    if len(names) == 1 and names[0] in group_names("objective", engine):
        typed.hydra.append(entry)
        typed.objectives = ()
    else:
        typed.objectives = names


def _sort_targets(entry: Override, typed: Typed, engine: Engine) -> None:
    name = unquote(_raw(entry)).strip()
    if name in OFF:
        name = "none"
    if name.endswith((".yaml", ".yml")):
        typed.targets_file = name
    elif name in (known := group_names("targets", engine)):
        typed.hydra.append(Override("", "targets", name))
        typed.targets_file = ""
    else:
        error = unknown_name("targets", name, known)
        raise TunerError(error.message, f"{error.hint}; or the path of a .yaml file")


def _checked_budget(entry: Override, engine: Engine) -> Override:
    """`budget=` chooses a file of its group; other keys pass."""
    raw = _raw(entry)
    if entry.key == "budget" and (name := unquote(raw).strip()) not in (known := group_names("budget", engine)):
        raise unknown_name("budget", name, known)
    return entry
