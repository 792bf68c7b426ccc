"""A class that has next to nothing of an engine."""

from engines.assembled import AssembledEngine


class HollowEngine(AssembledEngine):
    """Without methods."""

    name = "hollow"
    task = "llm"
