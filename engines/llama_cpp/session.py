"""One configuration, loaded: answers chats through llama-cpp-python's streaming call, the one that people deploy.

A prompt that is no chat is continued through the library's other one, `create_completion`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

from engines.base import Model, ModelFile, Sample, WorkItem, Workload
from engines.errors import EmptyOutputError, InvalidOutputError, UnsupportedError
from engines.judgement import NO_LIMITS, NOT_JUDGED, Judgement, QualityLimits
from engines.llama_cpp import quality
from engines.llama_cpp.library import failure, library
from engines.llama_cpp.loading import SEED, load
from engines.llama_cpp.settings import sampling, speculation_tokens
from engines.own_timers import DECODE, PREFILL
from search_spaces.parameter import Params


class LlamaCppSession:
    """A loaded configuration. Times are taken where the library hands each token to the stream."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        self._library = library()
        self._model = model
        self._sampling = dict(sampling(params))
        self._speculates = speculation_tokens(params) > 0
        self._llama: Any = load(file.path, params, int(model.facts["n_ctx"]))
        self._times: list[float] = []
        self._generate = self._llama.generate
        self._make_sampler = self._llama._init_sampler
        self._llama.generate = self._noting_times
        if not params.get("n_gpu_layers"):
            self._stop_the_timer_with_the_computation()
        self._end_tokens: dict[int, float] | None = None

    def run(self, item: WorkItem) -> Sample:
        """Answer one request with nothing in the KV cache.

        `answer_tokens` is how long the reference's answer is: so much is due, however much this one says. With
        `ignore_eos` the end-of-text tokens are banned, so that every configuration generates `max_tokens`. The
        ban is a native bias in the sampler chain, which costs nothing that can be measured; the library's own
        `logit_bias` would run Python over the whole vocabulary at every token. Raises InvalidOutputError for an empty
        answer or logits that are not finite, UnsupportedError for a request that does not fit the context.
        """
        payload = item.payload
        self._clear()
        self._llama._init_sampler = self._sampler_without_end if payload.get("ignore_eos") else self._make_sampler
        self._library.llama_perf_context_reset(self._llama.ctx)
        submitted = time.perf_counter()
        text = "".join(self._stream(payload))
        done_s = time.perf_counter() - submitted
        stages_s, counts = self._own_timers()
        self._check_output(item)
        return Sample(
            item_id=item.id,
            output_times_s=tuple(t - submitted for t in self._times),
            done_s=done_s,
            units_in=self._prompt_tokens,
            units_out=len(self._times),
            output=text,
            due=payload.get("answer_tokens"),
            stages_s=stages_s,
            counts=counts,
        )

    def quality(self, workload: Workload, limits: QualityLimits = NO_LIMITS) -> Judgement:
        """KL divergence, top-1 agreement and perplexity on the workload's text, if it has one."""
        text = str(workload.quality.get("text", ""))
        if not text:
            return NOT_JUDGED
        self._clear()
        try:
            return Judgement(quality.judge(self._llama, quality.reference_file(self._model, text), text))
        finally:
            self._clear()

    def tokens(self, text: str) -> list[int]:
        """`text` as the model's tokens."""
        tokens: list[int] = self._llama.tokenize(text.encode(), add_bos=False, special=False)
        return tokens

    def close(self) -> None:
        """Free the context and the model."""
        self._llama.close()

    def _clear(self) -> None:
        """Forget every token: the library would reuse a common prefix and skip its prefill."""
        self._llama.reset()
        # The cells are marked empty; zeroing them as well would take longer than many an answer.
        self._library.llama_memory_clear(self._llama._ctx.memory, False)
        self._times.clear()
        self._prompt_tokens = 0

    def _stream(self, payload: Mapping[str, Any]) -> Iterator[str]:
        arguments = {"max_tokens": int(payload["max_tokens"]), "seed": SEED, **self._sampling}
        try:
            if "prompt" in payload:
                for chunk in self._llama.create_completion(payload["prompt"], stream=True, **arguments):
                    yield chunk["choices"][0]["text"]
            else:
                for chunk in self._llama.create_chat_completion(list(payload["messages"]), stream=True, **arguments):
                    yield chunk["choices"][0]["delta"].get("content") or ""
        except ValueError as error:
            raise UnsupportedError(
                f"the request cannot be answered: {error}", "shorten it, or raise model.n_ctx"
            ) from error
        except RuntimeError as error:
            raise failure(str(error), self._llama.model_path) from error

    def _noting_times(self, tokens: Any, *args: Any, **kwargs: Any) -> Iterator[int]:
        """`Llama.generate`, taking the time of each token.

        A chunk of text is no measure: the library holds text back while a character or a stop word is incomplete.
        """
        self._prompt_tokens = len(tokens)
        for token in self._generate(tokens, *args, **kwargs):
            if not self._library.llama_vocab_is_eog(self._llama._model.vocab, token):
                self._times.append(time.perf_counter())
            yield token

    def _sampler_without_end(self, *args: Any, **kwargs: Any) -> Any:
        """The library's sampler chain inside one that first bans the end-of-text tokens."""
        from llama_cpp import _internals

        if self._end_tokens is None:
            vocab = self._llama._model.vocab
            is_end = self._library.llama_vocab_is_eog
            self._end_tokens = {t: -math.inf for t in range(self._llama.n_vocab()) if is_end(vocab, t)}
        inner = self._make_sampler(*args, **kwargs)
        outer = _internals.LlamaSampler()
        outer.add_logit_bias(self._llama.n_vocab(), self._end_tokens)
        self._library.llama_sampler_chain_add(outer.sampler, inner.sampler)
        # The outer chain owns the inner one now, and frees it.
        inner._exit_stack.pop_all()
        inner.sampler = None
        return outer

    def _stop_the_timer_with_the_computation(self) -> None:
        """llama.cpp's timer runs until the context is synchronised, which the library does only when it samples.

        Without layers on a device the computation is over when `decode` returns, so synchronising there leaves the
        library's own Python out of the engine's timings and costs nothing. With a device it would forbid the overlap.
        """
        context, decode = self._llama._ctx, self._llama._ctx.decode

        def decode_and_synchronise(batch: Any) -> None:
            decode(batch)
            self._library.llama_synchronize(context.ctx)

        context.decode = decode_and_synchronise

    def _own_timers(self) -> tuple[dict[str, float], dict[str, float]]:
        """Seconds and tokens of llama.cpp's own timers; {} with speculation: it counts verified batches as prompt."""
        if self._speculates:
            return {}, {}
        timings = self._library.llama_perf_context(self._llama.ctx)
        return (
            {PREFILL: timings.t_p_eval_ms / 1e3, DECODE: timings.t_eval_ms / 1e3},
            {PREFILL: timings.n_p_eval, DECODE: timings.n_eval},
        )

    def _check_output(self, item: WorkItem) -> None:
        """One look at the last logits tells: what is not finite spreads through the KV cache to every later token."""
        import numpy as np

        logits = np.ctypeslib.as_array(self._llama._ctx.get_logits_ith(-1), shape=(self._llama.n_vocab(),))
        if not np.isfinite(logits).all():
            raise InvalidOutputError(f"the logits of {item.id} are not finite", "this configuration computes garbage")
        if not self._times:
            raise EmptyOutputError(f"the answer to {item.id} is empty", "the model ends its text at once")
