"""Small recordings for the tests of the benchmarks."""

import pytest

from benchmarks.problem import Problem
from benchmarks.synthetic import cpu_like, gpu_like
from benchmarks.world import Surface
from tuner.core.objective import Objective

SPEED = Objective("decode_tokens_per_second")


@pytest.fixture(scope="session")
def cpu_recording():
    return cpu_like()


@pytest.fixture(scope="session")
def cpu_problem(cpu_recording):
    return Problem(Surface(cpu_recording), SPEED, {"kld": 0.05})


@pytest.fixture(scope="session")
def gpu_problem():
    return Problem(Surface(gpu_like()), SPEED, {"kld": 0.05})
