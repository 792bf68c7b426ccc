import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_spaces.errors import TunerError
from search_spaces.parameter import Choices
from search_spaces.template import Template, load_template, template_names

EXAMPLES = Path(__file__).parent / "examples"
GOOD, BAD = (sorted((EXAMPLES / kind).glob("*.yaml")) for kind in ("good", "bad"))


def notes(file: Path) -> dict[str, Any]:
    """What the comments at the head of an example say: facts to bind it to and what must come of it."""
    lines = [line[2:].split(": ", 1) for line in file.read_text().splitlines() if line.startswith("# ")]
    return {key: value if key in ("error", "hint") else yaml.safe_load(value) for key, value in lines}


def bound(file: Path) -> Any:
    return Template.from_text(file.read_text(), "FILE").bind(notes(file).get("facts", {}))


def shuffled(content: Any, rng: random.Random) -> Any:
    """The same document with the keys of every mapping in another order."""
    if isinstance(content, dict):
        return {k: shuffled(content[k], rng) for k in rng.sample(list(content), len(content))}
    return [shuffled(item, rng) for item in content] if isinstance(content, list) else content


@pytest.mark.parametrize("file", GOOD, ids=lambda f: f.stem)
def test_good_examples(file: Path) -> None:
    space = bound(file)
    assert dict(space.baseline) == notes(file)["baseline"] | dict(space.fixed)
    assert dict(space.off) == notes(file).get("off", {})
    space.validate(space.random(random.Random(0)))


@pytest.mark.parametrize("file", BAD, ids=lambda f: f.stem)
def test_bad_examples(file: Path) -> None:
    with pytest.raises(TunerError) as caught:
        bound(file)
    assert caught.value.message.startswith(notes(file)["error"].rstrip())
    assert notes(file).get("hint", "") in caught.value.hint
    assert "\n" not in caught.value.message


def test_there_are_examples_of_both_kinds() -> None:
    assert len(GOOD) >= 3
    assert len(BAD) >= 30


@pytest.mark.parametrize("file", GOOD, ids=lambda f: f.stem)
def test_the_order_of_keys_means_nothing(file: Path) -> None:
    digest, document, rng = bound(file).digest, yaml.safe_load(file.read_text()), random.Random(1)
    for _ in range(5):
        text = yaml.safe_dump(shuffled(document, rng), sort_keys=False)
        assert Template.from_text(text, "FILE").bind(notes(file).get("facts", {})).digest == digest


@pytest.mark.parametrize("name", template_names())
def test_every_space_of_the_package_loads(name: str) -> None:
    template = load_template(name)
    assert template.name == name
    assert template.help
    assert all(knob.help for knob in template.knobs.values())


def test_an_unknown_space() -> None:
    with pytest.raises(TunerError) as caught:
        load_template("lm")
    assert caught.value.message == "unknown search space 'lm'"
    assert "did you mean 'llm'?" in caught.value.hint


def test_names_that_a_list_fact_adds_are_kept_but_have_no_order() -> None:
    file = EXAMPLES / "good" / "facts.yaml"
    assert bound(file).parameter("format").domain == Choices(("tiny", "big", "odd"))
    facts = {**notes(file)["facts"], "formats": "big,small"}
    known = Template.from_text(file.read_text(), "FILE").bind(facts)
    assert known.parameter("format").domain == Choices(("small", "big"), ordered=True)


def test_the_default_of_the_engine_may_lie_between_the_searched_choices() -> None:
    space = bound(EXAMPLES / "good" / "facts.yaml")
    assert space.parameter("batch").domain == Choices((64, 128, 256), ordered=True)
    assert space.baseline["batch"] == 300
    assert [n["batch"] for n in space.neighbours(space.baseline) if n["batch"] != 300] == [256]


def test_an_unmet_need_names_the_fact() -> None:
    text = (
        (EXAMPLES / "good" / "facts.yaml")
        .read_text()
        .replace("reason: it is slow", "reason: 'fast is {fast}', fix: wait")
    )
    space = Template.from_text(text, "FILE").bind({"cores": 2, "context": 512, "formats": "big", "fast": False})
    assert space.off["boost"] == "fast is false; wait"
    assert "boost" not in space.baseline
    missing = Template.from_text(text, "FILE").bind({"cores": 2, "context": 512, "formats": "big"})
    assert missing.off["boost"] == "fast is ?; wait"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("turbo", "maybe", "params.turbo='maybe': turbo takes true or false"),
        ("threads", "few", "params.threads='few': threads takes a whole number"),
        ("threads", 2.5, "params.threads=2.5: threads takes a whole number"),
        ("scale", True, "params.scale=true: scale takes a number"),
        ("thread", 2, "unknown knob 'thread'"),
    ],
)
def test_what_no_machine_takes_is_refused_before_any_fact_is_known(name: str, value: Any, message: str) -> None:
    with pytest.raises(TunerError) as caught:
        load_template("fake").check(name, value, f"params.{name}")
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize("name", template_names())
def test_the_types_that_a_machine_may_take_pass(name: str) -> None:
    """Ranges, choices and aliases are left to `bind`: whether 512 threads are legal depends on facts."""
    template = load_template(name)
    for knob in template.knobs.values():
        values: dict[str, list[Any]] = {"int": [1, 99999, 4.0], "float": [0.5, 2], "bool": [True, False]}
        for value in (*values.get(knob.type, ["anything", 7]), *(alias for alias, _ in knob.aliases)):
            template.check(knob.name, value, f"params.{knob.name}")


def test_of_values_that_are_alike_one_is_searched_and_all_are_legal() -> None:
    """The default stands for those that are alike, or else the least of them."""
    file = EXAMPLES / "good" / "alike.yaml"
    space = bound(file)
    assert space.parameter("batch").domain == Choices((32, 64, 512), ordered=True)
    assert space.parameter("chunk").domain == Choices((64, 128), ordered=True)
    space.validate({**space.baseline, "batch": 256})
    unknown = Template.from_text(file.read_text(), "FILE").bind({})
    assert unknown.parameter("batch").domain == Choices((32, 64, 128, 256, 512, 1024), ordered=True)
