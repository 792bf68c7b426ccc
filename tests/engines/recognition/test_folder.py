from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from engines.recognition.folder import FolderError, _list, read_recordings
from tests.engines.recognition.conftest import quiet, tone, write_wav


def _texts(source: Path) -> dict[str, str]:
    return {r.path.name: r.text for r in read_recordings(source, quiet)}


def test_text_files_beside_the_audio(tmp_path: Path) -> None:
    for name, text in {"one": "turn it on", "two": "  turn\nit off  "}.items():
        write_wav(tmp_path / "sub" / f"{name}.wav", tone(0.5))
        (tmp_path / "sub" / f"{name}.txt").write_text(text)
    assert _texts(tmp_path) == {"one.wav": "turn it on", "two.wav": "turn it off"}


def test_librispeech(tmp_path: Path) -> None:
    chapter = tmp_path / "84" / "121123"
    chapter.mkdir(parents=True)
    for number in range(2):
        soundfile.write(chapter / f"84-121123-000{number}.flac", tone(0.4 + number / 10), 16000)
    (chapter / "84-121123.trans.txt").write_text("84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN LESS\n")
    recordings = read_recordings(tmp_path, quiet)
    assert [r.text for r in recordings] == ["GO DO YOU HEAR", "BUT IN LESS"]
    assert [r.seconds for r in recordings] == pytest.approx([0.4, 0.5])


def test_common_voice_columns_and_its_clips_folder(tmp_path: Path) -> None:
    write_wav(tmp_path / "clips" / "a.wav", tone(0.5))
    (tmp_path / "validated.tsv").write_text('client_id\tpath\tsentence\tup_votes\nx\ta.wav\t"Quoted" text, yes\t2\n')
    assert _texts(tmp_path) == {"a.wav": '"Quoted" text, yes'}


def test_two_columns_without_a_header_and_a_table_by_itself(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(0.5))
    (tmp_path / "list.tsv").write_text("a.wav\thello there\n")
    assert _texts(tmp_path) == _texts(tmp_path / "list.tsv") == {"a.wav": "hello there"}


@pytest.mark.parametrize("keys", [("audio", "text"), ("audio_filepath", "text"), ("file_name", "transcription")])
def test_jsonl_by_the_usual_names(tmp_path: Path, keys: tuple[str, str]) -> None:
    write_wav(tmp_path / "a.wav", tone(0.5))
    (tmp_path / "metadata.jsonl").write_text(json.dumps({keys[0]: "a.wav", keys[1]: "hello", "duration": 0.5}) + "\n\n")
    assert _texts(tmp_path) == {"a.wav": "hello"}


def test_each_file_that_cannot_be_used_is_told_of_and_left_out(tmp_path: Path) -> None:
    write_wav(tmp_path / "good.wav", tone(0.5))
    write_wav(tmp_path / "silent.wav", np.zeros(8000, np.float32))
    write_wav(tmp_path / "untold.wav", tone(0.5))
    (tmp_path / "broken.mp3").write_text("no sound " * 100)
    (tmp_path / "empty.flac").touch()
    soundfile.write(tmp_path / "x.flac", tone(0.5), 16000)
    (tmp_path / "x.flac").rename(tmp_path / "mislabelled.wav")
    for name in ("good", "silent", "broken", "empty", "mislabelled"):
        (tmp_path / f"{name}.txt").write_text("words")
    told: list[str] = []
    assert [r.path.name for r in read_recordings(tmp_path, told.append)] == ["good.wav", "mislabelled.wav"]
    assert all("\n" not in line for line in told)
    for name, why in {
        "silent.wav": "is silent: left out",
        "untold.wav": "has no transcript: left out",
        "broken.mp3": "cannot be decoded",
        "empty.flac": "is an empty file: left out",
        "mislabelled.wav": "is FLAC inside: used as what it is",
    }.items():
        assert sum(name in line and why in line for line in told) == 1, name


def test_many_bad_files_are_summed_up(tmp_path: Path) -> None:
    write_wav(tmp_path / "good.wav", tone(0.5))
    (tmp_path / "good.txt").write_text("words")
    for number in range(50):
        (tmp_path / f"{number}.wav").touch()
    told: list[str] = []
    read_recordings(tmp_path, told.append)
    assert len(told) == 21
    assert told[-1] == "and 30 more files of this kind"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no recordings"),
        ({"list.tsv": "only-one-column\n"}, "line 1 has 1 columns"),
        ({"list.jsonl": "{broken\n"}, "line 1 is not JSON"),
        ({"list.jsonl": '["a.wav", "hello"]\n'}, "line 1 is no object"),
        ({"list.jsonl": '{"audio": "a.wav"}\n'}, "line 1 lacks an audio file or a text"),
        ({"list.tsv": "gone.wav\thello\n"}, "no recording that can be used: there is no audio file"),
        ({"1-2.trans.txt": "1-2-0000 HELLO\n"}, "there is no audio file 1-2-0000"),
        ({"list.tsv": "a.wav\tsmörgås".encode("latin-1")}, "is not UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(tmp_path: Path, files: dict[str, str | bytes], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FolderError, match=message) as caught:
        read_recordings(tmp_path, lambda line: None)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_folder_that_is_not_there_and_a_file_that_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="there is no folder"):
        read_recordings(tmp_path / "none", quiet)
    with pytest.raises(FolderError, match="is no list of recordings"):
        read_recordings(write_wav(tmp_path / "a.wav", tone(0.5)), quiet)


_names = st.text("abcdefgh0123", min_size=1, max_size=8).map(lambda s: s + ".wav")
_sentences = st.text(
    st.characters(codec="utf-8", exclude_characters="\t\n\r", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40
)


@given(st.dictionaries(_names, _sentences, min_size=1, max_size=6))
def test_a_table_gives_back_what_was_written(entries: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tsv, jsonl = Path(folder) / "list.tsv", Path(folder) / "list.jsonl"
        rows = "".join(f"{name}\t{text}\n" for name, text in entries.items())
        tsv.write_text("path\tsentence\n" + rows, encoding="utf-8", newline="")
        lines = [json.dumps({"audio": name, "text": text}) for name, text in entries.items()]
        jsonl.write_text("\n".join(lines), encoding="utf-8")
        for file in (tsv, jsonl):
            assert {path.name: text for path, text in _list(file, Path(folder)).items()} == entries


@given(st.binary(max_size=200), st.sampled_from([".tsv", ".csv", ".jsonl"]))
def test_any_bytes_are_read_or_refused(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"list{suffix}"
        file.write_bytes(content)
        texts: dict[Path, str] = {}
        with contextlib.suppress(FolderError):
            texts = _list(file, Path(folder))
        assert all(isinstance(text, str) for text in texts.values())


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(FolderError) as caught:
            read_recordings(tmp_path, quiet)
        return caught.value.message

    assert refused() == f"{tmp_path} has no recordings"
    write_wav(tmp_path / "a.wav", tone(0.5))
    assert refused() == f"{tmp_path} has one recording but no transcripts"
    write_wav(tmp_path / "b.wav", tone(0.5))
    assert refused() == f"{tmp_path} has 2 recordings but no transcripts"
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_text("no sound")
        (tmp_path / f"{name}.txt").write_text("words")
    message = refused()
    assert message.startswith(f"{tmp_path} has no recording that can be used: {tmp_path / 'a.wav'} cannot be decoded")
    assert "left out" not in message
