"""Word and character errors of transcripts, normalised as Whisper's own evaluation does it, counted by jiwer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engines.errors import MissingLibraryError
from engines.install import install_hint

ENGLISH = "en"
_TEXTS_KEPT = 4096
"""What is said comes again with each configuration that is judged, and most of what is heard as well."""


@dataclass(frozen=True)
class Errors:
    """Wrong words and characters, and how many the references have. They add up over clips."""

    words_wrong: int
    words: int
    characters_wrong: int
    characters: int

    @property
    def wer(self) -> float:
        """Word errors ÷ words."""
        return self.words_wrong / self.words

    @property
    def cer(self) -> float:
        """Character errors ÷ characters."""
        return self.characters_wrong / self.characters


def count_errors(references: Sequence[str], hypotheses: Sequence[str], language: str) -> Errors:
    """The errors over all clips together. Raises ValueError when no reference has a word."""
    import jiwer

    normalise = normaliser(language)
    pairs = [(normalise(r), normalise(h)) for r, h in zip(references, hypotheses, strict=True)]
    # A clip whose reference is empty once normalised (a cough, music) has no words to be wrong about.
    pairs = [(r, h) for r, h in pairs if r]
    if not pairs:
        raise ValueError("no transcript has a word")
    said, heard = [r for r, _ in pairs], [h for _, h in pairs]
    words, characters = jiwer.process_words(said, heard), jiwer.process_characters(said, heard)
    return Errors(
        words_wrong=words.substitutions + words.deletions + words.insertions,
        words=words.hits + words.substitutions + words.deletions,
        characters_wrong=characters.substitutions + characters.deletions + characters.insertions,
        characters=characters.hits + characters.substitutions + characters.deletions,
    )


@lru_cache(maxsize=8)
def normaliser(language: str) -> Callable[[str], str]:
    """Whisper's normaliser: for English also numbers, contractions and spelling; else case and punctuation only.

    Raises MissingLibraryError.
    """
    try:
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise MissingLibraryError(f"whisper-normalizer cannot be used: {error}", install_hint("stt")) from error
    of_language = EnglishTextNormalizer() if language == ENGLISH else BasicTextNormalizer()

    @lru_cache(maxsize=_TEXTS_KEPT)
    def normalise(text: str) -> str:
        return " ".join(of_language(text).split())

    return normalise
