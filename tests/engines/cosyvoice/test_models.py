from pathlib import Path
from typing import Any

import pytest

from engines.cosyvoice.models import ASSISTANT, generated_sizes, prepare, resolve_model
from engines.errors import MissingLibraryError, ModelFileError
from search_spaces.errors import TunerError
from tests.engines.cosyvoice.stand_in import FakeTorch, write_model


def quiet(text: str) -> None:
    pass


def resolve(repository: Path, source: object, **options: Any) -> Any:
    return resolve_model({"source": str(source), "repo": str(repository), **options}, quiet)


def test_a_folder_is_what_its_configuration_file_says(repository: Path, torch: FakeTorch, tmp_path: Path) -> None:
    two, three = (write_model(tmp_path / f"v{v}", v, "flow.encoder.fp32.zip") for v in (2, 3))
    assert resolve(repository, two).facts["cosyvoice_version"] == 2
    model = resolve(repository, three)
    assert model.facts["cosyvoice_version"] == 3
    assert model.facts["prompt_text"].startswith(ASSISTANT)
    assert model.name == "v3"
    assert prepare(model, {}, quiet).path == str(three)


def test_the_digest_is_of_weights_and_repository(repository: Path, torch: FakeTorch, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    first = resolve(repository, folder).digest
    assert resolve(repository, folder).digest == first
    (folder / "flow.pt").write_text("another flow")
    assert resolve(repository, folder).digest != first


def test_what_a_folder_has_becomes_facts(repository: Path, torch: FakeTorch, tmp_path: Path) -> None:
    bare = resolve(repository, write_model(tmp_path / "bare")).facts
    full = ("flow.encoder.fp32.zip", "flow.encoder.fp16.zip", "flow.decoder.estimator.fp32.onnx")
    whole = resolve(repository, write_model(tmp_path / "whole", 2, *full)).facts
    assert (bare["jit_files"], bare["estimator_onnx"]) == (False, False)
    assert (whole["jit_files"], whole["estimator_onnx"]) == (True, True)


def test_a_shape_has_the_sizes_of_the_published_model(repository: Path, torch: FakeTorch) -> None:
    model = resolve(repository, "shape:v3")
    assert model.facts["generated"] is True
    assert prepare(model, {}, quiet).size_mib == pytest.approx(4 * (506.1 + 332.3 + 20.8) * 1e6 / 2**20, rel=1e-3)
    assert resolve(repository, "shape:v3", layers=2).digest != model.digest


def test_sizes_of_cut_shapes_were_counted() -> None:
    """Parameters as torch counts them in the modules that the repository builds."""
    counted = {(2, 1): (162818980, 31809008), (2, 2): (177731364, 36998640), (3, 2): (178076032, 38389568)}
    for (version, layers), (llm, flow) in counted.items():
        sizes = generated_sizes(version, layers)
        assert sizes["llm_mib"] == round(4 * llm / 2**20, 1)
        assert sizes["flow_mib"] == round(4 * flow / 2**20, 1)


@pytest.mark.parametrize(
    ("source", "options", "kind", "said"),
    [
        ("/nowhere/model", {}, ModelFileError, "not there"),
        ("shape:v9", {}, TunerError, "v9"),
        ("shape:v2", {"layers": 0}, TunerError, "model.layers is 0"),
        ("shape:v2", {"vad_model": "x.bin"}, TunerError, "vad_model"),
        ("shape:v2", {"repo": "/nowhere"}, MissingLibraryError, "is not CosyVoice's repository"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_hint(
    repository: Path, torch: FakeTorch, source: str, options: dict[str, Any], kind: type[TunerError], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        resolve(repository, source, **options)
    assert caught.value.hint


def test_version_1_and_half_a_download_are_named(repository: Path, torch: FakeTorch, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "cosyvoice.yaml").touch()
    with pytest.raises(ModelFileError, match="CosyVoice 1, which is not supported"):
        resolve(repository, tmp_path / "one")
    (write_model(tmp_path / "two") / "hift.pt").unlink()
    with pytest.raises(ModelFileError, match=r"lacks hift\.pt"):
        resolve(repository, tmp_path / "two")


def test_a_prompt_needs_its_words(repository: Path, torch: FakeTorch, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", 3)
    with pytest.raises(TunerError, match="belong together"):
        resolve(repository, folder, prompt_wav="voice.wav")
    (tmp_path / "voice.wav").write_text("sound")
    facts = resolve(repository, folder, prompt_wav=str(tmp_path / "voice.wav"), prompt_text="Hello there.").facts
    assert facts["prompt_text"] == f"{ASSISTANT}Hello there."
    assert facts["prompt_wav"] == str(tmp_path / "voice.wav")
