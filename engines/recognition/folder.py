"""A user's folder of audio with transcripts: a text file beside each, a TSV or JSONL list, or LibriSpeech's layout."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.base import Progress
from engines.recognition.audio import SUFFIXES, AudioError, audio_facts, load_audio
from engines.user_lists import json_lines, read_text
from search_spaces.errors import TunerError

_AUDIO_KEYS = ("audio", "audio_filepath", "file", "path", "wav", "audio_path")
_TEXT_KEYS = ("text", "transcript", "sentence", "transcription")
"""Column names of Common Voice, NeMo manifests, Hugging Face metadata and the like."""
_TRANS = ".trans.txt"
_TOLD = 20
"""Files that are told of one by one before a sum."""


class FolderError(TunerError):
    """A folder, a list or its transcripts cannot be used."""


@dataclass(frozen=True)
class Recording:
    """An audio file with what is said in it."""

    path: Path
    text: str
    seconds: float


def read_recordings(source: Path, progress: Progress) -> list[Recording]:
    """The usable recordings of a folder, or of a .tsv, .csv or .jsonl list, sorted by path.

    A file that cannot be used (not decodable, empty, silent, too long, without transcript) is told of in one line and
    left out; one whose name promises another format than it has is told of and used. Raises FolderError when nothing
    is left, or when a list cannot be read.
    """
    if not source.exists():
        raise FolderError(f"there is no folder {source}", "check workload.audio")
    texts = _folder(source) if source.is_dir() else _list(source, source.parent)
    audio = _audio_files(source) if source.is_dir() else []
    if not texts:
        raise _nothing(source, len(audio))
    problems = _Problems(progress)
    for path in (path for path in audio if path not in texts):
        problems.tell(f"{path.name} has no transcript", ": left out")
    recordings = []
    for path, text in sorted(texts.items()):
        try:
            recordings.append(_recording(path, text, problems))
        except (AudioError, FolderError) as error:
            problems.tell(error.message, ": left out")
    problems.sum_up()
    if not recordings:
        raise FolderError(f"{source} has no recording that can be used: {problems.first}", "see the lines above")
    return recordings


def _nothing(source: Path, recordings: int) -> FolderError:
    """Why a source without any transcript is of no use."""
    if source.is_dir() and not recordings:
        return FolderError(f"{source} has no recordings", f"put audio there ({', '.join(SUFFIXES)}) with transcripts")
    many = f"{recordings} recordings" if recordings > 1 else "one recording"
    return FolderError(
        f"{source} has {f'{many} but ' if recordings else ''}no transcripts",
        "write a .txt file of the same name beside each recording, or a transcripts.tsv, or a metadata.jsonl",
    )


def _recording(path: Path, text: str, problems: _Problems) -> Recording:
    if not text.strip():
        raise FolderError(f"the transcript of {path.name} is empty", "write what is said in it")
    facts = audio_facts(path)
    load_audio(path)
    if facts.mislabelled:
        problems.tell(f"{path.name} is {facts.mislabelled} inside: used as what it is")
    return Recording(path, " ".join(text.split()), facts.seconds)


class _Problems:
    """Tells of each file up to a number, then of the rest in one line."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._count = progress, 0
        self.first = "no audio files"

    def tell(self, line: str, consequence: str = "") -> None:
        line = " ".join(line.split())
        self._count += 1
        if self._count == 1:
            self.first = line
        if self._count <= _TOLD:
            self._progress(line + consequence)

    def sum_up(self) -> None:
        if self._count > _TOLD:
            self._progress(f"and {self._count - _TOLD} more files of this kind")


def _audio_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _folder(folder: Path) -> dict[Path, str]:
    """Audio file → transcript, by every layout that is found; a list wins over text files."""
    texts: dict[Path, str] = {}
    for path in _audio_files(folder):
        beside = path.with_suffix(".txt")
        if beside.is_file():
            texts[path] = _text_of(beside)
    for file in sorted(folder.rglob(f"*{_TRANS}")):
        texts |= _librispeech(file)
    for file in sorted(p for p in folder.iterdir() if p.suffix.lower() in (".tsv", ".csv", ".jsonl")):
        texts |= _list(file, folder)
    return texts


