"""Where a sweep's time goes: the share spent loading, warming or measuring an engine, and what the rest was.

    python -m benchmarks.overhead [OVERRIDE…]

Runs `python -m tuner sweep llm OVERRIDE…` in a new study and prints the table. `engine` counts the time between
asking a worker to start, load, warm up, run a round or evaluate quality, and its answer; fetching and quantizing models
is not in it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def sweep(overrides: Sequence[str], outputs: Path) -> tuple[dict[str, Any], float]:
    """The document of one sweep and the wall time of the whole command, in seconds."""
    command = [sys.executable, "-m", "tuner", "sweep", "llm", *overrides, f"outputs={outputs}", "--json"]
    uri = f"tracking.uri=sqlite:///{outputs}/mlflow.db"
    begin = time.monotonic()
    done = subprocess.run([*command, uri], stdout=subprocess.PIPE, text=True)
    wall_s = time.monotonic() - begin
    if done.returncode:
        sys.exit(f"the sweep ended with exit status {done.returncode}")
    return json.loads(done.stdout), wall_s


def help_cpu_s() -> float:
    """CPU seconds of `python -m tuner --help`, the median of five."""
    program = "import resource,subprocess,sys;subprocess.run([sys.executable,'-m','tuner','--help'],stdout=-3);"
    program += "r=resource.getrusage(resource.RUSAGE_CHILDREN);print(r.ru_utime+r.ru_stime)"
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in range(5)
    ]
    return sorted(float(r.stdout) for r in runs)[2]


def main() -> None:
    """Command line."""
    overrides = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        document, command_s = sweep(overrides, Path(folder))
    engine_s, wall_s = document["engine_s"], document["wall_s"]
    print(f"trials                         {document['trials']:8d}   {document['statuses']}")
    print(f"verdict                        {document['verdict']:>8}")
    print(f"engine (load, warm, measure)   {engine_s:8.1f} s")
    print(f"study                          {wall_s:8.1f} s   engine share {100 * engine_s / wall_s:.1f} %")
    print(f"whole command                  {command_s:8.1f} s   engine share {100 * engine_s / command_s:.1f} %")
    print(f"python -m tuner --help         {help_cpu_s():8.2f} s of CPU")


if __name__ == "__main__":
    main()
