from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engines.base import Model
from engines.errors import ModelFileError
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.hub_choice import choose, quantization_in_name
from tests.engines.hub_stand_in import BROKEN, GATED, Client, hub
from tests.engines.llama_cpp.conftest import quiet


@pytest.fixture(scope="module")
def files(engine: LlamaCppEngine, tiny: Model, tiny_file: Path) -> dict[str, Path]:
    made = {q: Path(engine.prepare(tiny, {"quantization": q}, quiet).path) for q in ("Q4_K_M", "Q8_0")}
    return {**made, "F16": tiny_file}


@pytest.fixture(scope="module")
def client(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    repositories = {
        "org/whole": {
            "README.md": files["F16"],
            "tiny.Q4_K_M.gguf": files["Q4_K_M"],
            "sub/tiny-f16.gguf": files["F16"],
        },
        "org/quantized": {
            "tiny.Q4_K_M.gguf": files["Q4_K_M"],
            "tiny.Q8_0.gguf": files["Q8_0"],
            "tiny.IQ1_S.gguf": files["Q8_0"],
        },
        "org/empty": {"README.md": files["F16"]},
    }
    with hub(repositories) as (address, requests):
        yield Client("llama_cpp", address, tmp_path_factory.mktemp("hub"), requests)


def test_an_unquantized_file_is_all_that_is_downloaded(client: Client, tmp_path: Path) -> None:
    asked = len(client.requests)
    answer = replace(client, home=tmp_path).resolve("hf:org/whole")
    assert answer["native"] == "F16"
    assert answer["variants"]["Q6_K"] == ""
    assert "downloading tiny-f16.gguf 100 %" in answer["told"]
    downloaded = [r for r in client.requests[asked:] if r.startswith("GET") and r.endswith(".gguf")]
    assert downloaded == ["GET /org/whole/resolve/" + downloaded[0].split("/")[4] + "/sub/tiny-f16.gguf"]


def test_quantized_files_become_the_variants(client: Client) -> None:
    answer = client.resolve("hf:org/quantized")
    assert set(answer["variants"]) == {"Q4_K_M", "Q8_0"}
    assert answer["native"] == "Q8_0"


def test_one_file_can_be_named_and_is_not_downloaded_twice(client: Client) -> None:
    first = client.resolve("hf:org/quantized@main/tiny.Q4_K_M.gguf")
    client.requests.clear()
    assert client.resolve("hf:org/quantized@main/tiny.Q4_K_M.gguf")["variants"] == first["variants"]
    assert list(first["variants"]) == ["Q4_K_M"]
    assert not [r for r in client.requests if r.startswith("GET") and r.endswith(".gguf")]


@pytest.mark.parametrize(
    ("source", "says", "exit_status"),
    [
        ("hf:org/nowhere", "there is no org/nowhere on the hub, or it is private", 3),
        (f"hf:{GATED}", "org/gated is gated", 3),
        (f"hf:{BROKEN}", "the hub refused org/broken: HTTP status 500", 3),
        ("hf:org/whole@v9", "org/whole has no revision v9", 3),
        ("hf:org/empty", "org/empty has no GGUF file", 2),
        ("hf:org/whole/none.gguf", "org/whole has no file none.gguf", 2),
    ],
)
def test_a_hub_that_refuses_is_one_clear_line(client: Client, source: str, says: str, exit_status: int) -> None:
    answer = client.resolve(source)
    assert answer["error"] == says
    assert answer["hint"]
    assert answer["exit_status"] == exit_status


def test_offline_is_one_clear_line(client: Client, tmp_path: Path) -> None:
    unreachable = Client("llama_cpp", "http://127.0.0.1:9", tmp_path, [])
    answer = unreachable.resolve("hf:org/whole")
    assert str(answer["error"]).startswith("the hub cannot be reached for org/whole: ")
    assert "model=FILE.gguf" in str(answer["hint"])
    forbidden = Client(client.engine, client.endpoint, tmp_path, [], {"HF_HUB_OFFLINE": "1"})
    assert str(forbidden.resolve("hf:org/whole")["error"]).startswith("the hub cannot be reached for org/whole: ")


def test_offline_what_was_downloaded_before_is_used(client: Client) -> None:
    online = client.resolve("hf:org/whole")
    answer = Client("llama_cpp", "http://127.0.0.1:9", client.home, []).resolve("hf:org/whole")
    assert answer["variants"] == online["variants"]
    assert any("using what was downloaded" in line for line in answer["told"])


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("tiny.Q4_K_M.gguf", "Q4_K_M"), ("Tiny-1.1B-q8_0.gguf", "Q8_0"), ("sub/m-UD-IQ2_XXS.gguf", "IQ2_XXS"),
        ("m-fp16.gguf", "F16"), ("m.BF16.gguf", "BF16"), ("ggml-model-f32.gguf", "F32"),
        ("Q4-model.gguf", "Q4"), ("plain.gguf", ""),
    ],
)  # fmt: skip
def test_quantizations_in_names(name: str, quantization: str) -> None:
    assert quantization_in_name(name) == quantization


def test_the_choice_of_files() -> None:
    def chosen(*names: str, file: str | None = None) -> dict[str, str]:
        return choose("org/repo", dict.fromkeys(names, 1), file)

    assert chosen("a-BF16.gguf", "a-Q4_0.gguf") == {"BF16": "a-BF16.gguf"}
    assert chosen("a-F16.gguf", "a-BF16.gguf") == {"F16": "a-F16.gguf"}
    assert chosen("plain.gguf", "mmproj-F16.gguf", "a.imatrix.gguf") == {"GGUF": "plain.gguf"}
    assert chosen("a-IQ2_XS.gguf", "a-Q6_K.gguf", file="a-IQ2_XS.gguf") == {"IQ2_XS": "a-IQ2_XS.gguf"}
    for names, says in (
        (("a-Q2_K.gguf", "a-IQ2_XS.gguf"), "has none of the quantizations"),
        (("a-Q4_0.gguf", "b-Q4_0.gguf"), "has several Q4_0 files: a-Q4_0.gguf, b-Q4_0.gguf"),
        (("a-Q4_0-00001-of-00002.gguf", "a-Q4_0-00002-of-00002.gguf"), "has only split GGUF files"),
        (("README.md",), "has no GGUF file"),
    ):
        with pytest.raises(ModelFileError, match=says):
            chosen(*names)
