from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import ModelFileError
from engines.whisper_cpp.ggml_file import Hyperparameters, read_header, tensor_bytes, write_start, write_tensor

NUMBERS = Hyperparameters(300, 64, 64, 1, 1, 32, 64, 1, 1, 4, 1)


def _bytes(kind: str = "F16") -> bytes:
    file = io.BytesIO()
    write_start(file, NUMBERS, np.ones((4, 9), np.float32), [bytes([i]) for i in range(256)])
    write_tensor(file, "a.weight", (3, 64), kind, np.zeros(tensor_bytes((3, 64), kind), np.uint8))
    write_tensor(file, "a.bias", (64,), "F32", np.zeros(64, np.float32))
    return file.getvalue()


WHOLE = _bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.bin"
    path.write_bytes(_bytes("Q5_1"))
    header = read_header(path)
    assert header.numbers == NUMBERS
    assert header.quantization == "F16"
    assert not header.multilingual
    assert [(t.name, t.shape, t.type, t.size_bytes) for t in header.tensors] == [
        ("a.weight", (3, 64), "Q5_1", 3 * 2 * 24),
        ("a.bias", (64,), "F32", 256),
    ]
    assert header.tensors[-1].offset + header.tensors[-1].size_bytes == header.size_bytes


def test_the_type_of_a_quantized_file(tmp_path: Path) -> None:
    path = tmp_path / "m.bin"
    path.write_bytes(WHOLE[:44] + struct.pack("<i", 2009) + WHOLE[48:])
    assert read_header(path).quantization == "Q5_1"


def _error(path: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        read_header(path)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"GGUF\x03\0\0\0", "is a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"RIFF" + bytes(100), "is not a ggml file"),
        (WHOLE[:30], "is truncated"),
        (WHOLE[:-1], "is truncated"),
        (WHOLE[:4] + struct.pack("<i", -5) + WHOLE[8:], "n_vocab is -5"),
        (WHOLE[:44] + struct.pack("<i", 77) + WHOLE[48:], "unknown file type 77"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "m.bin").write_bytes(content)
    assert message in _error(tmp_path / "m.bin").message


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    assert "there is no model file" in _error(tmp_path / "none.bin").message
    assert "cannot read" in _error(tmp_path).message


@given(at=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255), length=st.integers(0, len(WHOLE)))
def test_any_damage_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes((WHOLE[:at] + bytes([value]) + WHOLE[at + 1 :])[:length])
    with contextlib.suppress(ModelFileError):
        header = read_header(path)
        assert all(t.offset + t.size_bytes <= header.size_bytes for t in header.tensors)


def test_rows_must_be_whole_blocks() -> None:
    with pytest.raises(ValueError, match="rows of 48"):
        tensor_bytes((2, 48), "Q8_0")
