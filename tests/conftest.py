"""Shared by all tests: no deadline that a busy machine could miss, no chance, and a cache of the session's own."""

import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "tuner", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tuner")
os.environ.pop("MLFLOW_TRACKING_URI", None)
# Two threads of the linear algebra wait for each other at every small solve: beside a busy program for 30 ms of it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After the shuffling: the README's commands run as they stand on the page, each on what those before it left."""
    shown = [item for item in items if item.get_closest_marker("readme")]
    ordered = iter(sorted(shown, key=lambda item: item.callspec.indices["command"]))  # type: ignore[attr-defined]
    items[:] = [next(ordered) if item.get_closest_marker("readme") else item for item in items]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tests run in a random order: whoever wants the same one again gives its seed."""
    if (seed := config.getoption("randomly_seed", None)) is not None:
        terminalreporter.write_line(f"the same order again: --randomly-seed={seed}")


@pytest.fixture(scope="session", autouse=True)
def _session_cache():
    """Embedded models and quantized variants are made once for the session and are not the user's."""
    if "TUNER_CACHE" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="tuner-cache-") as folder:
        os.environ["TUNER_CACHE"] = folder
        yield
        del os.environ["TUNER_CACHE"]
