"""The root of every error that a user can cause or fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TunerError(Exception):
    """An expected failure: `message` says what is wrong and the value, `hint` what to do.

    `exit_status` is the process's: 1 the answer is no, 2 the input is wrong, 3 the environment lacks something.
    """

    exit_status = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class EnvironmentLackingError(TunerError):
    """Something outside the user's input is missing: a package, a tool, a writable folder."""

    exit_status = 3


class NoAnswerError(TunerError):
    """The question was sound and the answer is no: nothing feasible, a gain that is gone."""

    exit_status = 1


def unknown_name(what: str, name: str, known: Iterable[str]) -> TunerError:
    """An error for `name` that is not among `known`, with the nearest match and the options."""
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return TunerError(f"unknown {what} {name!r}", f"{guess}known: {', '.join(options) or 'none'}")
