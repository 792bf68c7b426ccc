"""llama-optimus itself, as published, with a stand-in for `llama-bench` that answers from a recording.

It needs an environment of its own:

    python -m venv DIR && DIR/bin/pip install llama-optimus==0.1.9

It tunes threads, batch sizes, GPU layers and flash attention of the one file that it is given. The times are those of
what it asks `llama-bench` for, at the recorded speeds; its own do not count. It is spared its warm-up and its search
over patterns of tensors, and its best measurement so far counts as its answer before it gives one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.problem import Problem, Trace
from benchmarks.world import threads_of
from search_spaces.domains import values
from search_spaces.parameter import Params
from tuner.core.params import key

TRIALS, REPEATS = 20, 2
STAND_IN = """#!{python} -SE
import json, math, random, sys
words = [w for w in sys.argv[1:] if w not in ("--no-warmup", "--progress")]
given = dict(zip(words[::2], words[1::2]))
def number(default, *names):
    return next((int(given[n]) for n in names if n in given), default)
with open({answers!r}) as file:
    known = json.load(file)
def snapped(name, value):
    options = known["options"].get(name, [value])
    return next((o for o in options if o >= value), options[-1])
batch = number(2048, "--batch-size", "-b")
asked = {{
    "n_threads": snapped("n_threads", number(known["cores"], "--threads", "-t")),
    "n_ubatch": snapped("n_ubatch", min(batch, number(512, "--ubatch-size", "-ub"))),
    "n_gpu_layers": snapped("n_gpu_layers", number(0, "-ngl")),
    "flash_attn": bool(number(0, "--flash-attn", "-fa")),
}}
name = json.dumps({{k: v for k, v in asked.items() if k in known["knobs"]}}, sort_keys=True)
repeats, tokens, prompt = number(5, "-r"), number(128, "-n"), number(512, "-p")
answer = known["answers"][name]
seconds, rows, bias = answer["start_s"], [], random.choice(answer["bias"] or [0.0])
for kind, count, rate in (("pp", prompt, answer["prefill"]), ("tg", tokens, answer["decode"])):
    if count and rate:
        rates = [rate * math.exp(-bias - random.choice(answer["noise"])) for _ in range(repeats)]
        seconds += sum(count / r for r in rates)
        rows.append((kind, count, sum(rates) / repeats))
with open({log!r}, "a") as file:
    file.write(json.dumps([asked, seconds, {{kind: rate for kind, _, rate in rows}}]) + "\\n")
if not answer["decode"]:
    sys.exit("main: error: failed to load model")
print("n_prompt,n_gen,avg_ts,stddev_ts")
for kind, count, rate in rows:
    print(*((count, 0) if kind == "pp" else (0, count)), rate, 0.0, sep=",")
