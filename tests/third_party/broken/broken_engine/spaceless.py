"""An engine whose search space was not packed."""

from pathlib import Path

from engines.fake import FakeEngine


class SpacelessEngine(FakeEngine):
    """The fake one, in another package."""

    name = "spaceless"
    space = Path(__file__).parent / "space.yaml"
