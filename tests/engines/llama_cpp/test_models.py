from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import Model
from engines.errors import ModelFileError, UnsupportedError
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.quantize import ON_DEMAND
from search_spaces.errors import TunerError
from tests.engines.llama_cpp.conftest import quiet
from tests.engines.llama_cpp.gguf_builder import Shape, write_model


def variant_file(engine: LlamaCppEngine, tiny: Model, quantization: str) -> Path:
    return Path(engine.prepare(tiny, {"quantization": quantization}, quiet).path)


def test_an_f16_file_offers_every_quantization(tiny: Model, tiny_file: Path) -> None:
    assert tiny.variants == {**dict.fromkeys(ON_DEMAND, ""), "F16": str(tiny_file)}
    assert tiny.native == tiny.reference == "F16"
    assert tiny.name == "tiny-256x2"
    sizes = [tiny.facts[f"file_mib_{q}"] for q in ON_DEMAND]
    assert sizes == sorted(sizes)


def test_an_f32_file_offers_f16_too(engine: LlamaCppEngine, tmp_path: Path) -> None:
    model = engine.resolve_model({"source": str(write_model(tmp_path / "m.gguf", float32=True))}, quiet)
    assert model.native == "F32"
    assert set(model.variants) == {*ON_DEMAND, "F32"}
    half = engine.prepare(model, {"quantization": "F16"}, quiet)
    assert half.size_mib == pytest.approx(model.facts["file_mib_F32"] / 2, rel=0.1)


def test_a_quantized_file_fixes_the_knob(engine: LlamaCppEngine, tiny: Model) -> None:
    path = variant_file(engine, tiny, "Q4_K_M")
    model = engine.resolve_model({"source": str(path)}, quiet)
    assert model.variants == {"Q4_K_M": str(path)}
    assert model.native == model.reference == "Q4_K_M"
    with pytest.raises(UnsupportedError, match="has no Q6_K variant"):
        engine.prepare(model, {"quantization": "Q6_K"}, quiet)


def test_the_users_own_variants(engine: LlamaCppEngine, tiny: Model) -> None:
    paths = {q: str(variant_file(engine, tiny, q)) for q in ("Q4_0", "Q8_0")}
    model = engine.resolve_model({"variants": paths}, quiet)
    assert dict(model.variants) == paths
    assert model.native == model.reference == "Q8_0"
    prepared = engine.prepare(model, {"quantization": "Q4_0"}, quiet)
    assert prepared.path == paths["Q4_0"]
    assert prepared.sha256 == engine.prepare(tiny, {"quantization": "Q4_0"}, quiet).sha256


@pytest.mark.parametrize("name", ["Q5_K_M", "best", "q4_0"])
def test_a_variant_under_another_name_than_its_own_is_refused(engine: LlamaCppEngine, tiny: Model, name: str) -> None:
    path = variant_file(engine, tiny, "Q4_0")
    with pytest.raises(TunerError, match=f"as '{name}', but the file says that it is Q4_0") as caught:
        engine.resolve_model({"variants": {name: str(path)}}, quiet)
    assert caught.value.hint == f"write {{Q4_0: {path}}}"


def test_files_of_different_models_are_not_variants(engine: LlamaCppEngine, tiny_file: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other.gguf", Shape(layers=3), float32=True)
    with pytest.raises(ModelFileError, match=r"other\.gguf \(n_layers 3\) and tiny\.gguf \(2\) are not of one model"):
        engine.resolve_model({"variants": {"F16": str(tiny_file), "F32": str(other)}}, quiet)


def test_the_same_content_is_the_same_model(
    engine: LlamaCppEngine, tiny: Model, tiny_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(tiny_file.read_bytes())
    assert engine.resolve_model({"source": str(copy)}, quiet).digest == tiny.digest
    other = write_model(tmp_path / "other.gguf", seed=1)
    assert engine.resolve_model({"source": str(other)}, quiet).digest != tiny.digest


def test_the_embedded_model(small: Model) -> None:
    assert small.source == "embedded"
    assert small.native == "F16"
    assert (small.facts["n_layers"], small.facts["n_embd"], small.facts["n_ctx"]) == (4, 256, 4096)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "neither a source nor variants"),
        ({"source": None, "variants": {}}, "neither a source nor variants"),
        ({"source": "a.gguf", "variants": {"Q4_0": "b.gguf"}}, "both a source and variants"),
        ({"sauce": "a.gguf"}, "unknown model option 'sauce'"),
        ({"source": "embedded", "shape": "llama-161m"}, "unknown shape of the embedded model 'llama-161m'"),
        ({"source": "a.gguf", "shape": "llama-160m"}, "shape is for the embedded model alone"),
        ({"source": "/nowhere/a.gguf"}, "there is no model file /nowhere/a.gguf"),
        ({"variants": {"Q4_0": "/nowhere/b.gguf"}}, "there is no model file /nowhere/b.gguf"),
        ({"source": "hf:nonsense"}, "'hf:nonsense' is not a model on a hub"),
    ],
)
def test_a_configuration_that_is_wrong(engine: LlamaCppEngine, config: dict[str, object], says: str) -> None:
    with pytest.raises(TunerError, match=says) as caught:
        engine.resolve_model(config, quiet)
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_an_architecture_that_llama_cpp_does_not_know(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", architecture="nonesuch")
    with pytest.raises(ModelFileError, match="unknown model architecture: 'nonesuch'") as caught:
        engine.resolve_model({"source": str(path)}, quiet)
    assert "\n" not in caught.value.message


def test_an_embedding_model(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", extra={"llama.pooling_type": 1})
    with pytest.raises(ModelFileError, match="cannot answer a chat"):
        engine.resolve_model({"source": str(path)}, quiet)


def test_metadata_of_the_wrong_type(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", extra={"llama.pooling_type": "mean"})
    with pytest.raises(ModelFileError, match="damaged metadata"):
        engine.resolve_model({"source": str(path)}, quiet)


def test_a_short_context_is_told(engine: LlamaCppEngine, tmp_path: Path) -> None:
    told: list[str] = []
    path = write_model(tmp_path / "m.gguf", Shape(context=1024))
    assert engine.resolve_model({"source": str(path)}, told.append).facts["n_ctx"] == 1024
    assert "the context is 1024 tokens, as the model was trained" in told
    assert engine.resolve_model({"source": str(path), "n_ctx": 512}, quiet).facts["n_ctx"] == 512


def test_a_model_file_that_vanished(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf")
    model = engine.resolve_model({"source": str(path)}, quiet)
    path.unlink()
    with pytest.raises(ModelFileError, match="is gone"):
        engine.prepare(model, {}, quiet)


def test_the_quantization_in_cache_survives_its_source(engine: LlamaCppEngine, tmp_path: Path) -> None:
    model = engine.resolve_model({"source": str(write_model(tmp_path / "m.gguf", seed=5))}, quiet)
    first = engine.prepare(model, {"quantization": "Q8_0"}, quiet)
    Path(model.variants["F16"]).unlink()
    assert engine.prepare(model, {"quantization": "Q8_0"}, quiet) == first
