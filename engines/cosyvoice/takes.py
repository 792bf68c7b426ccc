"""The takes that one or several requests at once became: the Sample that they make, and which of them is judged.

The LLM draws its tokens by chance. Every request begins with the same seed, so one configuration's take of a text has
the same length each time; but another rounding is another take, and several at once draw from one generator in turn.
So takes differ in length from the reference's, with each other, and from configuration to configuration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from engines.base import Sample
from engines.cosyvoice.requests import Request
from engines.synthesis.session import sample
from engines.synthesis.speech import Speech


def due_seconds(takes: Sequence[Speech], reference_s: float | None) -> float | None:
    """Seconds of audio that the time was spent on: of each take what is not longer than the reference's.

    Reading the prompt, by the LLM and again by the flow, costs the same for a short take and for a long one. A long one
    would show a lower real-time factor and a higher throughput, and it says no more. A short take counts as it is: it
    has to carry the same costs. So chance makes no configuration look faster than it is. It may make one look slower,
    by as much as its take is longer, which is the error that leaves the default in place.
    """
    return None if reference_s is None else sum(min(take.seconds, reference_s) for take in takes)


def farthest(takes: Sequence[Speech], reference_s: float | None) -> Speech:
    """The take that is judged: of several the one whose length is farthest from the reference's."""
    if reference_s is None:
        return takes[0]
    return max(takes, key=lambda take: off(take, reference_s))


def off(take: Speech, reference_s: float) -> float:
    """How far a take's length is from the reference's: the absolute logarithm of their ratio."""
    return abs(math.log(take.seconds / reference_s))


def sample_of(
    item_id: str,
    request: Request,
    takes: Sequence[Speech],
    wall_s: float,
    stages: Mapping[str, float],
    reference_s: float | None,
) -> Sample:
    """The Sample of a request, or of several of the same at once.

    Of several, the first output is the first audio of the request that waits longest for it, so that the time to it is
    one that every caller has.
    """
    alone = sample(item_id, request.text, takes[0], due_seconds(takes, reference_s))
    timed = replace(
        alone,
        units_in=request.units_in * len(takes),
        stages_s={name.removesuffix("_s"): value for name, value in stages.items() if name.endswith("_s")},
        counts={**alone.counts, **{name: value for name, value in stages.items() if not name.endswith("_s")}},
    )
    if len(takes) == 1:
        return timed
    every_has_audio_s = max(take.chunks[0].at_s for take in takes)
    times = sorted(c.at_s for take in takes for c in take.chunks if c.at_s >= every_has_audio_s)
    return replace(
        timed,
        output_times_s=tuple(times),
        done_s=max(wall_s, times[-1]),
        units_out=sum(take.seconds for take in takes),
        requests=len(takes),
        requests_s=sum(take.done_s for take in takes),
        stall_s=max(take.stall_s for take in takes),
    )
