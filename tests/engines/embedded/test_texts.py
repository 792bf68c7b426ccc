from __future__ import annotations

import itertools

from engines.embedded.corpus import documents
from engines.embedded.texts import held_out_text, prompts
from engines.embedded.weights import load_weights


def test_prompts_have_the_lengths_they_promise() -> None:
    tokenizer = load_weights().tokenizer
    lengths = {p.id: len(tokenizer.encode_chat(p.messages)) for p in prompts()}
    assert len(lengths) == len(prompts())
    for name, length in lengths.items():
        low, high = {"short": (12, 30), "medium": (70, 150), "long": (280, 500)}[name.split("-")[0]]
        assert low <= length <= high, (name, length)


def test_prompts_end_with_the_user() -> None:
    for prompt in prompts():
        roles = [m["role"] for m in prompt.messages if m["role"] != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]


def test_the_held_out_text_is_the_same_each_time_and_long_enough() -> None:
    assert held_out_text() == held_out_text()
    assert 1500 <= len(load_weights().tokenizer.encode(held_out_text())) <= 2600


def test_no_scene_of_training_opens_like_one_of_the_held_out_text() -> None:
    text = held_out_text()
    openings = {turns[0] for d in itertools.islice(documents(1), 1500) for turns in d.scenes}
    assert not any(f"User: {e.request}\nAssistant: {e.reply}\n" in text for e in openings)
