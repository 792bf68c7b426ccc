"""Takes one core in random bursts, as another program on the same machine does.

    python -m benchmarks.load_generator [--share 0.3] [--burst-s 1.5] [--seed 0] [--most-s 3600]

Bursts and pauses have exponential lengths; `share` is the part of the time that is taken. It ends after `--most-s`, or
with its parent.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator


def spin(share: float, burst_s: float, seed: int, most_s: float) -> None:
    """Alternate bursts and pauses until `most_s` have passed or the parent is gone."""
    rng, parent = random.Random(seed), os.getppid()
    pause_s = burst_s * (1 - share) / share
    end = time.monotonic() + most_s
    while time.monotonic() < end and os.getppid() == parent:
        until = time.monotonic() + rng.expovariate(1 / burst_s)
        while time.monotonic() < until:
            pass
        time.sleep(min(rng.expovariate(1 / pause_s), 60.0))


@contextlib.contextmanager
def running(share: float, seed: int, burst_s: float = 1.5) -> Iterator[None]:
    """The generator in a process of its own, ended at the end of the block."""
    command = [sys.executable, "-m", "benchmarks.load_generator", "--share", str(share), "--burst-s", str(burst_s)]
    with subprocess.Popen([*command, "--seed", str(seed)]) as process:
        try:
            yield
        finally:
            process.terminate()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--burst-s", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most-s", type=float, default=3600.0)
    options = parser.parse_args()
    if not 0 < options.share < 1 or options.burst_s <= 0:
        parser.error("--share lies between 0 and 1, --burst-s above 0")
    spin(options.share, options.burst_s, options.seed, options.most_s)


if __name__ == "__main__":
    main()
