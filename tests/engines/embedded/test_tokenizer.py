from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from engines.embedded.corpus import documents
from engines.embedded.tokenizer import (
    BOS,
    EOS,
    FIRST_BYTE,
    FIRST_PIECE,
    FIRST_ROLE,
    SPACE,
    Tokenizer,
    train_tokenizer,
)

TEXTS = [d.transcript() for d in itertools.islice(documents(1), 200)]
TOKENIZER = train_tokenizer(TEXTS, 512)


def decode(tokenizer: Tokenizer, tokens: list[int]) -> str:
    raw = b"".join(
        bytes([t - FIRST_BYTE]) if t < FIRST_PIECE else tokenizer.pieces[t - FIRST_PIECE].encode() for t in tokens
    )
    return raw.decode().replace(SPACE, " ")


@given(st.text(st.characters(blacklist_characters=SPACE, blacklist_categories=("Cs",)), max_size=60))
def test_any_text_survives_encoding(text: str) -> None:
    assert decode(TOKENIZER, TOKENIZER.encode(text)) == text


def test_training_fills_the_size_with_distinct_pieces_and_shortens_the_text() -> None:
    assert TOKENIZER.size == 512
    assert len(set(TOKENIZER.pieces)) == len(TOKENIZER.pieces)
    text = "".join(TEXTS)
    assert len(TOKENIZER.encode(text)) < 0.6 * len(text)
    assert train_tokenizer(TEXTS, 512) == TOKENIZER


def test_no_piece_spans_words_and_digits_stay_single() -> None:
    for piece in TOKENIZER.pieces:
        assert SPACE not in piece[1:]
        assert len(piece) == 1 or not any(c.isdigit() for c in piece)


def test_a_chat_is_framed_by_roles_and_ends() -> None:
    tokens = TOKENIZER.encode_chat([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}])
    newline = TOKENIZER.encode("\n")
    assert tokens[:3] == [BOS, FIRST_ROLE + 1, *newline]
    assert tokens.count(EOS) == 2
    assert tokens[-2:] == [EOS, *newline]
