"""The pieces of a Whisper vocabulary as bytes: tokenizers write each byte as one printable character."""

from __future__ import annotations

import json
from pathlib import Path

from engines.errors import ModelFileError

PIECES = 50257
"""How many a ggml file holds: those that are text. whisper.cpp names the special tokens after them itself."""
FILES = ("tokenizer.json", "vocabulary.json", "vocabulary.txt")
"""Where a folder of CTranslate2 has the vocabulary; the first that is there is read."""


def vocabulary_file(folder: Path) -> Path:
    """The folder's file of the vocabulary. Raises ModelFileError where it has none."""
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    raise ModelFileError(f"{folder} has no vocabulary", f"it needs one of {', '.join(FILES)} beside model.bin")


def pieces(path: Path) -> list[bytes]:
    """The first `PIECES` of a vocabulary. Raises ModelFileError where it is not Whisper's."""
    try:
        texts = _texts(path)[:PIECES]
        table = {character: byte for byte, character in characters_by_byte().items()}
        listed = [bytes(table[character] for character in text) for text in texts]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{path} is no vocabulary of a Whisper: {type(error).__name__} {error}", _HINT) from error
    if len(listed) < PIECES:
        raise ModelFileError(f"{path} has {len(listed)} pieces, and a Whisper has {PIECES} at least", _HINT)
    return listed


_HINT = "take the file that came with the model"


def _texts(path: Path) -> list[str]:
    """The pieces by their number."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".txt":
        return content.split("\n")
    data = json.loads(content)
    if isinstance(data, list):
        return data
    numbers: dict[str, int] = data["model"]["vocab"]
    by_number = {number: text for text, number in numbers.items()}
    return [by_number[number] for number in range(min(PIECES, len(by_number)))]


def characters_by_byte() -> dict[int, str]:
    """Printable bytes of Latin-1 stand for themselves, the others for the characters from 256 on, in their order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
