"""Made-up recordings: surfaces whose shape is known, for machines that are not at hand and for tests.

Their figures say nothing about any machine. `gpu_like` has what makes a GPU hard to tune: speed grows with every layer
that is offloaded, and one layer too many does not fit.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.recorded_space import bound
from benchmarks.recording import ROUND_METRICS, RecordedItem, RecordedRound, RecordedTrial, Recording
from engines.base import Sample
from search_spaces.parameter import Params
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.round_metrics import round_metrics

PROMPTS = (20, 126)
ANSWER = 16
_BITS = {"Q4_0": 4.5, "Q4_K_M": 4.9, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5, "F16": 16.0}
_KLD = {"Q4_0": 0.081, "Q4_K_M": 0.0142, "Q5_K_M": 0.0039, "Q6_K": 0.0022, "Q8_0": 0.0003, "F16": 0.0}
_CACHE_KLD = {"q4_0": 0.0011, "q8_0": 0.0, "f16": 0.0}
_CACHE_SPEED = {"q4_0": 0.86, "q8_0": 0.92, "f16": 1.0}
_BEST = {"quantization": "Q4_K_M", "n_threads": 2, "n_threads_batch": 2, "flash_attn": True, "type_k": "f16",
         "type_v": "f16", "n_ubatch": 512}  # fmt: skip
"""Of the made-up processor, with an answer that keeps to 0.05 nat."""
_LAYERS = 32
_DEVICE_MIB = 5000.0
_WEIGHTS_MIB = 900.0
"""Of the made-up model, for each bit of precision."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations of logarithms: from round to round, and from load to load."""

    round: float
    load: float


@dataclass(frozen=True)
class Point:
    """Seconds for each token read and each token answered, or why the configuration does not run."""

    prefill_s: float = 0.0
    decode_s: float = 0.0
    failure: str = ""


def cpu_like(seed: int = 0, load_noise: float = 0.0) -> Recording:
    """A processor of two cores. `load_noise` is by how much one load differs from the next, in logarithms."""
    overrides = {
        "n_threads": "range(1,3)", "n_threads_batch": "range(1,3)", "n_ubatch": "choice(128,512)",
        "type_k": "choice(q4_0,q8_0,f16)", "type_v": "choice(q8_0,f16)",
    }  # fmt: skip
    fixed = {"n_batch": 512, "use_mmap": True, "speculation_tokens": 0, "sampling": "greedy"}
    facts = {"cpu_cores": 2, "default_n_threads": 1, "default_n_threads_batch": 2}
    return _recorded("cpu-like (synthetic)", facts, fixed, overrides, _cpu_point, Noise(0.012, load_noise), seed)


def gpu_like(seed: int = 0) -> Recording:
    """A device of 5 GB and a host of eight cores: half of the configurations do not fit."""
    overrides = {
        "quantization": "choice(Q4_K_M,Q6_K,Q8_0)", "n_threads": "choice(2,4,8)",
        "n_gpu_layers": "range(0,34)", "type_k": "choice(q8_0,f16)",
    }  # fmt: skip
    fixed = {
        "n_threads_batch": 8, "n_batch": 512, "n_ubatch": 512, "type_v": "f16", "use_mmap": True, "op_offload": True,
        "offload_kqv": True, "speculation_tokens": 0, "sampling": "greedy",
    }  # fmt: skip
    facts = {"cpu_cores": 8, "default_n_threads": 4, "default_n_threads_batch": 8, "gpu_offload": True, "gpu_count": 1}
    return _recorded("gpu-like (synthetic)", facts, fixed, overrides, _gpu_point, Noise(0.012, 0.0), seed)


def failing_half(how: str, seed: int = 0) -> Recording:
    """`cpu_like` of which half crashes: the whole `region` of one value of a knob, or `scattered` configurations.

    Neither the default nor the best is among them.
    """
    whole = cpu_like(seed)

    def fails(params: Params) -> bool:
        if how == "region":
            return params["n_ubatch"] == 128
        odd = sum(str(params[name]) != str(value) for name, value in _BEST.items() if name != "quantization") % 2
        return bool(odd) != (params["quantization"] == "Q6_K")

    trials = [_crashed(t) if fails(t.params) else t for t in whole.trials]
    about = {**whole.about, "name": f"cpu-like, a failing half ({how}, synthetic)"}
    return Recording(about, whole.setting, tuple(trials), whole.repeats)


def _crashed(trial: RecordedTrial) -> RecordedTrial:
    return RecordedTrial(trial.params, "crashed", "killed by signal 11", start_s=trial.start_s, load_s=trial.load_s)


def flat(seed: int = 0) -> Recording:
    """A small space in which every configuration is as fast as every other, and rounds differ by nothing."""
    overrides = {
        "quantization": "choice(Q6_K,Q8_0,F16)", "n_threads": "range(1,3)", "n_threads_batch": "range(1,3)",
        "n_ubatch": "choice(128,512)",
    }  # fmt: skip
    fixed = {
        "n_batch": 512, "use_mmap": True, "speculation_tokens": 0, "sampling": "greedy", "type_k": "f16",
        "type_v": "f16",
    }  # fmt: skip
    facts = {"cpu_cores": 2, "default_n_threads": 1, "default_n_threads_batch": 2}
    point = Point(prefill_s=0.001, decode_s=0.006)
    return _recorded("flat (synthetic)", facts, fixed, overrides, lambda params: point, Noise(0.0, 0.0), seed)


