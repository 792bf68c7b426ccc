"""What the tests of the loop share: a machine of their own."""

import pytest

from tests.tuner.simulated import Clock, simulate


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
