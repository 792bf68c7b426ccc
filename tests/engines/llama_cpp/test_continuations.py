"""Models without a chat template continue texts: those that ship for it, or the user's own as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.base import Model, WorkItem, Workload
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.answers import Answer
from engines.llama_cpp.prompts import LENGTHS, shipped_entries
from tests.engines.llama_cpp.conftest import quiet
from tests.engines.llama_cpp.gguf_builder import write_model

TEXT = "It was a man in the"


@pytest.fixture(scope="module")
def base(engine: LlamaCppEngine, tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = write_model(tmp_path_factory.mktemp("base") / "base.gguf", chat_template=None)
    return engine.resolve_model({"source": str(path)}, quiet)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference ends two of the texts itself, and says nothing to another."""
    told = {"baker": Answer(7, 0.0), "ferry": Answer(1, 0.0), "keys": Answer(0, 0.0)}
    monkeypatch.setattr(
        "engines.llama_cpp.workload.reference_answers",
        lambda model, items, progress: {
            item.id: told.get(item.id, Answer(item.payload["max_tokens"], 0.1)) for item in items
        },
    )


def both(workload: Workload) -> list[WorkItem]:
    assert workload.held_out is not None
    return [*workload.items, *workload.held_out.items]


def test_a_model_without_a_template_is_given_texts_that_break_off(
    engine: LlamaCppEngine, base: Model, tiny: Model, answered: None
) -> None:
    passages = {entry["id"]: entry["prompt"] for entry in shipped_entries(base)}
    items = both(engine.resolve_workload({}, base, quiet))
    assert {item.id: item.payload["prompt"] for item in items}.items() <= passages.items()
    assert len(items) == 2 * LENGTHS
    assert not {item.id for item in items} & {item.id for item in both(engine.resolve_workload({}, tiny, quiet))}


def test_a_round_has_one_of_each_length_in_either_part(engine: LlamaCppEngine, base: Model, answered: None) -> None:
    entries = [entry["id"] for entry in shipped_entries(base)]
    of_each = len(entries) // LENGTHS
    workload = engine.resolve_workload({}, base, quiet)
    assert workload.held_out is not None
    for part in (workload, workload.held_out):
        assert [entries.index(item.id) // of_each for item in part.items] == list(range(LENGTHS))


def test_a_continuation_is_cut_where_the_reference_is_and_that_is_said(
    engine: LlamaCppEngine, base: Model, answered: None
) -> None:
    names = ("baker", "ferry", "keys", "sea", "hill", "wood", "road")
    prompts = [{"id": name, "prompt": f"{TEXT} {name}"} for name in names]
    workload = engine.resolve_workload({"prompts": prompts, "max_tokens": 20}, base, quiet)
    due = {item.id: (item.payload["answer_tokens"], item.payload["max_tokens"]) for item in both(workload)}
    capped = dict.fromkeys(("sea", "hill", "wood", "road"), (20, 20))
    assert due.items() <= {"baker": (7, 7), "ferry": (1, 2), **capped}.items()
    assert "7 texts are continued; it ends 3 of them itself" in workload.notes[0]
    assert "1 of 7 requests are not answered: left out" in workload.notes


def test_the_users_own_texts_are_continued_as_they_are(engine: LlamaCppEngine, base: Model) -> None:
    """Nothing stands before them but the model's own first token."""
    (item,) = engine.resolve_workload({"prompts": [TEXT], "max_tokens": 8}, base, quiet).items
    assert item.payload["prompt"] == TEXT
    session = engine.open(base, {"n_threads": 1})
    try:
        one, other = session.run(item), session.run(item)
        assert one.units_in == 1 + len(session.tokens(TEXT))  # type: ignore[attr-defined]
        assert one.units_out == item.payload["max_tokens"] == 8
        assert one.output == other.output != ""
    finally:
        session.close()


def test_the_users_own_chats_stay_chats_and_a_line_says_whose_template_they_get(
    engine: LlamaCppEngine, base: Model, tiny: Model
) -> None:
    chats = [{"messages": [{"role": "user", "content": TEXT}]}]
    workload = engine.resolve_workload({"prompts": chats, "ignore_eos": True, "max_tokens": 2}, base, quiet)
    assert workload.items[0].payload["messages"] == chats[0]["messages"]
    assert "Llama 2" in workload.notes[0]
    with_template = engine.resolve_workload({"prompts": chats, "ignore_eos": True, "max_tokens": 2}, tiny, quiet)
    assert not any("Llama 2" in note for note in with_template.notes)


def test_the_passages_are_as_many_of_each_length_and_none_twice(base: Model) -> None:
    texts = [entry["prompt"] for entry in shipped_entries(base)]
    assert len(texts) == len(set(texts)) == 6 * LENGTHS
    words = [len(text.split()) for text in texts]
    short, medium, long = words[:6], words[6:12], words[12:]
    assert max(short) * 2 < min(medium)
    assert max(medium) * 2 < min(long)


def test_a_file_says_whether_it_has_a_template(engine: LlamaCppEngine, base: Model, tiny: Model, small: Model) -> None:
    assert [model.facts["chat_template"] for model in (base, tiny, small)] == [False, True, True]


def test_the_exported_module_continues_too(engine: LlamaCppEngine, base: Model, tmp_path: Path) -> None:
    from tests.engines.llama_cpp.test_export import deploy, exported

    module: dict[str, object] = {}
    exec(exported(engine, "python", deploy(base.variants["F16"], n_threads=1))["llm.py"].text, module)
    llama = module["load"](verbose=False)  # type: ignore[operator]
    try:
        assert module["complete"](llama, TEXT, max_tokens=4)["choices"][0]["text"]  # type: ignore[operator]
    finally:
        llama.close()
