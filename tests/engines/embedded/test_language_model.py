from __future__ import annotations

import ctypes
import hashlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.embedded import language_model, weights
from engines.embedded.corpus import document
from engines.embedded.language_model import SHAPES, digest, file_bytes, write_gguf
from engines.embedded.texts import held_out_text, prompts
from engines.embedded.tokenizer import FIRST_PIECE
from engines.embedded.weights import load_weights
from engines.errors import MissingLibraryError, ModelFileError
from search_spaces.errors import TunerError
from tests.engines.embedded.reference import log_softmax, small_logits

Gguf = Callable[[str], Path]
Load = Callable[..., Any]


def log_probabilities(llama: Any, tokens: list[int]) -> NDArray[np.float64]:
    llama.reset()
    llama.eval(tokens)
    return log_softmax(np.array(llama.scores[: len(tokens)], np.float64))


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    return float((np.exp(p) * (p - q)).sum(axis=-1).mean())


def held_out_tokens(count: int) -> list[int]:
    return [1, *load_weights().tokenizer.encode(held_out_text())[: count - 1]]


def test_llama_cpp_computes_what_the_weights_say(gguf_of: Gguf, open_llama: Load) -> None:
    tokens = held_out_tokens(200)
    expected = log_softmax(small_logits(load_weights(), tokens))
    found = log_probabilities(open_llama(gguf_of("small"), logits_all=True), tokens)
    assert divergence(expected, found) < 1e-4
    assert (expected.argmax(axis=-1) == found.argmax(axis=-1)).mean() > 0.99


def test_a_larger_shape_computes_the_same(gguf_of: Gguf, open_llama: Load) -> None:
    tokens = held_out_tokens(200)
    small = log_probabilities(open_llama(gguf_of("small"), logits_all=True), tokens)
    large = log_probabilities(open_llama(gguf_of("llama-160m"), logits_all=True), tokens)
    assert divergence(small, large) < 1e-4
    assert (small.argmax(axis=-1) == large.argmax(axis=-1)).mean() > 0.99


def test_quantizing_costs_as_the_model_card_says(gguf_of: Gguf, open_llama: Load, tmp_path: Path) -> None:
    import llama_cpp

    tokens, costs = held_out_tokens(400), {}
    exact = log_probabilities(open_llama(gguf_of("small"), logits_all=True), tokens)
    for kind in ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"):
        settings = llama_cpp.llama_model_quantize_default_params()
        settings.ftype, settings.nthread = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}"), 1
        source, target = str(gguf_of("small")).encode(), tmp_path / f"{kind}.gguf"
        assert llama_cpp.llama_model_quantize(source, str(target).encode(), ctypes.byref(settings)) == 0
        costs[kind] = divergence(exact, log_probabilities(open_llama(target, logits_all=True), tokens))
    assert list(costs.values()) == sorted(costs.values())
    assert costs["Q8_0"] < 0.002
    assert costs["Q6_K"] < 0.01
    assert costs["Q4_K_M"] < 0.05 < costs["Q4_0"], "the default constraint must bind between the two"


def test_the_tokenizers_agree(gguf_of: Gguf, open_llama: Load) -> None:
    llama, tokenizer = open_llama(gguf_of("small")), load_weights().tokenizer
    rng = random.Random(11)
    texts = [document(rng, held_out=False, scenes=2).transcript() for _ in range(20)]
    for text in [*texts, 'naïve café — 20 °C; (a_b)\t"x"', "two  spaces\n\n and a tail "]:
        assert llama.tokenize(text.encode(), add_bos=False) == tokenizer.encode(text)


def test_the_chat_template_is_the_format_of_training(gguf_of: Gguf, open_llama: Load) -> None:
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    llama = open_llama(gguf_of("small"))
    messages = [
        {"role": "system", "content": "You are Juno, a voice assistant."},
        {"role": "user", "content": "Spell owl"},
        {"role": "assistant", "content": "Owl is spelled O, W, L. It has three letters."},
    ]
    formatter = Jinja2ChatFormatter(llama.metadata["tokenizer.chat_template"], eos_token="</s>", bos_token="<s>")
    formatter.add_generation_prompt = False
    text = formatter(messages=messages).prompt
    assert llama.tokenize(text.encode(), add_bos=False, special=True) == load_weights().tokenizer.encode_chat(messages)


def test_it_answers_in_the_language_of_its_corpus_and_stops(gguf_of: Gguf, open_llama: Load) -> None:
    llama = open_llama(gguf_of("small"))
    answer = llama.create_chat_completion(
        [{"role": "user", "content": "Set a timer for 7 minutes for the rice"}], max_tokens=80, temperature=0.0
    )["choices"][0]
    assert answer["finish_reason"] == "stop"
    assert "rice" in answer["message"]["content"]
    assert "7 minutes" in answer["message"]["content"]


@pytest.mark.parametrize("prompt", prompts(), ids=lambda prompt: prompt.id)
def test_every_prompt_is_answered_and_ended(prompt: Any, gguf_of: Gguf, open_llama: Load) -> None:
    answer = open_llama(gguf_of("small")).create_chat_completion(list(prompt.messages), max_tokens=200, temperature=0.0)
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] >= 15


def test_tokens_that_training_never_saw_do_not_compete() -> None:
    expected = log_softmax(small_logits(load_weights(), held_out_tokens(300)))
    unseen = sorted(set(range(FIRST_PIECE)) - set(held_out_tokens(5000)))
    assert np.exp(expected[:, unseen]).sum(axis=-1).mean() < 0.01


def test_the_same_bytes_every_time_and_no_leftovers(tmp_path: Path) -> None:
    hashes = set()
    for name in ("a.gguf", "b.gguf"):
        told: list[str] = []
        write_gguf("small", tmp_path / name, told.append)
        hashes.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        assert told[-1].endswith("100 %")
    assert len(hashes) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]
    size = (tmp_path / "a.gguf").stat().st_size
    assert size <= file_bytes("small") <= size + (1 << 20)


def test_digests_tell_shapes_and_weights_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digests = {shape: digest(shape) for shape in SHAPES}
    assert len(set(digests.values())) == len(SHAPES)
    assert digests == {shape: digest(shape) for shape in SHAPES}
    other = tmp_path / "weights.xz"
    other.write_bytes(weights.WEIGHTS_FILE.read_bytes() + b"\0" * 4)
    monkeypatch.setattr(weights, "WEIGHTS_FILE", other)
    assert digest("small") != digests["small"]


def test_an_unknown_shape_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(TunerError, match="tinyllama") as error:
        write_gguf("tinyllama", tmp_path / "x.gguf", lambda text: None)
    assert "tinyllama-1.1b" in error.value.hint


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        yield from ()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(language_model, "embed", fail)
    with pytest.raises(OSError, match="No space"):
        write_gguf("small", tmp_path / "x.gguf", lambda text: None)
    assert not list(tmp_path.iterdir())


def test_a_damaged_installation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "language_model.xz"
    shutil.copy(weights.WEIGHTS_FILE, damaged)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    monkeypatch.setattr(weights, "WEIGHTS_FILE", damaged)
    load_weights.cache_clear()
    with pytest.raises(ModelFileError, match="damaged"):
        load_weights()
    damaged.unlink()
    with pytest.raises(ModelFileError, match="missing"):
        digest("small")


def test_without_gguf_the_install_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(MissingLibraryError) as error:
        write_gguf("small", tmp_path / "x.gguf", lambda text: None)
    assert "pip install" in error.value.hint
