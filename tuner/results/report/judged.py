"""What judging showed on the part that was held out: an example of the worst, and who was refused for what."""

from __future__ import annotations

from collections.abc import Iterator

from tuner.results.report.blocks import Block, Heading, Table
from tuner.results.report.study_files import StudyFiles
from tuner.results.wording import describe, shorten

MOST_TEXT = 200
"""Characters that are shown of a text; an insertion loop has thousands."""


def worst(study: StudyFiles) -> Iterator[Block]:
    """What came off worst of the configurations that a reader chooses between, where the engine names it."""
    played = study.tournament
    if played is None:
        return
    stock = played.stock.number if played.stock else None
    called: dict[int, str] = {}
    for number, name in ((played.baseline.number, "default"), (played.winner, "winner"), (stock, "what people run")):
        if number is not None:
            called[number] = f"{called[number]}, {name}" if number in called else name
    rows = [
        (name, found.item, found.how, shorten(found.expected, MOST_TEXT), shorten(found.output, MOST_TEXT))
        for number, name in called.items()
        if (found := played.worst.get(number))
    ]
    if rows:
        yield Heading("What came off worst in the proof")
        yield Table(("", "item", "how", "expected", "came out"), rows, left=frozenset(range(5)))


def refused(study: StudyFiles) -> Iterator[Block]:
    """Who broke a limit there, and so did not play."""
    if study.tournament is None or not study.tournament.vetoed:
        return
    knobs = {t.number: describe(t.params, study.baseline.params if study.baseline else None) for t in study.trials}
    rows = [(str(number), knobs.get(number, ""), why) for number, why in study.tournament.vetoed.items()]
    yield Heading("Refused on what was held out")
    yield Table(("trial", "changed knobs", "reason"), rows, left=frozenset({1, 2}))
