from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engines.base import Model, Workload
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.answers import Answer, repeated_share
from engines.llama_cpp.workload import WorkloadError
from search_spaces.errors import TunerError
from tests.engines.llama_cpp.conftest import quiet


def resolve(engine: LlamaCppEngine, model: Model, **config: object) -> Workload:
    return engine.resolve_workload(config, model, quiet)


def texts(workload: Workload) -> list[str]:
    return [item.payload["messages"][-1]["content"] for item in workload.items]


def test_the_embedded_model_brings_its_own(engine: LlamaCppEngine, small: Model) -> None:
    workload = resolve(engine, small)
    assert workload.name == "chat"
    assert len(workload.items) == 3
    assert len({item.id for item in workload.items}) == 3
    lengths = [len(str(item.payload["messages"])) for item in workload.items]
    assert lengths[2] > 2 * lengths[1] > 4 * lengths[0]
    assert {item.payload["max_tokens"] for item in workload.items} == {32}
    assert {item.payload["ignore_eos"] for item in workload.items} == {False}
    assert len(workload.quality["text"]) > 2000
    assert 100 < workload.sizes["longest_prompt"] < 1000


def test_other_models_get_neutral_ones(engine: LlamaCppEngine, tiny: Model, small: Model) -> None:
    workload = resolve(engine, tiny, name="talk", max_tokens=5, ignore_eos=True)
    assert workload.name == "talk"
    assert len(workload.items) == 3
    assert {item.payload["max_tokens"] for item in workload.items} == {5}
    assert {item.payload["ignore_eos"] for item in workload.items} == {True}
    assert workload.quality["text"] != resolve(engine, small).quality["text"]


def test_the_digest_follows_what_is_asked(engine: LlamaCppEngine, tiny: Model) -> None:
    digests = {
        resolve(engine, tiny, ignore_eos=True).digest,
        resolve(engine, tiny, name="renamed", max_tokens=None, prompts=None, ignore_eos=True).digest,
        resolve(engine, tiny, max_tokens=8, ignore_eos=True).digest,
        resolve(engine, tiny, ignore_eos=False).digest,
        resolve(engine, tiny, prompts=["Hello"], ignore_eos=True).digest,
        resolve(engine, replace(tiny, facts={**tiny.facts, "n_ctx": 2048}), ignore_eos=True).digest,
    }
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.txt", "First\n\n  Second  \n"),
        ("p", "First\nSecond"),
        ("p.jsonl", '"First"\n\n{"prompt": "Second"}\n'),
        ("p.yaml", "- First\n- prompt: Second\n"),
        ("p.json", '["First", {"messages": [{"role": "user", "content": "Second"}]}]'),
    ],
)
def test_the_users_own_prompts(engine: LlamaCppEngine, tiny: Model, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    workload = resolve(engine, tiny, prompts=str(tmp_path / name))
    assert texts(workload) == ["First", "Second"]
    assert [item.id for item in workload.items] == ["prompt-1", "prompt-2"]


def test_an_entry_may_have_its_own_id_messages_and_length(engine: LlamaCppEngine, tiny: Model) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    given = [{"id": "greeting", "messages": messages, "max_tokens": 3}, "Next"]
    workload = resolve(engine, tiny, prompts=given, ignore_eos=True)
    assert workload.items[0].id == "greeting"
    assert workload.items[0].payload == {"messages": messages, "max_tokens": 3, "ignore_eos": True}
    assert workload.items[1].payload["max_tokens"] == 32


def test_own_prompts_keep_the_embedded_models_text(engine: LlamaCppEngine, small: Model) -> None:
    own = resolve(engine, small, prompts=["Hello"])
    assert texts(own) == ["Hello"]
    assert own.quality == resolve(engine, small).quality


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.txt", " \n\n", "has no prompts"),
        ("p.yaml", "", "has no prompts"),
        ("p.jsonl", '"fine"\n{"prompt": ', "line 2 is not JSON"),
        ("p.yaml", "- [unclosed", "is not YAML"),
        ("p.yaml", "prompt: one", "is not a list of prompts"),
        ("p.jsonl", "7", "prompt 1 is 7"),
        ("p.jsonl", '{"promt": "Hello"}', "unknown key of prompt 1 'promt'"),
        ("p.jsonl", '{"id": "a"}', "prompt 1 needs either a prompt or messages"),
        ("p.jsonl", '{"prompt": "a", "messages": []}', "prompt 1 needs either a prompt or messages"),
        ("p.jsonl", '{"prompt": "  "}', "prompt 1 has no usable text"),
        ("p.jsonl", '{"messages": []}', "prompt 1 has no usable text"),
        ("p.jsonl", '{"messages": [{"role": "user"}]}', "prompt 1 has no usable text"),
        ("p.jsonl", '{"prompt": "a", "max_tokens": 0}', "max_tokens of prompt 1 is 0"),
        ("p.jsonl", '{"prompt": "a", "id": "x"}\n{"prompt": "b", "id": "x"}', "2 prompts have the id 'x'"),
    ],
)
def test_prompts_that_are_wrong(
    engine: LlamaCppEngine, tiny: Model, tmp_path: Path, name: str, content: str, says: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TunerError, match=says) as caught:
        resolve(engine, tiny, prompts=str(tmp_path / name))
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_prompts_file_that_cannot_be_read(engine: LlamaCppEngine, tiny: Model, tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    for path, says in (
        (tmp_path / "none.txt", "there is no prompts file"),
        (tmp_path, "cannot read"),
        (tmp_path / "binary.txt", "is not UTF-8 text"),
    ):
        with pytest.raises(WorkloadError, match=says):
            resolve(engine, tiny, prompts=str(path))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"promts": "a"}, "unknown workload option 'promts'"),
        ({"max_tokens": -1}, r"workload\.max_tokens is -1"),
        ({"max_tokens": 0}, r"workload\.max_tokens is 0"),
        ({"max_tokens": 1}, r"workload\.max_tokens is 1"),
        ({"max_tokens": 2.5}, r"workload\.max_tokens is 2\.5"),
    ],
)
def test_options_that_are_wrong(engine: LlamaCppEngine, tiny: Model, config: dict[str, object], says: str) -> None:
    with pytest.raises(TunerError, match=says):
        resolve(engine, tiny, **config)


