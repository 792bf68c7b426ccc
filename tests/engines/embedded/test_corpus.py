from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.embedded.corpus import HELD_OUT_SHARE, documents, is_held_out, scene
from engines.embedded.skills import Skill, skills


def test_the_same_seed_gives_the_same_documents_and_another_does_not() -> None:
    first, again, other = (list(itertools.islice(documents(seed), 30)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("skill", skills(), ids=lambda skill: skill.name)
def test_every_skill_speaks_clean_sentences_and_has_scenes_on_both_sides(skill: Skill) -> None:
    rng = random.Random(1)
    scenes = [scene(skill, "Juno", rng) for _ in range(400)]
    for exchange in itertools.chain.from_iterable(scenes):
        for text in (exchange.request, exchange.reply):
            assert re.fullmatch(r"[A-Z0-9][A-Za-z0-9,.:'?! ]*", text), text
            assert "  " not in text
    share = sum(is_held_out(turns[0]) for turns in scenes) / len(scenes)
    assert 0 < share < 4 * HELD_OUT_SHARE


def test_skills_have_names_of_their_own() -> None:
    assert len({skill.name for skill in skills()}) == len(skills())


@settings(max_examples=20)
@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_no_scene_opens_alike_in_training_and_in_the_held_out_share(seed: int, other: int) -> None:
    trained = {turns[0] for d in itertools.islice(documents(seed), 40) for turns in d.scenes}
    held_out = {turns[0] for d in itertools.islice(documents(other, held_out=True), 10) for turns in d.scenes}
    assert not any(is_held_out(exchange) for exchange in trained)
    assert all(is_held_out(exchange) for exchange in held_out)
    assert not trained & held_out


def test_messages_alternate_and_the_transcript_has_every_turn() -> None:
    for conversation in itertools.islice(documents(5), 50):
        messages = conversation.messages()
        roles = [m["role"] for m in messages if m["role"] != "system"]
        assert roles == ["user", "assistant"] * len(conversation.exchanges)
        assert conversation.transcript().count("\n") == len(roles)
