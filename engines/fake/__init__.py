"""An engine with a known optimum and scripted failures."""

from engines.fake.engine import FakeEngine, speed

__all__ = ["FakeEngine", "speed"]
