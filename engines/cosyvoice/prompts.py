"""What a request hands to the model when there is no front end: ids and features of the right shapes.

Generated weights know no words, so all that matters of a text is how many tokens it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from engines.cosyvoice.shape import CODES

END_OF_PROMPT = 151646
"""`<|endofprompt|>`, which CosyVoice 3 looks for."""
LETTERS_A_TOKEN = 4.2
"""Letters of English text in a token of Qwen's, spaces left out."""
TOKENS_A_SECOND = 25
PROMPT_S = 3.0
PROMPT_WORDS = 10
INSTRUCTION_WORDS = 12
_ORDINARY = 100_000
"""Ids below it are plain words."""
_MEL, _EMBEDDING = 80, 192


def text_tokens(text: str) -> int:
    """How many tokens a text counts as."""
    return max(1, round(sum(c.isalnum() for c in text) / LETTERS_A_TOKEN))


def spoken(torch: Any, text: str, instruct: bool) -> Mapping[str, Any]:
    """Arguments of the repository's `tts` for a text in a generated voice.

    With `instruct` an instruction takes the place of the prompt's words and the LLM does not hear the prompt, as in
    the repository's inference_instruct2.
    """
    made = _generator(torch, text)
    words = INSTRUCTION_WORDS if instruct else PROMPT_WORDS
    prompt_text = torch.cat([torch.tensor([[END_OF_PROMPT]]), _ids(torch, words, _ORDINARY, made)], dim=1)
    voice = _voice(torch, made)
    heard = {} if instruct else {"llm_prompt_speech_token": voice["flow_prompt_speech_token"]}
    ids = _ids(torch, text_tokens(text), _ORDINARY, made)
    return {"text": ids, "prompt_text": prompt_text, "llm_embedding": voice["flow_embedding"], **voice, **heard}


def converted(torch: Any, name: str, seconds: float) -> Mapping[str, Any]:
    """Arguments of the repository's `tts` for `seconds` of speech to be said in a generated voice."""
    made = _generator(torch, name)
    source = _ids(torch, max(1, round(seconds * TOKENS_A_SECOND)), CODES, made)
    return {"source_speech_token": source, **_voice(torch, made)}


def _voice(torch: Any, made: Any) -> Mapping[str, Any]:
    tokens = round(PROMPT_S * TOKENS_A_SECOND)
    return {
        "flow_prompt_speech_token": _ids(torch, tokens, CODES, made),
        "prompt_speech_feat": torch.randn(1, 2 * tokens, _MEL, generator=made),
        "flow_embedding": torch.randn(1, _EMBEDDING, generator=made),
    }


def _ids(torch: Any, count: int, below: int, made: Any) -> Any:
    return torch.randint(0, below, (1, count), dtype=torch.int32, generator=made)


def _generator(torch: Any, text: str) -> Any:
    """Seeded by the text, so that a request is the same each time and in each process."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
    return torch.Generator().manual_seed(seed)
