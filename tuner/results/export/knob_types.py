"""Whether the values in a deploy.json are of their knobs' types. Ranges are the measured machine's, not this one's."""

from __future__ import annotations

from search_spaces.errors import TunerError
from search_spaces.parameter import Params, Value
from search_spaces.spec import ChoicesSpec, KnobSpec
from search_spaces.template import Template

_TAKES = {"int": "a whole number", "float": "a number", "bool": "true or false", "choice": "text"}


def check_types(params: Params, template: Template, origin: str) -> None:
    """Raises TunerError for the first value of a wrong type. The engine judges knobs that the template lacks."""
    for name, value in params.items():
        knob = template.knobs.get(name)
        if knob is not None and not _fits(_kind(knob), value):
            raise TunerError(
                f"{origin}: params.{name} is {value!r}, and {name} takes {_TAKES[_kind(knob)]}",
                "take the deploy.json that a sweep wrote, unchanged",
            )


def _kind(knob: KnobSpec) -> str:
    """The knob's type; of choices among numbers that of the numbers."""
    if knob.type != "choice" or not isinstance(knob.domain, ChoicesSpec):
        return knob.type
    choices = knob.domain.values
    if not choices or any(isinstance(v, str | bool) for v in choices):
        return "choice"
    return "float" if any(isinstance(v, float) for v in choices) else "int"


def _fits(kind: str, value: Value) -> bool:
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    if kind == "choice":
        return isinstance(value, str)
    return isinstance(value, int) or (kind == "float" and isinstance(value, float))
