"""The embedded language model's tokenizer: a SentencePiece-style vocabulary with byte fallback, as llama.cpp reads it.

Pieces never span a word boundary and digits stay single, so words can be encoded one at a time with the same result as
llama.cpp's search over the whole text (always merge the pair whose union scores best, leftmost on a tie).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

UNKNOWN, BOS, EOS = 0, 1, 2
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
FIRST_ROLE = 3
FIRST_BYTE = FIRST_ROLE + len(ROLES)
FIRST_PIECE = FIRST_BYTE + 256
SPACE = "\u2581"

_WORD = re.compile(r"\u2581?[A-Za-z']+|.", re.DOTALL)


@dataclass(frozen=True)
class Tokenizer:
    """`pieces` in order of merging; the token of piece i is FIRST_PIECE + i and its score is −i."""

    pieces: tuple[str, ...]
    _words: dict[str, list[int]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return FIRST_PIECE + len(self.pieces)

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Piece → its place in `pieces`."""
        return {piece: rank for rank, piece in enumerate(self.pieces)}

    def encode(self, text: str) -> list[int]:
        """The tokens of plain text; no BOS, no EOS, no role markers."""
        tokens: list[int] = []
        for word in _WORD.findall(text.replace(" ", SPACE)):
            known = self._words.get(word)
            if known is None:
                known = self._words[word] = self._encode_word(word)
            tokens += known
        return tokens

    def encode_chat(self, messages: Iterable[Mapping[str, str]]) -> list[int]:
        """The tokens of a finished conversation, in the format of `CHAT_TEMPLATE`."""
        newline = self.encode("\n")
        tokens = [BOS]
        for message in messages:
            role = FIRST_ROLE + ROLES.index(f"<|{message['role']}|>")
            tokens += [role, *newline, *self.encode(message["content"]), EOS, *newline]
        return tokens

    def _encode_word(self, word: str) -> list[int]:
        tokens: list[int] = []
        for symbol in _merge(list(word), self.ranks):
            if symbol in self.ranks:
                tokens.append(FIRST_PIECE + self.ranks[symbol])
            else:
                tokens += [FIRST_BYTE + byte for byte in symbol.encode()]
        return tokens


CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
"""The Jinja form of `Tokenizer.encode_chat`, for the GGUF file."""


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """A tokenizer of `size` tokens by byte-pair merging over the words of `texts`; single characters come first."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_WORD.findall(text.replace(" ", SPACE)))
    words = {word: list(word) for word in sorted(counts)}
    characters = {c for word in words for c in word} - {"\n"}
    room = size - FIRST_PIECE - len(characters)
    merged: list[str] = []
    while len(merged) < room:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in words.items():
            for pair in itertools.pairwise(symbols):
                pairs[pair] += counts[word]
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        if left + right not in merged:
            merged.append(left + right)
        ranks = {piece: rank for rank, piece in enumerate(merged)}
        for word, symbols in words.items():
            if left + right in word:
                words[word] = _merge(symbols, ranks)
    return Tokenizer((*merged, *sorted(characters)))


def _merge(symbols: Sequence[str], ranks: Mapping[str, int]) -> list[str]:
    """Join neighbours whose union is a piece, best rank first and leftmost on a tie, until none is."""
    merged = list(symbols)
    while True:
        best = min(
            ((ranks[a + b], at) for at, (a, b) in enumerate(itertools.pairwise(merged)) if a + b in ranks),
            default=None,
        )
        if best is None:
            return merged
        at = best[1]
        merged[at : at + 2] = [merged[at] + merged[at + 1]]
