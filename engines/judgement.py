"""What judging the quality of a configuration comes to: numbers that bind, and an example for a person who decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

QualityLimits = Mapping[str, float]
"""Of metrics: the most where less is better, the least where more is."""
NO_LIMITS: QualityLimits = MappingProxyType({})
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class WorstItem:
    """What came off worst of all that quality was judged on: for whoever decides, nothing is computed from it.

    `item` names it (a clip, a prompt, a sentence) and `how` says how it fails. `expected` is what should have come out
    and `output` what did, as far as they are text.
    """

    item: str
    how: str
    expected: str = ""
    output: str = ""

    @property
    def line(self) -> str:
        """`clip-7 (3 of 4 words wrong): 'turn it off' came out as 'urn'`; of long texts the beginning."""
        expected, output = (beginning(text, _SHOWN_CHARACTERS) for text in (self.expected, self.output))
        texts = f": {expected!r} came out as {output!r}" if expected else f": {output!r}" if output else ""
        return f"{self.item} ({self.how}){texts}"


def beginning(text: str, most: int) -> str:
    """`text`, or its first `most` characters with `…`."""
    return text if len(text) <= most else f"{text[:most].rstrip()}…"


@dataclass(frozen=True)
class Judgement:
    """What judging a configuration came to: its quality `metrics`, and the `worst` item where the engine names one.

    One that is not `complete` ended early, because a limit could not be kept any more; its metrics are of what was
    judged until then, and break that limit.
    """

    metrics: Mapping[str, float]
    worst: WorstItem | None = None
    complete: bool = True


NOT_JUDGED = Judgement({})
"""There is nothing to judge."""