def test_a_prompt_that_does_not_fit_the_context(engine: LlamaCppEngine, tiny: Model) -> None:
    short = replace(tiny, facts={**tiny.facts, "n_ctx": 256})
    with pytest.raises(
        WorkloadError, match=r"prompt-1 takes about \d+ tokens with its answer, and the context has 256"
    ):
        resolve(engine, short, prompts=["a word " * 100])
    with pytest.raises(WorkloadError, match="takes about"):
        resolve(engine, short, prompts=["short"], max_tokens=250)


@given(prompts=st.lists(st.text().filter(str.strip), min_size=1, max_size=4), as_yaml=st.booleans())
def test_any_text_survives_a_file(
    prompts: list[str], as_yaml: bool, engine: LlamaCppEngine, tiny: Model, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("prompts") / ("p.yaml" if as_yaml else "p.jsonl")
    content = yaml.safe_dump(prompts) if as_yaml else "\n".join(json.dumps(p) for p in prompts)
    path.write_text(content, encoding="utf-8")
    assert texts(resolve(engine, tiny, prompts=str(path), ignore_eos=True)) == prompts


def test_a_large_model_gets_a_shorter_round_and_a_note(engine: LlamaCppEngine, small: Model) -> None:
    large = replace(small, facts={**small.facts, "n_parameters": 2_000_000_000_000})
    workload = resolve(engine, large)
    assert [item.payload["max_tokens"] for item in workload.items] == [16]
    assert "workload.size=full" in workload.notes[0]
    assert replace(workload, notes=()).digest == workload.digest
    assert len(resolve(engine, large, size="full").items) == 3
    assert resolve(engine, large, max_tokens=8).items[0].payload["max_tokens"] == 8
    own = resolve(engine, large, prompts=["Hello", "How are you?"], ignore_eos=True)
    assert [item.payload["max_tokens"] for item in own.items] == [32, 32]


def test_a_size_concerns_the_tools_own_prompts_only(engine: LlamaCppEngine, tiny: Model) -> None:
    with pytest.raises(WorkloadError, match=r"workload\.size"):
        resolve(engine, tiny, prompts=["Hello"], size="brief")


def test_the_tools_own_prompts_are_divided_with_one_of_each_length_in_a_round(
    engine: LlamaCppEngine, small: Model
) -> None:
    workload = resolve(engine, small)
    held_out = workload.held_out
    assert held_out is not None
    assert not {i.id for i in workload.items} & {i.id for i in held_out.items}
    kinds = [[item.id.split("-")[0] for item in part.items] for part in (workload, held_out)]
    assert kinds == [["short", "medium", "long"]] * 2
    assert held_out.quality["text"] != workload.quality["text"]
    assert workload.notes == ()
    assert held_out == resolve(engine, small).held_out


def test_an_answer_counts_as_long_as_the_most_precise_variants(engine: LlamaCppEngine, small: Model) -> None:
    (item,) = resolve(engine, small, prompts=["Set a timer for 12 minutes for the pasta"], max_tokens=60).items
    assert 5 < item.payload["answer_tokens"] < 60


def test_too_few_prompts_are_not_divided_and_that_is_said(engine: LlamaCppEngine, small: Model) -> None:
    five = resolve(engine, small, prompts=[f"Set a timer for {n} minutes" for n in range(1, 6)])
    assert five.held_out is None
    assert any("nothing is held out of 5 prompts" in note for note in five.notes)
    six = resolve(engine, small, prompts=[f"Set a timer for {n} minutes" for n in range(1, 7)])
    assert six.held_out is not None
    assert len(six.items) == len(six.held_out.items) == 2


def test_a_model_that_only_repeats_tells_nothing_about_speculation(
    engine: LlamaCppEngine, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.llama_cpp.workload.reference_answers", answers_of(Answer(30, 0.9)))
    workload = resolve(engine, tiny)
    assert workload.facts["natural_answers"] is False
    assert "only repeats" in workload.notes[-1]
    assert len(workload.items) == 3


def test_answers_that_repeat_are_left_out_where_others_are_left(
    engine: LlamaCppEngine, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "engines.llama_cpp.workload.reference_answers",
        answers_of(Answer(30, 0.1), sky=Answer(30, 0.9), hotel=Answer(0, 0)),
    )
    workload = resolve(engine, tiny)
    assert workload.held_out is not None
    assert not {"sky", "hotel"} & {item.id for item in (*workload.items, *workload.held_out.items)}
    assert workload.facts["natural_answers"] is True
    assert "1 of 9 requests are not answered: left out" in workload.notes
    assert "1 of 8 answers repeat the prompt or themselves: left out" in workload.notes


def test_a_model_that_answers_nothing_cannot_be_timed(
    engine: LlamaCppEngine, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.llama_cpp.workload.reference_answers", answers_of(Answer(0, 0.0)))
    with pytest.raises(WorkloadError, match="answers none of the requests"):
        resolve(engine, tiny)


def answers_of(usual: Answer, **others: Answer) -> object:
    return lambda model, items, progress: {item.id: others.get(item.id, usual) for item in items}


@pytest.mark.parametrize(
    ("prompt", "answer", "share"),
    [
        ([], [1, 2, 3], 0.0),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 1.0),
        ([9, 9], [1, 2, 3, 4, 1, 2, 3, 4], 0.2),
        ([], [7] * 8, 0.8),
        ([1, 2, 3, 4], [5, 6, 7, 8, 9], 0.0),
    ],
)
def test_what_of_an_answer_was_said_before(prompt: list[int], answer: list[int], share: float) -> None:
    assert repeated_share(prompt, answer) == pytest.approx(share)


def test_a_short_answer_is_never_called_a_repetition() -> None:
    assert not Answer(5, 1.0).repeats
    assert Answer(20, 0.6).repeats
    assert not Answer(20, 0.4).repeats
