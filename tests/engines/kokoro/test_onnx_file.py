from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import onnx
import pytest

from engines.errors import EngineError, MissingLibraryError, ModelFileError
from engines.install import install_hint
from engines.kokoro import convert as module
from engines.kokoro.convert import convert, predicted_bytes, variant
from engines.kokoro.onnx_file import FP16, FP32, INT8, read_header
from tests.engines.kokoro.onnx_builder import write_model


def test_a_header_tells_precision_and_interface(files: Path) -> None:
    header = read_header(files / "tiny.onnx")
    assert header.quantization == FP32
    assert dict(header.inputs) == {"input_ids": "int64", "style": "float", "speed": "float"}
    assert header.size_bytes == (files / "tiny.onnx").stat().st_size
    assert header.weights_bytes == 4 * (178 * 64 + 178 + 64 * 64 + 64 + 1800 + 2) + 8
    assert header.weights_bytes < header.size_bytes


def test_an_older_export_is_known_by_its_tokens(tmp_path: Path) -> None:
    assert "tokens" in read_header(write_model(tmp_path / "old.onnx", tokens="tokens")).inputs


@pytest.mark.parametrize("quantization", [FP16, INT8])
def test_a_conversion_is_what_it_says(files: Path, tmp_path: Path, quantization: str) -> None:
    made = tmp_path / "made.onnx"
    convert(files / "tiny.onnx", quantization, made)
    header = read_header(made)
    assert header.quantization == quantization
    assert dict(header.inputs) == dict(read_header(files / "tiny.onnx").inputs)
    assert made.stat().st_size == pytest.approx(
        predicted_bytes(read_header(files / "tiny.onnx"), quantization), rel=0.35
    )


def test_a_variant_is_made_once_in_another_process(files: Path) -> None:
    told: list[str] = []
    one = variant(files / "tiny.onnx", "f" * 64, INT8, told.append)
    assert variant(files / "tiny.onnx", "f" * 64, INT8, told.append) == one
    assert told == ["converting tiny.onnx to int8"]
    assert read_header(one).quantization == INT8


def test_a_converter_that_is_not_installed_is_said_with_the_command(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "ModuleNotFoundError: No module named 'onnxconverter_common'"
    monkeypatch.setattr(module.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1, "", f"…\n{line}"))
    with pytest.raises(MissingLibraryError, match="onnxconverter_common") as caught:
        variant(files / "tiny.onnx", "a" * 64, FP16, print)
    assert caught.value.hint == install_hint("kokoro")


def test_a_conversion_that_does_not_end_is_one_line(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(module.subprocess, "run", hang)
    with pytest.raises(EngineError, match="cannot be converted to int8 within 1800 s"):
        variant(files / "tiny.onnx", "b" * 64, INT8, print)


def test_what_is_no_model_of_kokoro_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a graph at all")
    other = write_model(tmp_path / "other.onnx", style_input="colour")
    for path, complaint in (
        (tmp_path / "none.onnx", "there is no model file"), (tmp_path, "is a folder"),
        (tmp_path / "broken.onnx", "is no ONNX file"), (other, "no model of Kokoro: its inputs are input_ids, colour"),
    ):  # fmt: skip
        with pytest.raises(ModelFileError, match=complaint):
            read_header(path)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.onnx")
    assert "input_ids" in read_header(path).inputs
    write_model(path, tokens="tokens")
    assert "tokens" in read_header(path).inputs
    assert onnx.load(str(path)).graph.input[0].name == "tokens"