def _cpu_point(params: Params) -> Point:
    bits, threads = _BITS[str(params["quantization"])], int(params["n_threads"])
    decode_s = (0.0022 + 0.00058 * bits) / (1.0 if threads == 1 else 1.5)
    decode_s /= 1.23 if params["flash_attn"] else 1.0
    decode_s /= _CACHE_SPEED[str(params["type_k"])] * _CACHE_SPEED[str(params["type_v"])]
    prefill_s = 0.0021 / (1.0 if int(params["n_threads_batch"]) == 1 else 1.8)
    prefill_s *= 1.0 + 0.02 * (bits > 8) - 0.1 * bool(params["flash_attn"])
    return Point(prefill_s, decode_s)


def _gpu_point(params: Params) -> Point:
    bits, layers = _BITS[str(params["quantization"])], int(params["n_gpu_layers"])
    share = min(layers, _LAYERS) / _LAYERS
    needed = _WEIGHTS_MIB * bits * share + 1500.0 * share * (0.55 if params["type_k"] == "q8_0" else 1.0) + 400.0
    if layers and needed > _DEVICE_MIB:
        return Point(failure=f"failed to allocate {needed:.0f} MiB")
    threads = int(params["n_threads"])
    host_s = (0.01 + 0.012 * bits) / min(threads, 4) ** 0.8 * (1.08 if threads > 4 else 1.0)
    device_s = 0.002 + 0.0009 * bits
    decode_s = (1 - share) * host_s + share * device_s + (0.001 if layers <= _LAYERS else 0.0)
    decode_s /= (1 + 0.12 * share) if params["flash_attn"] else 1.0
    decode_s /= 0.95 if params["type_k"] == "q8_0" else 1.0
    return Point(0.004 * (1 - share) + 0.0002, decode_s)


def _recorded(
    name: str,
    facts: Mapping[str, Any],
    fixed: Mapping[str, Any],
    overrides: Mapping[str, str],
    point: Callable[[Params], Point],
    noise: Noise,
    seed: int,
) -> Recording:
    setting = {
        "task": "llm",
        "params": dict(fixed),
        "space": dict(overrides),
        "capabilities": {"facts": dict(facts), "build": {"version": "0", "build": "synthetic"}},
        "model": _model(),
        "workload": _workload(),
    }
    rng = random.Random(seed)
    space = bound(setting, "llm")
    grid = space.enumerate(10_000)
    assert grid is not None, "the grid is finite"
    rng.shuffle(grid)
    judged: set[str] = set()
    trials = [_trial(params, point(params), noise, rng, judged) for params in grid]
    repeats = [_trial(space.baseline, point(space.baseline), noise, rng, judged) for _ in range(8)]
    about = {"name": name, "synthetic": True, "seed": seed, "engine": {"name": "llama_cpp"}}
    return Recording(about, setting, tuple(trials), tuple(repeats))


def _trial(params: Params, point: Point, noise: Noise, rng: random.Random, judged: set[str]) -> RecordedTrial:
    if point.failure:
        return RecordedTrial(params, "out_of_memory", point.failure, start_s=0.2, load_s=0.4)
    quantization, cache = str(params["quantization"]), (params["type_k"], params["type_v"])
    kld = _KLD[quantization] + sum(_CACHE_KLD[str(c)] for c in cache)
    quality_s = 0.0 if (subject := f"{quantization} {cache}") in judged else 30 * (point.prefill_s + point.decode_s)
    judged.add(subject)
    slower = math.exp(rng.gauss(0.0, noise.load))
    here = Point(point.prefill_s * slower, point.decode_s * slower)
    rounds = tuple(_round(here, noise.round * (1 if number else 2), rng, warm=number > 0) for number in range(4))
    return RecordedTrial(
        params, start_s=0.19, load_s=0.05 + 0.004 * _BITS[quantization], quality_s=quality_s, end_s=0.015,
        rss_peak_mib=200.0, model_mib=14.0 * _BITS[quantization], quality={"kld": kld}, rounds=rounds,
    )  # fmt: skip


def _round(point: Point, noise: float, rng: random.Random, warm: bool) -> RecordedRound:
    disturbed = rng.random() < 0.03
    slower = math.exp(abs(rng.gauss(0.0, noise)) + (rng.uniform(0.05, 1.5) if disturbed else 0.0) + 0.03 * (not warm))
    items = []
    for tokens in PROMPTS:
        first = slower * tokens * point.prefill_s * math.exp(rng.gauss(0.0, noise))
        last = first + slower * (ANSWER - 1) * point.decode_s * math.exp(rng.gauss(0.0, noise))
        items.append(RecordedItem(first, last, last + 2e-4, tokens, ANSWER))
    samples: Sequence[Sample] = [item.sample(str(n)) for n, item in enumerate(items)]
    wall_s = sum(i.done_s for i in items) + 1e-3
    host = HostNoise(others_cores=0.6 if disturbed else 0.01)
    metrics = round_metrics("llm", samples)
    return RecordedRound(wall_s, host, tuple(items), {name: metrics[name] for name in ROUND_METRICS})


def _model() -> dict[str, Any]:
    sizes = {f"file_mib_{name}": 14.0 * bits for name, bits in _BITS.items()}
    facts = {
        "n_layers": _LAYERS, "n_ctx": 2048, "n_ctx_train": 2048, "n_embd": 768, "n_heads": 12, "n_ff": 3072,
        "n_vocab": 1024, "kv_width_k": 768 * _LAYERS, "kv_width_v": 768 * _LAYERS, "mlock": False, **sizes,
    }  # fmt: skip
    return {
        "name": "synthetic", "source": "synthetic", "digest": "0" * 64, "variants": dict.fromkeys(_BITS, ""),
        "native": "F16", "reference": "F16", "facts": facts,
    }  # fmt: skip


def _workload() -> dict[str, Any]:
    items = [{"id": f"item-{n}", "payload": {"max_tokens": ANSWER}} for n in range(len(PROMPTS))]
    return {"name": "synthetic", "items": items, "quality": {}, "notes": []}
