"""Models of a hub, by a stand-in on loopback that serves real ggml files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.base import Model
from engines.whisper_cpp.models import prepare
from tests.engines.hub_stand_in import BROKEN, GATED, Client, hub
from tests.engines.recognition.conftest import quiet


@pytest.fixture(scope="module")
def files(model: Model, model_path: Path) -> dict[str, Path]:
    made = {q: Path(prepare(model, {"quantization": q}, quiet).path) for q in ("Q5_1", "Q8_0")}
    return {**made, "F16": model_path}


@pytest.fixture(scope="module")
def client(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    text = tmp_path_factory.mktemp("card") / "README.md"
    text.write_text("a model card")
    repositories = {
        "org/several": {
            "README.md": text,
            "ggml-tiny.en.bin": files["F16"],
            "ggml-tiny.en-q5_1.bin": files["Q5_1"],
            "ggml-base.en.bin": files["F16"],
        },
        "org/one": {"ggml-mine.bin": files["F16"], "ggml-mine-q8_0.bin": files["Q8_0"]},
        "org/quantized": {"sub/ggml-mine-q5_1.bin": files["Q5_1"], "sub/ggml-mine-q8_0.bin": files["Q8_0"]},
        "org/empty": {"README.md": text},
        "org/false": {"ggml-mine.bin": text},
    }
    with hub(repositories) as (address, requests):
        yield Client("whisper_cpp", address, tmp_path_factory.mktemp("hub"), requests)


def test_a_named_file_is_all_that_is_downloaded_and_only_once(client: Client) -> None:
    client.requests.clear()
    answer = client.resolve("hf:org/several/ggml-tiny.en.bin")
    assert answer["native"] == "F16"
    assert set(answer["variants"]) == {"F16", "Q8_0", "Q5_1", "Q5_0", "Q4_0"}
    assert "downloading ggml-tiny.en.bin 100 %" in answer["told"]
    assert client.downloads(".bin") == ["ggml-tiny.en.bin"]
    client.requests.clear()
    assert client.resolve("hf:org/several/ggml-tiny.en.bin")["variants"] == answer["variants"]
    assert client.downloads(".bin") == []


def test_a_quantized_file_comes_in_that_precision_only(client: Client) -> None:
    answer = client.resolve("hf:org/several@main/ggml-tiny.en-q5_1.bin")
    assert list(answer["variants"]) == [answer["native"]] == ["Q5_1"]


def test_a_repository_of_one_model_needs_no_file(client: Client) -> None:
    only = client.resolve("hf:org/one")
    assert only["native"] == "F16"
    assert Path(only["variants"]["F16"]).name == "ggml-mine.bin"
    quantized = client.resolve("hf:org/quantized")
    assert set(quantized["variants"]) == {"Q5_1", "Q8_0"}
    assert quantized["native"] == "Q8_0"


@pytest.mark.parametrize(
    ("source", "says", "exit_status"),
    [
        ("hf:org/several", "org/several has several models: base.en, tiny.en", 2),
        ("hf:org/several/ggml-small.bin", "org/several has no file ggml-small.bin", 2),
        ("hf:org/empty", "org/empty has no ggml file of whisper.cpp", 2),
        ("hf:org/nowhere/ggml-base.bin", "there is no org/nowhere on the hub, or it is private", 3),
        ("hf:org/one@v9/ggml-mine.bin", "org/one has no revision v9", 3),
        (f"hf:{GATED}/ggml-base.bin", "org/gated is gated", 3),
        (f"hf:{BROKEN}/ggml-base.bin", "the hub refused org/broken: HTTP status 500", 3),
    ],
)
def test_a_hub_that_refuses_is_one_clear_line(client: Client, source: str, says: str, exit_status: int) -> None:
    answer = client.resolve(source)
    assert answer["error"] == says
    assert answer["hint"]
    assert answer["exit_status"] == exit_status


def test_a_file_of_that_name_that_is_no_model(client: Client) -> None:
    answer = client.resolve("hf:org/false/ggml-mine.bin")
    assert str(answer["error"]).endswith("ggml-mine.bin is not a ggml file")
    assert answer["exit_status"] == 2


def test_offline_is_one_clear_line_unless_it_was_downloaded_before(client: Client, tmp_path: Path) -> None:
    unreachable = Client("whisper_cpp", "http://127.0.0.1:9", tmp_path, [])
    answer = unreachable.resolve("hf:org/one/ggml-mine.bin")
    assert str(answer["error"]).startswith("the hub cannot be reached for org/one: ")
    assert "model=FILE.bin" in str(answer["hint"])
    online = client.resolve("hf:org/one/ggml-mine.bin")
    later = Client("whisper_cpp", "http://127.0.0.1:9", client.home, []).resolve("hf:org/one/ggml-mine.bin")
    assert later["variants"] == online["variants"]
