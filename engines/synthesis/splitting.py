"""A text in the pieces that it is synthesised in, because the first of them is heard while the rest is made.

Nothing is added, lost or moved: the pieces are the text, cut at spaces (between sentences of Chinese and Japanese also
where there is none), and each has something to say. Imports nothing but the standard library: exports carry this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

SPLIT = ("none", "sentence", "clause")
FIRST_CHUNK = ("same", "clause", "words")
DEFAULT_FIRST_WORDS = 4
KNOBS = ("split", "first_chunk", "first_words")
"""Knobs that `pieces` reads. Every one that is absent leaves the text whole."""
_ABBREVIATIONS = (
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "approx", "dept", "vol", "e.g", "i.e", "a.m", "p.m",
    "u.s", "u.k", "inc", "ltd",
)  # fmt: skip
"""In small letters without their last stop. "No." is none of them: it is mostly an answer."""
_SENTENCE_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s)|[。！？]+["'”’」』）]*""")
_CLAUSE_END = re.compile(r"""[.!?…,;:–—]+["'”’)\]]*(?=\s)|[。！？，、；：]+["'”’」』）]*""")


def pieces(text: str, params: Mapping[str, str | int | float | bool]) -> list[str]:
    """`text` as `params` have it cut; [] where nothing can be said. Raises ValueError for a knob's impossible value.

    `split` is how all of it is cut. `first_chunk` cuts the first piece once more: after its first clause, or after
    `first_words` words where no clause ends sooner.
    """
    split, first = str(params.get("split", "none")), str(params.get("first_chunk", "same"))
    for name, value, known in (("split", split, SPLIT), ("first_chunk", first, FIRST_CHUNK)):
        if value not in known:
            raise ValueError(f"{name} is {value!r}, and one of {', '.join(known)} is wanted")
    whole = " ".join(text.split())
    cuts = {"none": lambda t: [], "sentence": sentence_ends, "clause": clause_ends}[split](whole)
    if first != "same":
        words = int(params.get("first_words", DEFAULT_FIRST_WORDS)) if first == "words" else None
        cuts = _with_early_cut(whole, cuts, words)
    return _sliced(whole, cuts)


def opening(text: str, phrases: Iterable[str]) -> str:
    """The longest of `phrases` that `text` begins with, up to the end of a word; "" where there is none."""
    found = (p for p in phrases if p and text.startswith(p) and not text[len(p) : len(p) + 1].strip())
    return max(found, key=len, default="")


def sentence_ends(text: str) -> list[int]:
    """Places in `text` after each sentence but the last; abbreviations, initials and decimal points end none."""
    return _ends(text, _SENTENCE_END)


def clause_ends(text: str) -> list[int]:
    """Places in `text` after each sentence, comma, semicolon, colon and dash that a space follows."""
    return _ends(text, _CLAUSE_END)


def _ends(text: str, marks: re.Pattern[str]) -> list[int]:
    found, begin = [], 0
    for mark in marks.finditer(text):
        if mark.end() < len(text) and not _goes_on(text[begin : mark.start()], mark[0], text[mark.end() :]):
            begin = mark.end()
            found.append(begin)
    return found


def _with_early_cut(text: str, cuts: list[int], words: int | None) -> list[int]:
    """`cuts` with one more before the first of them, where there is a place for it."""
    first_end = cuts[0] if cuts else len(text)
    early = [end for end in clause_ends(text)[:1] if end < first_end]
    if words is not None:
        if words < 1:
            raise ValueError(f"first_words is {words}, and a whole number above 0 is wanted")
        spaces = [match.start() for match in re.finditer(" ", text[:first_end].rstrip())]
        # A single word is not left over: it would cost another call and say next to nothing.
        early += [spaces[words - 1]] if len(spaces) > words else []
    return [min(early), *cuts] if early else cuts


def _sliced(text: str, cuts: Sequence[int]) -> list[str]:
    """`text` at those of `cuts` that have a letter or a digit on either side."""
    found, begin = [], 0
    for cut in cuts:
        if _says(text[begin:cut]) and _says(text[cut:]):
            found.append(text[begin:cut].strip())
            begin = cut
    return [*found, text[begin:].strip()] if _says(text) else []


def _goes_on(before: str, mark: str, after: str) -> bool:
    """Whether a mark that could end a sentence does not: a small letter follows, or it belongs to the word before."""
    if mark[0] not in ".?!…":
        return False
    if after.lstrip(" \"'“‘([")[:1].islower():
        return True
    word = before.rpartition(" ")[2].strip("\"'“‘([").lower()
    return mark == "." and (word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"))


def _says(text: str) -> bool:
    return any(c.isalnum() for c in text)
