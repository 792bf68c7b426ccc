"""How much of the prompts that come with the tool makes a round, so that a round takes seconds whatever the model.

A sweep compares dozens of configurations, each over several rounds. The size follows from the model's parameters and
the cores that may be used, never from a measurement: the same machine and model must get the same workload every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces.errors import unknown_name

AUTO = "auto"
ROUND_S = 3.0
"""The largest size whose round is estimated to take no longer than this is chosen."""
PARAMETER_TOKENS_PER_CORE_S = 2.6e10
"""Parameters × prompt tokens that one core gets through in a second: 2.5e10 to 3e10 seen for F16 models of 0.1 to 1 B
parameters on an AMD EPYC with AVX-512 (benchmarks/overhead.py prints the round times of a study)."""
GPU_CORES = 64
"""As many cores a GPU counts as: llama.cpp computes long prompts on it even where no layer is offloaded."""
CORES_MOST = 16
"""Beyond these, cores wait for memory."""
ANSWER_WEIGHT = 4
"""A token that is generated costs about as much as this many of a prompt, which are computed in batches."""


@dataclass(frozen=True)
class Size:
    """Prompts of that many lengths, the shortest first, each with an answer of at most `max_tokens`."""

    prompts: int
    max_tokens: int


SIZES = {"full": Size(3, 32), "short": Size(2, 32), "brief": Size(1, 16)}
"""From the largest to the smallest."""


def chosen_size(
    asked: Any, prompt_tokens: Sequence[int], max_tokens: int | None, parameters: int, cores: int, gpus: int = 0
) -> tuple[Size, str]:
    """The size named by `asked` (`auto` or None: the one that fits), and a note when it is not the full one.

    `prompt_tokens` are the lengths that prompts come in, shortest first; `max_tokens` overrides a size's own. Raises
    TunerError for a name that is no size.
    """
    if asked not in (None, AUTO, *SIZES):
        raise unknown_name("workload.size", str(asked), (AUTO, *SIZES))
    if asked not in (None, AUTO):
        return SIZES[asked], ""

    def estimate_s(size: Size) -> float:
        tokens = sum(prompt_tokens[: size.prompts]) + ANSWER_WEIGHT * (max_tokens or size.max_tokens) * size.prompts
        return tokens * parameters / (PARAMETER_TOKENS_PER_CORE_S * (min(cores, CORES_MOST) + GPU_CORES * (gpus > 0)))

    names = list(SIZES)
    name = next((n for n in names if estimate_s(SIZES[n]) <= ROUND_S), names[-1])
    if name == names[0]:
        return SIZES[name], ""
    size, full_s = SIZES[name], estimate_s(SIZES[names[0]])
    requests = f"{size.prompts} request{'s' * (size.prompts > 1)}, answered by at most {max_tokens or size.max_tokens}"
    return size, (
        f"the verdict will rest on {requests} tokens, because a round of all {len(prompt_tokens)} would take about "
        f"{full_s:.0f} s here; workload.prompts=FILE takes your own, workload.size=full all that ship"
    )
