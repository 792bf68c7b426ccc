"""How many layers fit on the GPUs, as a llama-server decides that is told nothing (`--fit`, common/fit.cpp).

It keeps its default, all layers, shared out by free memory, where that leaves `MARGIN_MIB` free on each GPU. Else it
gives whole layers to the GPUs from the last one on, the output to the last, as many as leave that much. A context that
nobody asked for it shortens first, to 4096 tokens at the least, which is what a study has unless it is told otherwise.

Of a mixture of experts that does not fit it leaves experts alone on the host, which llama-cpp-python cannot: then stock
is slower here than there, and a line says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from engines.base import Capabilities, Model, StockHere
from engines.llama_cpp.memory import Held, device_parts_mib
from engines.llama_cpp.settings import AUTOMATIC_SPLIT
from search_spaces.parameter import Params, Value

MARGIN_MIB = 1024.0
"""`--fit-target`, for each GPU."""


@dataclass(frozen=True)
class Offload:
    """Layers of which GPU, in llama.cpp's order and with the output as one of them; the last ones are the last GPU's.

    `by_free_memory`: as llama.cpp shares them out by itself.
    """

    layers: tuple[int, ...]
    by_free_memory: bool

    @property
    def split(self) -> str:
        """The knob `tensor_split`."""
        if self.by_free_memory or not any(self.layers):
            return AUTOMATIC_SPLIT
        return ":".join(map(str, self.layers))


def stock_here(model: Model, params: Params, capabilities: Capabilities) -> StockHere:
    """The layers that fit, and on several GPUs each one's, for a stock configuration of `params`."""
    free_mib = [float(word) for word in str(capabilities.facts.get("gpu_free_mib", "")).split(",") if word]
    if not free_mib or "n_gpu_layers" not in params:
        return StockHere()
    offload, most = offload_that_fits(model, params, free_mib), int(model.facts["n_layers"]) + 1
    fitting = sum(offload.layers)
    found: dict[str, Value] = {"n_gpu_layers": fitting}
    if len(free_mib) > 1:
        found["tensor_split"] = offload.split
    if fitting == most:
        return StockHere(found)
    note = (
        f"stock has {fitting} of {most} layers on the GPU, as a llama-server would: more would leave less than "
        f"{MARGIN_MIB:.0f} MiB free there"
    )
    if int(model.facts.get("n_experts", 0)):
        note += "; a server would leave experts alone on the host, which llama-cpp-python cannot, and be faster"
    return StockHere(found, note)


def offload_that_fits(model: Model, params: Params, free_mib: Sequence[float]) -> Offload:
    """What goes to GPUs with `free_mib` of memory, their contexts taken off."""
    most, count = int(model.facts["n_layers"]) + 1, len(free_mib)

    def fits(gpu: int, layers: int, whole: bool, output: bool) -> bool:
        held = Held(layers - output, output)
        needed = sum(device_parts_mib(model, params, held, whole, count).values())
        return needed <= free_mib[gpu] - MARGIN_MIB

    shares = _by_free_memory(free_mib, most)
    last = max((gpu for gpu in range(count) if shares[gpu]), default=0)
    if all(fits(gpu, layers, True, gpu == last) for gpu, layers in enumerate(shares)):
        return Offload(shares, True)
    found, left = [0] * count, most
    for gpu in reversed(range(count)):
        output = left == most
        found[gpu] = next((n for n in range(left, 0, -1) if fits(gpu, n, n == left, output)), 0)
        left -= found[gpu]
    return Offload(tuple(found), False)


def _by_free_memory(free_mib: Sequence[float], layers: int) -> tuple[int, ...]:
    """How llama.cpp shares `layers` out: layer i goes to the first GPU whose cumulated share of memory exceeds i's."""
    bounds = list(accumulate(free_mib))
    if not bounds[-1]:
        return (layers, *[0] * (len(free_mib) - 1))
    places = [sum(bound <= layer / layers * bounds[-1] for bound in bounds) for layer in range(layers)]
    return tuple(places.count(gpu) for gpu in range(len(free_mib)))
