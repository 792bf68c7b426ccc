"""What every format of model files shares, on a format of one line: `IDENTITY QUANTIZATION PADDING`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engines.base import Progress
from engines.cache import file_sha256, make_once
from engines.errors import ModelFileError, UnsupportedError
from engines.file_format import EmbeddedModel, FileFormat
from engines.hub import Wanted
from engines.model_files import ModelFiles
from search_spaces.errors import TunerError
from search_spaces.parameter import Value


@dataclass(frozen=True)
class LineHeader:
    path: Path
    size_bytes: int
    words: tuple[str, ...]


class LineFormat(FileFormat[LineHeader]):
    options = ("voice",)
    embedded_choice = "model=embedded_line"
    hub_example = "hf:ORG/REPO"
    wanted = Wanted(lambda repo, sizes, file: {}, ".line", "tts")
    unquantized = ("F32", "F16")
    on_demand = ("Q4", "Q8", "F16")

    def embedded(self) -> EmbeddedModel:
        def write(shape: str, path: Path, progress: Progress) -> None:
            progress(f"writing {shape}")
            path.write_text(f"{shape} F32")

        return EmbeddedModel("the embedded line", ["short"], lambda shape: "d" * 64, lambda shape: 9, write)

    def read(self, path: Path) -> LineHeader:
        if not path.exists():
            raise ModelFileError(f"there is no model file {path}", "check the path")
        return LineHeader(path, path.stat().st_size, tuple(path.read_text().split()))

    def quantization(self, header: LineHeader) -> str:
        return header.words[1]

    def identity(self, header: LineHeader) -> Mapping[str, Value]:
        return {"line": header.words[0]}

    def name(self, header: LineHeader, config: Mapping[str, Any]) -> str:
        return header.path.stem

    def facts(self, header: LineHeader, config: Mapping[str, Any], progress: Progress) -> dict[str, Value]:
        return {"voice": str(config.get("voice") or "any"), "read_from": header.path.name}

    def predicted_facts(self, header: LineHeader, quantization: str, progress: Progress) -> dict[str, Value]:
        return {f"file_mib_{quantization}": 0.5}

    def variant(self, source: Path, source_sha256: str, quantization: str, progress: Progress) -> Path:
        path = source.with_name(f"{source_sha256[:8]}.{quantization}.line")
        return make_once(path, 9, lambda temporary: _write(temporary, f"line {quantization}"))


def _write(path: Path, text: str) -> None:
    path.write_text(text)


FILES = ModelFiles(LineFormat())


def quiet(text: str) -> None:
    pass


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "own.line").write_text("line F16")
    return tmp_path / "own.line"


def of_variants(folder: Path, **content: str) -> dict[str, str]:
    for name, text in content.items():
        (folder / f"{name}.line").write_text(text)
    return {name: str(folder / f"{name}.line") for name in content}


def test_an_unquantized_file_offers_all_but_itself_on_demand(source: Path) -> None:
    model = FILES.resolve({"source": str(source), "voice": "low"}, quiet)
    assert dict(model.variants) == {"F16": str(source), "Q4": "", "Q8": ""}
    assert (model.name, model.native, model.reference) == ("own", "F16", "F16")
    assert model.digest == hashlib.sha256(b"line F16").hexdigest()
    assert model.facts["file_mib_Q8"] == 0.5
    assert model.facts["file_mib_F16"] == 8 / 1024**2
    assert model.facts["voice"] == "low"


def test_a_variant_on_demand_is_made_and_told_by_its_own_content(source: Path) -> None:
    model = FILES.resolve({"source": str(source)}, quiet)
    native, small = FILES.prepare(model, {}, quiet), FILES.prepare(model, {"quantization": "Q4"}, quiet)
    assert (native.path, native.sha256) == (str(source), model.digest)
    assert (small.quantization, small.sha256) == ("Q4", hashlib.sha256(b"line Q4").hexdigest())
    assert Path(small.path).read_text() == "line Q4"
    with pytest.raises(UnsupportedError, match="own has no Q5 variant") as caught:
        FILES.prepare(model, {"quantization": "Q5"}, quiet)
    assert caught.value.hint == "it has F16, Q4, Q8"


def test_a_quantized_file_offers_itself_alone(tmp_path: Path) -> None:
    path = of_variants(tmp_path, own="line Q4")["own"]
    assert dict(FILES.resolve({"source": path}, quiet).variants) == {"Q4": path}


def test_the_largest_of_the_users_variants_is_the_reference(tmp_path: Path) -> None:
    told: list[str] = []
    files = of_variants(tmp_path, Q8="line Q8 padding", Q4="line Q5")
    model = FILES.resolve({"variants": files}, told.append)
    assert (dict(model.variants), model.native, model.reference) == (files, "Q8", "Q8")
    assert model.facts["read_from"] == "Q8.line"
    assert told == ["Q4.line is called Q4 but says that it is Q5"]
    assert FILES.prepare(model, {}, quiet).sha256 == file_sha256(Path(files["Q8"]))
    assert model.digest == FILES.resolve({"variants": dict(reversed(files.items()))}, quiet).digest
    assert model.digest not in {file_sha256(Path(file)) for file in files.values()}


def test_a_variant_alone_has_the_identity_of_its_file(tmp_path: Path) -> None:
    files = of_variants(tmp_path, Q8="line Q8")
    by_variants, by_source = FILES.resolve({"variants": files}, quiet), FILES.resolve({"source": files["Q8"]}, quiet)
    assert by_variants.digest == by_source.digest
    assert FILES.prepare(by_variants, {}, quiet) == FILES.prepare(by_source, {}, quiet)


def test_files_of_two_models_are_not_variants(tmp_path: Path) -> None:
    files = of_variants(tmp_path, Q8="line Q8 padding", Q4="other Q4")
    with pytest.raises(ModelFileError, match=r"Q8\.line \(line line\) and Q4\.line \(other\) are not of one model"):
        FILES.resolve({"variants": files}, quiet)


def test_the_embedded_model_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path))
    told: list[str] = []
    first = FILES.resolve({"source": "embedded", "shape": "short"}, told.append)
    assert FILES.resolve({"source": "embedded", "shape": "short"}, told.append) == first
    assert told == ["writing short"]
    assert Path(first.variants["F32"]).name == f"short-{'d' * 16}.line"
    assert set(first.variants) == {"F32", "F16", "Q4", "Q8"}


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        ({}, "neither a source nor variants", "model=embedded_line, model=FILE.line or model=hf:ORG/REPO"),
        ({"source": "a", "variants": {"Q4": "b"}}, "both a source and variants", "give one of them"),
        ({"source": "a", "shape": "short"}, "for the embedded model alone", "leave it out, or use model=embedded_line"),
        (
            {"source": "embedded", "shape": "shirt"},
            "unknown shape of the embedded line 'shirt'",
            "did you mean 'short'",
        ),
        ({"source": "a", "voise": "low"}, "unknown model option 'voise'", "did you mean 'voice'"),
    ],
)
def test_a_configuration_that_is_wrong(config: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(TunerError, match=message) as caught:
        FILES.resolve(config, quiet)
    assert hint in caught.value.hint


def test_an_option_of_another_engine_is_unknown(source: Path) -> None:
    with pytest.raises(TunerError, match="unknown model option 'n_ctx'"):
        FILES.resolve({"source": str(source), "n_ctx": None, "variants": {}}, quiet)