"""


@dataclass(frozen=True)
class LlamaOptimus:
    """Runs it with the Python of its environment. `best_file` hands it the file of the optimum's quantization, which
    its user could not know; otherwise it is given the model as the tuner is."""

    python: Path
    best_file: bool = False

    def __call__(self, problem: Problem, seed: int, limit_s: float) -> Trace:
        """One whole run; its seed is its own."""
        bench = _Bench(problem, self.best_file)
        with tempfile.TemporaryDirectory() as folder:
            bench.install(Path(folder))
            out = self._run(Path(folder), bench.cores, bench.has_layers)
            calls = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
        return bench.trace(calls[:-2], out)  # the last two compare its result with the default

    def _run(self, folder: Path, cores: int, has_layers: bool) -> str:
        program = f"import os; os.cpu_count = lambda: {cores}; from llama_optimus.cli import main; main()"
        options = ["--trials", str(TRIALS), "--repeat", str(REPEATS), "--no-warmup", "--override-mode", "none"]
        options += [] if has_layers else ["--ngl-max", "0"]
        command = [str(self.python), "-c", program, "--llama-bin", str(folder), "--model", "model.gguf", *options]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(folder)})
        if done.returncode:
            raise RuntimeError(f"llama-optimus failed: {done.stderr.strip().splitlines()[-1:]}")
        return done.stdout


class _Bench:
    """What the stand-in knows, and what its calls amount to."""

    def __init__(self, problem: Problem, best_file: bool) -> None:
        self._problem = problem
        self._knobs = [n for n in ("n_threads", "n_ubatch", "n_gpu_layers", "flash_attn") if n in self._searched]
        baseline = dict(problem.space.baseline)
        # One number of threads serves both purposes in llama-bench, and the cache has 16 bits unless it is told else.
        self._base = {**baseline, "speculation_tokens": 0, "type_k": "f16", "type_v": "f16"}
        if best_file:
            self._base["quantization"] = problem.optimum.trial.params["quantization"]

    @property
    def cores(self) -> int:
        """Cores of the recorded machine."""
        return int(self._problem.surface.recording.setting["capabilities"]["facts"]["cpu_cores"])

    @property
    def has_layers(self) -> bool:
        """Whether layers can go to a device."""
        return "n_gpu_layers" in self._searched

    @cached_property
    def _searched(self) -> Mapping[str, list[Any]]:
        return {knob.name: list(values(knob.domain)) for knob in self._problem.space.parameters}

    def install(self, folder: Path) -> None:
        """Write the program and its answers."""
        answers, log = folder / "answers.json", folder / "log.jsonl"
        known = {
            "knobs": self._knobs, "cores": self.cores, "answers": self._answers(),
            "options": {n: self._searched[n] for n in self._knobs if n != "flash_attn"},
        }  # fmt: skip
        answers.write_text(json.dumps(known))
        log.touch()
        program = folder / "llama-bench"
        # The interpreter itself: a virtual environment's link would look for packages and take longer.
        text = STAND_IN.format(python=os.path.realpath(sys.executable), answers=str(answers), log=str(log))
        program.write_text(text)
        program.chmod(0o755)

    def params(self, asked: Mapping[str, Any]) -> Params:
        """The configuration that a call of the stand-in is about."""
        mine = {name: asked[name] for name in self._knobs}
        batch = {"n_threads_batch": asked["n_threads"]} if "n_threads_batch" in self._searched else {}
        return self._problem.space.canonical({**self._base, **mine, **batch})

    def trace(self, calls: Sequence[Any], out: str) -> Trace:
        """What it did, when, and what it recommends."""
        trace, best = Trace(), 0.0
        for asked, seconds, rates in calls:
            trace.end_s += seconds
            trace.measured += 1
            if "tg" not in rates:
                trace.wasted_s += seconds
            elif rates["tg"] > best:
                best = rates["tg"]
                trace.answer(trace.end_s, self.params(asked))
        trace.answer(trace.end_s, self.params(self._recommended(out)))
        return trace

    def _recommended(self, out: str) -> dict[str, Any]:
        line = next(line for line in out.splitlines() if "llama-server" in line and "--batch-size" in line)

        def number(flag: str) -> int:
            found = re.search(rf"{flag} (\d+)", line)
            assert found is not None, f"no {flag} in {line}"
            return int(found.group(1))

        ubatch = min(number("--batch-size"), number("--ubatch-size"))
        return {
            "n_threads": self._snapped("n_threads", number("-t")),
            "n_ubatch": self._snapped("n_ubatch", ubatch),
            "n_gpu_layers": self._snapped("n_gpu_layers", number("-ngl")),
            "flash_attn": "--flash-attn" in line,
        }

    def _snapped(self, name: str, value: int) -> int:
        options = self._searched.get(name, [value])
        return int(next((o for o in options if o >= value), options[-1]))

    def _answers(self) -> dict[str, Any]:
        """By the knobs that it sets, as JSON."""
        surface, answers = self._problem.surface, {}
        for asked in self._combinations(self._knobs):
            params = self.params(asked)
            known, failing = surface.known.get(key(params)), surface.failing.get(key(params))
            trial = known.trial if known else failing
            assert trial is not None, f"the recording lacks {dict(params)}"
            noise = [r.decode for r in surface.rounds[threads_of(params)]] if known else []
            answers[json.dumps(asked, sort_keys=True)] = {
                "start_s": trial.start_s + trial.load_s,
                "decode": known.truth["decode_tokens_per_second"] if known else 0.0,
                "prefill": known.truth["prefill_tokens_per_second"] if known else 0.0,
                "noise": noise,
                "bias": [b.decode for b in surface.biases[threads_of(params)]] if known else [],
            }
        return answers

    def _combinations(self, names: Sequence[str]) -> list[dict[str, Any]]:
        if not names:
            return [{}]
        rest = self._combinations(names[1:])
        return [{names[0]: value, **other} for value in self._searched[names[0]] for other in rest]
