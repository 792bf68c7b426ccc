"""The tokens of the embedded speech model: the rows of its table, and their numbers in an English-only ggml file.

whisper.cpp knows the special tokens of such a file by their numbers. Words take the place of the published model's
word pieces. All other rows are zero, hence their logits too, which training takes into account.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

VOCABULARY = 51864
END, START, PREVIOUS, NO_TIMES = 50256, 50257, 50360, 50362
"""End of text, start of transcript, "what follows is earlier text", and "without timestamps"."""
FIRST_TIME = 50363
FIRST_WORD = 300
"""Numbers up to 255 are bytes, as in the published vocabulary; " " must be one of the tokens."""
TIME_STEP = 5
"""The model knows every fifth of Whisper's timestamps of 0.02 s."""
TIMES = 1500 // TIME_STEP + 1
SECONDS_A_TIME = 0.02 * TIME_STEP


@dataclass(frozen=True)
class SpokenTokens:
    """Row 0 and following are words, then four special tokens, then TIMES timestamps."""

    words: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return len(self.words) + 4 + TIMES

    @property
    def ids(self) -> tuple[int, ...]:
        """The number of each row in the ggml file."""
        words = range(FIRST_WORD, FIRST_WORD + len(self.words))
        times = range(FIRST_TIME, FIRST_TIME + TIMES * TIME_STEP, TIME_STEP)
        return (*words, END, START, PREVIOUS, NO_TIMES, *times)

    @property
    def unused(self) -> int:
        """How many rows of the file are zero."""
        return VOCABULARY - self.rows

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    def special(self, token: int) -> int:
        """The row of END, START, PREVIOUS or NO_TIMES."""
        return len(self.words) + (END, START, PREVIOUS, NO_TIMES).index(token)

    def text(self, text: str) -> list[int]:
        """The rows of a sentence. Raises KeyError for a word that the model does not have."""
        return [self._row_of[word] for word in text.split()]

    def time(self, seconds: float, up: bool = False) -> int:
        """The row of the timestamp at or before `seconds` (at or after it if `up`), within the window."""
        step = seconds / SECONDS_A_TIME
        whole = math.ceil(step - 1e-6) if up else math.floor(step + 1e-6)
        return len(self.words) + 4 + min(max(whole, 0), TIMES - 1)

    def piece(self, token: int) -> bytes:
        """The text of a token of the file, as whisper.cpp writes it."""
        if token < 256:
            return bytes([token])
        if FIRST_WORD <= token < FIRST_WORD + len(self.words):
            return b" " + self.words[token - FIRST_WORD].encode()
        return b"[_%d_]" % token

    def words_of(self, rows: Sequence[int]) -> str:
        """The text of rows, special tokens and timestamps left out."""
        return " ".join(self.words[row] for row in rows if row < len(self.words))