def _librispeech(file: Path) -> dict[Path, str]:
    """`READER-CHAPTER.trans.txt`: lines of an utterance's name and its text; the audio lies beside it."""
    texts = {}
    for number, line in enumerate(_text_of(file).splitlines(), start=1):
        name, _, text = line.strip().partition(" ")
        if not name:
            continue
        path = next((p for s in SUFFIXES if (p := file.with_name(name + s)).is_file()), None)
        if path is None:
            raise FolderError(f"{file}, line {number}: there is no audio file {name}", f"put {name}.flac beside it")
        texts[path] = text
    return texts


def _list(file: Path, folder: Path) -> dict[Path, str]:
    """A table whose paths are relative to `folder` (or to its `clips` folder, as Common Voice has it)."""
    read: Mapping[str, Callable[[str, Path], Iterator[tuple[int, Any, Any]]]] = {
        ".tsv": _table, ".csv": _table, ".jsonl": _jsonl,
    }  # fmt: skip
    if file.suffix.lower() not in read:
        raise FolderError(f"{file} is no list of recordings", "name a folder, or a .tsv, .csv or .jsonl file")
    texts = {}
    for number, audio, text in read[file.suffix.lower()](_text_of(file), file):
        if not isinstance(audio, str) or not audio.strip() or not isinstance(text, str):
            raise FolderError(f"{file}, line {number} lacks an audio file or a text", "give both in each line")
        path = Path(audio.strip())
        places = (path,) if path.is_absolute() else (folder / path, folder / "clips" / path)
        texts[next((p for p in places if _is_file(p)), places[0])] = text
    return texts


def _is_file(path: Path) -> bool:
    """False too for what cannot be a path, such as a name of a thousand letters."""
    try:
        return path.is_file()
    except OSError:
        return False


def _table(text: str, file: Path) -> Iterator[tuple[int, Any, Any]]:
    """(line, audio, text) of a table with a header, or of two columns without one."""
    delimiter = "," if file.suffix.lower() == ".csv" else "\t"
    # A tab-separated file has no quoting: a quotation mark is part of a sentence.
    lines = io.StringIO(text, newline="")
    try:
        quoted = csv.reader(lines) if delimiter == "," else csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = list(quoted)
    except csv.Error as error:
        raise FolderError(f"{file} is no table: {error}", "write FILE<tab>TEXT in each line") from error
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return
    header = [cell.strip().lower() for cell in rows[0]]
    audio = next((header.index(k) for k in _AUDIO_KEYS if k in header), None)
    words = next((header.index(k) for k in _TEXT_KEYS if k in header), None)
    has_header = audio is not None and words is not None
    if not has_header:
        audio, words = 0, 1
    assert audio is not None
    assert words is not None
    for number, row in enumerate(rows[1:] if has_header else rows, start=2 if has_header else 1):
        if len(row) <= max(audio, words):
            raise FolderError(
                f"{file}, line {number} has {len(row)} columns",
                f"write FILE{'<tab>' if delimiter != ',' else ','}TEXT, or a header with path and sentence",
            )
        yield number, row[audio], row[words]


def _jsonl(text: str, file: Path) -> Iterator[tuple[int, Any, Any]]:
    for number, entry in json_lines(text, str(file), "an object", FolderError):
        if not isinstance(entry, dict):
            raise FolderError(f"{file}, line {number} is no object", 'write {"audio": FILE, "text": TEXT}')
        keys = (*_AUDIO_KEYS, "file_name")
        audio = next((entry[k] for k in keys if k in entry), None)
        yield number, audio, next((entry[k] for k in _TEXT_KEYS if k in entry), None)


def _text_of(file: Path) -> str:
    return read_text(file, "file", "check its permissions", FolderError)
