from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import ModelFileError
from engines.llama_cpp.gguf_cursor import ArrayLength
from engines.llama_cpp.gguf_file import read_header
from tests.engines.llama_cpp.gguf_builder import Shape, write_model


@pytest.fixture(scope="module")
def content(tiny_file: Path) -> bytes:
    return tiny_file.read_bytes()


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "model.gguf"


def header_bytes(tiny_file: Path) -> int:
    """Where the tensor data begins, about."""
    header = read_header(tiny_file)
    return header.size_bytes - sum(tensor.size_bytes or 0 for tensor in header.tensors)


def test_a_whole_file_tells_its_metadata_and_tensors(tiny_file: Path) -> None:
    header = read_header(tiny_file)
    assert header.architecture == "llama"
    assert header.of_architecture("block_count") == 2
    assert header.metadata["tokenizer.ggml.add_bos_token"] is True
    assert header.of_architecture("attention.layer_norm_rms_epsilon") == pytest.approx(1e-5)
    embedding = next(t for t in header.tensors if t.name == "token_embd.weight")
    assert embedding.shape == (256, 320)
    assert embedding.size_bytes == 256 * 320 * 2
    assert header.size_bytes == tiny_file.stat().st_size


def test_long_arrays_are_counted_and_not_kept(tmp_path: Path) -> None:
    header = read_header(write_model(tmp_path / "m.gguf", Shape(vocab=2000)))
    assert header.metadata["tokenizer.ggml.tokens"] == ArrayLength(2000)
    assert header.metadata["tokenizer.ggml.scores"] == ArrayLength(2000)
    assert header.metadata["tokenizer.chat_template"].startswith("{% for")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no model file .*none\.gguf"):
        read_header(tmp_path / "none.gguf")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match="there is no model file"):
        read_header(tmp_path / "file" / "below.gguf")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is a folder, not a GGUF file"):
        read_header(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()
    with pytest.raises(ModelFileError, match=r"is empty \(0 bytes\)"):
        read_header(tmp_path / "m.gguf")


def test_a_name_too_long(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot read"):
        read_header(tmp_path / ("x" * 300))


def test_a_file_that_may_not_be_read(tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, os.strerror(13), str(tiny_file))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ModelFileError, match=r"cannot read .*: Permission denied"):
        read_header(tiny_file)


@pytest.mark.parametrize(
    ("begin", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"PK\x03\x04 and more", "a zip archive or PyTorch checkpoint"),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"lmgg\x01\x00", "a whisper.cpp or old ggml file"),
        (b"nonsense", r"it begins with b'nons'"),
    ],
)
def test_another_format_is_named(tmp_path: Path, begin: bytes, says: str) -> None:
    (tmp_path / "m.gguf").write_bytes(begin)
    with pytest.raises(ModelFileError, match=f"is not a GGUF file.*{says}") as caught:
        read_header(tmp_path / "m.gguf")
    assert caught.value.hint


def test_an_unknown_version(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(content[:4] + struct.pack("<I", 9) + content[8:])
    with pytest.raises(ModelFileError, match="has GGUF version 9"):
        read_header(tmp_path / "m.gguf")


def test_missing_tensor_data_is_told_in_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(content[:-1000])
    with pytest.raises(
        ModelFileError, match=rf"truncated: its tensors end at byte \d+, the file has {len(content) - 1000}"
    ):
        read_header(tmp_path / "m.gguf")


@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(data: st.DataObject, content: bytes, damaged: Path, tiny_file: Path) -> None:
    inside = st.integers(0, header_bytes(tiny_file)) | st.integers(0, len(content) - 64)
    damaged.write_bytes(content[: data.draw(inside)])
    with pytest.raises(ModelFileError):
        read_header(damaged)


@given(data=st.data())
def test_a_damaged_header_is_read_or_refused(
    data: st.DataObject, content: bytes, damaged: Path, tiny_file: Path
) -> None:
    at = data.draw(st.integers(0, header_bytes(tiny_file)))
    junk = data.draw(st.binary(min_size=1, max_size=12))
    damaged.write_bytes(content[:at] + junk + content[at + len(junk) :])
    try:
        read, refusal = bool(read_header(damaged).tensors), ""
    except ModelFileError as error:
        read, refusal = False, error.message
    assert read != bool(refusal)
    assert "\n" not in refusal
