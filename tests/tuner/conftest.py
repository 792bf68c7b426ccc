"""What the tests of the loop share: a machine of their own, and no interrupt that is left from the test before."""

import signal
from collections.abc import Iterator

import pytest

from tests.tuner.simulated import Clock, simulate
from tuner.core import interrupts


@pytest.fixture(autouse=True)
def _interrupts_as_before() -> Iterator[None]:
    """A command that a test runs in this process installs handlers, and one that it interrupts stays interrupted."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    interrupts._state.requested, interrupts._state.deferred = False, 0


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Clock:
    """The clock of a simulated machine on which the fake engine is measured, with a cache of the test's own."""
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path_factory.mktemp("cache")))
    return simulate(monkeypatch)


@pytest.fixture
def _simulated_unless_real(request: pytest.FixtureRequest) -> None:
    """For modules that are on the simulated machine except where a test is marked `real_machine`."""
    if request.node.get_closest_marker("real_machine") is None:
        request.getfixturevalue("simulated")
