"""Whether the engine's decode speed as measured here agrees with llama-bench, for a default and a winner.

    python -m benchmarks.llama_bench_agreement [DEPLOY.json] [--llama-bench PATH] [--pairs 8]

Without a file it takes the newest language model study of outputs/. Both sides decode the same number of tokens after a
prompt of the same length, in turn, so that the machine's drift cancels; printed are the medians, their ratios, and the
ratio winner ÷ default on either side.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.llama_tools import DEFAULT_OUT, build
from tuner.cli.config.compose import compose
from tuner.cli.config.replay import replay
from tuner.measure.preparation import Prepared, prepare
from tuner.measure.round_metrics import round_metrics
from tuner.results.export.document import read_deploy
from tuner.results.studies import DEPLOY_FILE, list_studies

ENGINE = "llama_cpp"
TOKENS = 64
CONTEXT = 512
PROMPT = "Tell me about the weather, the news and my calendar for today, please. " * 12
FLAGS = {
    "n_threads": "-t", "n_batch": "-b", "n_ubatch": "-ub", "type_k": "-ctk", "type_v": "-ctv", "n_gpu_layers": "-ngl",
}  # fmt: skip
SWITCHES = {"flash_attn": "-fa"}
LOAD_MODES = {(False, False): "none", (True, False): "mmap", (False, True): "mlock", (True, True): "mmap+mlock"}
TIMEOUT_S = 600.0


def llama_bench(program: Path, model: str, params: Mapping[str, Any], depth: int) -> float:
    """Decode tokens per second of `params` by llama-bench at `depth` tokens of context."""
    arguments = [w for knob, flag in FLAGS.items() if knob in params for w in (flag, str(params[knob]))]
    arguments += [w for knob, flag in SWITCHES.items() if knob in params for w in (flag, str(int(params[knob])))]
    load = LOAD_MODES[bool(params.get("use_mmap", True)), bool(params.get("use_mlock", False))]
    arguments += ["--load-mode", load]
    command = [str(program), "-m", model, "-p", "0", "-n", str(TOKENS), "-d", str(depth), "-r", "1", "-o", "json"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)[0]["avg_ts"])


class Ours:
    """One configuration in a worker of the tuner."""

    def __init__(self, stack: ExitStack, prepared: Prepared, params: Mapping[str, Any]) -> None:
        self._loaded = stack.enter_context(prepared.loader().load(params, cold=False))
        self.model_path = self._loaded.model_file.path
        self._engine = prepared.engine
        self.depth = int(self._round()[1])

    def decode_tokens_per_second(self) -> float:
        """By the engine's own timer, over one round."""
        return self._round()[0]

    def _round(self) -> tuple[float, float]:
        samples = self._loaded.run_pass(TIMEOUT_S).samples
        metrics = round_metrics(self._engine.task, samples, self._engine.metrics)
        return metrics["engine_decode_tokens_per_second"], samples[0].units_in


def newest_deploy(outputs: Path) -> Path:
    """The deploy.json of the newest study in `outputs` that llama-bench can measure too."""
    files = [s.directory / DEPLOY_FILE for s in list_studies(outputs) if s.engine == ENGINE]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        sys.exit(f"no study in {str(outputs)!r} has a {DEPLOY_FILE} of {ENGINE}; run python -m tuner sweep llm first")
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deploy", type=Path, nargs="?")
    parser.add_argument("--llama-bench", type=Path)
    parser.add_argument("--pairs", type=int, default=8)
    options = parser.parse_args()
    file = options.deploy or newest_deploy(Path("outputs"))
    deploy = read_deploy(file)
    if deploy.engine.name != ENGINE:
        sys.exit(f"{file} is of the engine {deploy.engine.name}; llama-bench measures {ENGINE} only")
    program = options.llama_bench or build(DEFAULT_OUT, ("llama-bench",)) / "llama-bench"
    rows: dict[str, tuple[list[float], list[float]]] = {"default": ([], []), "winner": ([], [])}
    prompts = file.parent / "agreement-prompt.jsonl"
    prompts.write_text(json.dumps({"id": "agreement", "prompt": PROMPT, "max_tokens": TOKENS}) + "\n")
    model = [o for o in replay(file) if o.startswith("model") and not o.startswith("model.n_ctx")]
    model.append(f"model.n_ctx={CONTEXT}")  # llama-bench makes its context as small as the run allows
    config = compose("llm", [*model, f"workload.prompts={prompts.resolve()}"])
    prepared = prepare(config, lambda text: None, for_quality=False)
    with ExitStack() as stack:
        params = {"default": deploy.baseline.params, "winner": deploy.params}
        # the sampler and the prompt lookup are not in llama-bench: both sides decode token by token
        plain = {name: {**p, **_neutral(p)} for name, p in params.items()}
        ours = {name: Ours(stack, prepared, p) for name, p in plain.items()}
        for _ in range(options.pairs):
            for name, (mine, theirs) in rows.items():
                mine.append(ours[name].decode_tokens_per_second())
                theirs.append(llama_bench(program, ours[name].model_path, plain[name], ours[name].depth))
    _print(rows)


def _neutral(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"speculation_tokens": 0} if "speculation_tokens" in params else {}


def _print(rows: Mapping[str, tuple[list[float], list[float]]]) -> None:
    print(f"{'':10} {'tuner tok/s':>12} {'llama-bench':>12} {'tuner ÷ llama-bench':>20}")
    for name, (mine, theirs) in rows.items():
        agreement = _median_ratio(mine, theirs)
        print(f"{name:10} {statistics.median(mine):12.1f} {statistics.median(theirs):12.1f} {agreement:20.3f}")
    ours, llama = (_median_ratio(rows["winner"][side], rows["default"][side]) for side in (0, 1))
    print(f"winner ÷ default: tuner {ours:.3f}, llama-bench {llama:.3f}, apart by {100 * abs(ours / llama - 1):.1f} %")


def _median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    return statistics.median(n / d for n, d in zip(numerators, denominators, strict=True))


if __name__ == "__main__":
    main()
