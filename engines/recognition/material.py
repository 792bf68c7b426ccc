"""What recognisers are judged on: passages, what is said in them, and what the reference configuration made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from engines.base import Workload
from engines.errors import EngineError
from engines.recognition.clips import EMBEDDED_AUDIO, Passage
from engines.recognition.failures import failure
from engines.recognition.hearing import Heard
from engines.recognition.transcripts import Errors, count_errors

HEARD_WELL = 0.25
"""The most of a passage's words that the reference may have wrong for others to be compared with it there. Where it
understands little, a configuration that hears other wrong words is neither better nor worse."""
ENOUGH_SHARE, ENOUGH_WORDS = 0.5, 200
"""Passages that are heard well tell enough where they hold this share of the words, or so many: a limit of one point
allows two words then."""


def passages(workload: Workload) -> list[Passage]:
    """What word errors are counted on; [] when the workload has nothing for it."""
    return [Passage.from_json(document) for document in workload.quality.get("passages", ())]


@dataclass(frozen=True)
class Probe:
    """A passage, with what the reference heard in it."""

    passage: Passage
    reference: Heard
    errors: Errors
    fails: bool

    @property
    def heard_well(self) -> bool:
        """Whether the reference understands it."""
        return self.errors.words_wrong <= HEARD_WELL * self.errors.words

    @property
    def tells_early(self) -> bool:
        """Whether trouble shows in it before others: what is not clean, and where the reference has errors itself."""
        return bool(self.passage.treatment.name) or len(self.passage.clips) > 1 or self.errors.words_wrong > 0


@dataclass(frozen=True)
class Material:
    """The probes, those first that show trouble early. `proof`: whether they prove, or only search."""

    probes: Sequence[Probe]
    language: str
    proof: bool

    @staticmethod
    def of(workload: Workload, heard: Sequence[Heard]) -> Material:
        """What the reference heard, beside what is said. Raises EngineError where no passage has a word."""
        language = str(workload.quality["language"])
        probes = []
        for passage, own in zip(passages(workload), heard, strict=True):
            if (errors := errors_in(passage, own.text, language)) is not None:
                probes.append(Probe(passage, own, errors, bool(failure(passage.text, own.text, language))))
        if not probes:
            raise EngineError("no transcript has a word to be heard", "give recordings with words in them")
        probes.sort(key=lambda probe: not probe.tells_early)
        return Material(probes, language, bool(workload.quality.get("proof")))

    @cached_property
    def compared(self) -> frozenset[str]:
        """The passages, by id, on which word errors are compared with the reference's: those that it hears well.

        All where these are too few, which `unjudgeable` tells.
        """
        chosen = [p for p in self.probes if p.heard_well] if self._enough else self.probes
        return frozenset(p.passage.id for p in chosen)

    @property
    def unjudgeable(self) -> str:
        """Why what changes transcripts cannot be judged on this, and what to give instead; "" where it can."""
        if self._enough:
            return ""
        well = [p for p in self.probes if p.heard_well]
        shipped = any(clip.audio == EMBEDDED_AUDIO for p in self.probes for clip in p.passage.clips)
        give = (
            "give recordings with workload.audio=FOLDER, or have the shipped texts read by a published voice with "
            "workload.voice=piper-joe"
            if shipped
            else "give recordings that it understands, or another model"
        )
        return (
            f"the model understands {len(well)} of {len(self.probes)} clips ({_words(well)} of {_words(self.probes)} "
            f"words), too few to judge what changes transcripts: {give}"
        )

    @property
    def _enough(self) -> bool:
        words = _words([p for p in self.probes if p.heard_well])
        return words >= min(ENOUGH_WORDS, ENOUGH_SHARE * _words(self.probes))


def errors_in(passage: Passage, heard: str, language: str) -> Errors | None:
    """The errors of one transcript; None for a passage without a word that could be heard."""
    try:
        return count_errors([passage.text], [heard], language)
    except ValueError:
        return None


def _words(probes: Sequence[Probe]) -> int:
    return sum(p.errors.words for p in probes)
