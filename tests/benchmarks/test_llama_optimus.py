"""llama-optimus itself lives in an environment of its own; here a program takes its place that asks as it does."""

import stat
import sys

import pytest

from benchmarks.llama_optimus import LlamaOptimus

PROGRAM = """#!{python}
import subprocess, sys
bench = sys.argv[sys.argv.index("--llama-bin") + 1] + "/llama-bench"
for threads in ("1", "2"):
    subprocess.run([bench, "--batch-size", "2048", "--ubatch-size", "100", "--threads", threads, "-ngl", "0",
                    "--model", "model.gguf", "-r", "2", "-o", "csv", "--no-warmup", "-n", "192", "-p", "0",
                    "--flash-attn", "1"], check=True)
for _ in range(2):
    subprocess.run([bench, "--model", "model.gguf", "-n", "8", "-p", "8", "-r", "1"], check=True)
print(" $LLAMA_BIN/llama-server --model $MODEL -t 2 --batch-size 2048 --ubatch-size 100 -ngl 0 --flash-attn ")
"""


@pytest.fixture
def stand_in(tmp_path):
    """A "Python" that runs the program above, whatever it is asked to run."""
    program = tmp_path / "python"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_it_asks_the_recording_and_its_time_is_what_it_asked_for(cpu_problem, stand_in):
    trace = LlamaOptimus(stand_in, best_file=True)(cpu_problem, 0, 0.0)
    assert trace.measured == 2
    answer = trace.answers[-1][1]
    assert (answer["n_threads"], answer["flash_attn"], answer["n_ubatch"]) == (2, True, 128)
    assert answer["quantization"] == cpu_problem.optimum.trial.params["quantization"]
    rate = cpu_problem.surface.truth(answer, "decode_tokens_per_second")
    assert trace.end_s > 2 * 192 / rate, "two repeats of 192 tokens, and more for one thread"
    slow, fast = (cpu_problem.regret(params) for _, params in trace.answers)
    assert fast < slow
