"""One loaded configuration of any speech synthesis engine: what running, checking and judging it have in common."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator

from engines.base import Progress, Sample, WorkItem, Workload
from engines.errors import EngineError, InvalidOutputError
from engines.judgement import NO_LIMITS, NOT_JUDGED, Judgement, QualityLimits
from engines.synthesis.comparison import distance, features, judged
from engines.synthesis.gate import Limits, check
from engines.synthesis.intelligibility import Sound, word_errors
from engines.synthesis.references import Reference, References, no_reference
from engines.synthesis.speech import F32, Listener, Speech
from engines.synthesis.workload import judged_texts


class PushingSession(abc.ABC):
    """An engine that calls back with its audio subclasses this, one that yields it SynthesisSession."""

    sample_rate: int
    limits: Limits = Limits()

    def __init__(self, references: References) -> None:
        self._references = references
        self._reference_of: dict[str, Reference | None] = {}
        self._heard: dict[str, Speech] = {}

    @abc.abstractmethod
    def utter(self, text: str, hear: Callable[[F32], None]) -> None:
        """Give `hear` the audio of `text`, each chunk as soon as a listener could have it. Raises EngineError."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Undo what a request changes for the ones after it (grown hop lengths, prompt caches); before each text."""

    @abc.abstractmethod
    def close(self) -> None:
        """Free everything; may be called once only."""

    def run(self, item: WorkItem) -> Sample:
        """Speak one text. Raises InvalidOutputError when the audio is none that could be deployed, EngineError."""
        text = str(item.payload["text"])
        reference = self._reference(text)
        speech = self.listen(text)
        check(speech.audio, speech.sample_rate, text, self.limits, reference.seconds if reference else None)
        self._heard[text] = speech
        return sample(item.id, text, speech, self._due_seconds(text, speech, reference))

    def _due_seconds(self, text: str, speech: Speech, reference: Reference | None) -> float | None:
        """Seconds of audio that the time was spent on: longer audio than the reference's is no more work done."""
        return min(speech.seconds, reference.seconds) if reference else None

    def listen(self, text: str) -> Speech:
        """Speak `text` from a clean state."""
        self.reset()
        listener = Listener()
        self.utter(text, listener.hear)
        return listener.heard(self.sample_rate)

    def listen_afresh(self, text: str) -> Speech:
        """What quality is judged by, the reference's too: the same text must always sound the same.

        The audio of the latest round, or new; for an engine that says a text in the same way every time.
        """
        return self._heard.get(text) or self.listen(text)

    def quality(self, workload: Workload, limits: QualityLimits = NO_LIMITS) -> Judgement:
        """Distances from the reference configuration's audio of the whole texts, if the workload has anything for them.

        Whoever listens hears a whole answer: what splitting a text does to its melody and its pauses counts.
        """
        if not (texts := judged_texts(workload)):
            return NOT_JUDGED
        references, sounds = [self._needed(text) for text in texts], [self._judged(text) for text in texts]
        found = judged(
            [distance(features(*s, r.peak_power), r.features) for s, r in zip(sounds, references, strict=True)]
        )
        if who := workload.quality.get("asr_model"):
            found |= word_errors(who, texts, sounds, [(r.audio, r.sample_rate) for r in references])
        return Judgement(found)

    def reference(self, text: str) -> Speech:
        """What others are judged by: this must be the reference configuration. Raises InvalidOutputError."""
        speech = self.listen_afresh(text)
        try:
            check(speech.audio, speech.sample_rate, text, self.limits)
        except InvalidOutputError as error:
            raise no_reference(error) from error
        return speech

    def _judged(self, text: str) -> Sound:
        """What is judged. Raises InvalidOutputError."""
        speech = self.listen_afresh(text)
        check(speech.audio, speech.sample_rate, text, self.limits, self._needed(text).seconds)
        return speech.audio, speech.sample_rate

    def _needed(self, text: str) -> Reference:
        if (reference := self._reference(text)) is None:
            raise EngineError("the reference for quality is gone", "run the sweep again")
        return reference

    def _reference(self, text: str) -> Reference | None:
        if text not in self._reference_of:
            self._reference_of[text] = self._references.read(text)
        return self._reference_of[text]


class SynthesisSession(PushingSession):
    """`speak` yields audio as it comes, `reset` forgets the request before."""

    @abc.abstractmethod
    def speak(self, text: str) -> Iterator[F32]:
        """The audio of `text` in chunks, each yielded as soon as a listener could have it. Raises EngineError."""

    def utter(self, text: str, hear: Callable[[F32], None]) -> None:
        """Hand over what `speak` yields."""
        for samples in self.speak(text):
            hear(samples)


def prepare_references(
    store: References, workload: Workload, open_reference: Callable[[], PushingSession], progress: Progress
) -> None:
    """Make the references of `workload` that are missing with the session of the reference configuration.

    Raises InvalidOutputError where that does not speak, and as opening it does.
    """
    texts = judged_texts(workload)
    if store.missing(texts):
        session = open_reference()
        try:
            store.make(texts, session.reference, progress)
        finally:
            session.close()


def sample(item_id: str, text: str, speech: Speech, due_seconds: float | None = None) -> Sample:
    """The Sample of a text: characters in, audio seconds out, and the pattern of its chunks as the output."""
    return Sample(
        item_id=item_id,
        output_times_s=tuple(chunk.at_s for chunk in speech.chunks),
        done_s=speech.done_s,
        units_in=len(text),
        units_out=speech.seconds,
        output=speech.pattern,
        due=due_seconds,
        stall_s=speech.stall_s,
        counts={
            "chunks": len(speech.chunks),
            "samples": sum(chunk.samples.size for chunk in speech.chunks),
        },
    )
