"""How an engine fails. The worker turns each into a trial status; anything else that escapes is a crash."""

from __future__ import annotations

from search_spaces.errors import EnvironmentLackingError, TunerError

REPORT_IT = "report it with the output of `python -m tuner doctor --json`"
"""The next step where nobody but the tuner's authors can tell what is wrong."""
SWEEP_AGAIN = "run the same command again: it looks for the model anew and makes what is gone"
"""The next step where a file was removed while it was needed."""


class EngineError(TunerError):
    """The engine could not do what was asked for a reason that it knows."""


class OutOfMemoryError(EngineError):
    """The configuration does not fit into the memory of the host or of the device."""


class UnsupportedError(EngineError):
    """This build, model or machine cannot run the configuration."""


class InvalidOutputError(EngineError):
    """The engine answered, but with something that no user could deploy (NaN, silence, nothing)."""


class EmptyOutputError(InvalidOutputError):
    """The engine answered nothing."""


class ModelFileError(EngineError):
    """A model file is missing, unreadable, truncated or of another format."""


class MissingLibraryError(EnvironmentLackingError):
    """An engine's library is not installed."""


class MissingModelError(EnvironmentLackingError):
    """Published weights that can be had were not fetched yet."""


class UnusableEngineError(EnvironmentLackingError):
    """An engine of another package does not import, or is none."""
