"""A model of true shape with generated weights: as fast as the published one, and it says nothing.

The recipe of the official repository spells out the shape. Only performance can be judged on it: configurations are
compared with each other, and numbers with the fp32 eager output of the same weights.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from engines.cosyvoice.repository import Repository, import_module, lacking_is_told
from engines.errors import UnsupportedError

VERSIONS = {"v2": 2, "v3": 3}
"""The shapes by the name that a user writes after `shape:`."""
QWEN = {
    "hidden_size": 896,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "intermediate_size": 4864,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": True,
}
"""Qwen2-0.5B, the LLM of both versions (its published config.json)."""
CODES = 6561
"""Speech tokens; what the LLM knows beyond them are marks."""
SPEECH_PER_TEXT = 8
"""Speech tokens that generated weights make of a text token: English is read at some 3.2 tokens of text a second."""
SAMPLE_RATE = 24000
_CUT = "# gan related module"
"""The recipe's training part begins here."""
SEED = 1986


@dataclass(frozen=True)
class Parts:
    """The modules that the repository's model classes are made of."""

    llm: Any
    flow: Any
    hift: Any


def generate(repository: Repository, version: int, layers: int | None = None) -> Parts:
    """The modules of CosyVoice `version` with generated weights; `layers` cuts every stack to that depth.

    The same repository, torch and depth give the same weights. Raises MissingLibraryError, UnsupportedError.
    """
    import_module(repository, "cosyvoice.cli.model", with_torchaudio=False)
    with lacking_is_told(repository):
        from hyperpyyaml import load_hyperpyyaml
        from transformers import Qwen2Config, Qwen2ForCausalLM
    recipe = repository.recipe(version)
    try:
        text = recipe.read_text(encoding="utf-8").partition(_CUT)[0]
    except OSError as error:
        raise UnsupportedError(f"the repository has no recipe {recipe}", "use its main branch") from error
    config = Qwen2Config(**{**QWEN, **({"num_hidden_layers": layers} if layers else {})})
    with _built_from(Qwen2ForCausalLM, config), lacking_is_told(repository):
        made = load_hyperpyyaml(io.StringIO(text), overrides=depth(version, layers))
    _speak_for_ever(made["llm"])
    return Parts(made["llm"].eval(), made["flow"].eval(), made["hift"].eval())


def depth(version: int, layers: int | None) -> Mapping[str, Any]:
    """What the recipe's entries become so that every stack has `layers` layers; {} keeps the true depth."""
    if not layers:
        return {}
    if version == 3:
        return {"flow": {"decoder": {"estimator": {"depth": layers}}}}
    estimator = {"num_mid_blocks": layers, "n_blocks": 1}
    return {"flow": {"encoder": {"num_blocks": layers}, "decoder": {"estimator": estimator}}}


@contextmanager
def _built_from(model_class: Any, config: Any) -> Iterator[None]:
    """Within, `from_pretrained` makes a model of `config` instead of reading a folder of weights."""
    original: Callable[..., Any] = model_class.from_pretrained
    model_class.from_pretrained = lambda *args, **kwargs: model_class(config)
    try:
        yield
    finally:
        model_class.from_pretrained = original


def _speak_for_ever(llm: Any) -> None:
    """Have the LLM make SPEECH_PER_TEXT tokens for each of the text's: untrained, it would stop anywhere or nowhere.

    The repository's own sampling runs on the scores of the speech tokens.
    """
    sampling = llm.sampling
    llm.stop_token_ids = []
    llm.sampling = lambda scores, decoded, top_k: sampling(scores[:CODES], decoded, top_k)
    llm.inference = functools.partial(llm.inference, max_token_text_ratio=SPEECH_PER_TEXT)


def digest(repository: Repository, version: int, layers: int | None, torch_version: str) -> str:
    """64 hex digits that stand for generated weights: what they follow from."""
    parts = f"generated 1 {repository.digest} v{version} {layers or 'all'} {torch_version} {SEED} {QWEN}"
    return hashlib.sha256(parts.encode()).hexdigest()
