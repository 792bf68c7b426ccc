"""What a native library's failure means, by the words that it uses for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.errors import REPORT_IT, EngineError, ModelFileError, OutOfMemoryError, UnsupportedError


@dataclass(frozen=True)
class Signs:
    """Words of `library`, in lower case, by which its failures are told apart, and what to do about them.

    The first kind of which a word is found is taken, in the order of the fields.
    """

    library: str
    no_memory: tuple[str, ...]
    unsupported: tuple[str, ...]
    bad_model: tuple[str, ...]
    no_memory_hint: str
    bad_model_hint: str

    def failure(self, message: str, logged: str, path: Path | str) -> EngineError:
        """The error for an exception's `message` and the errors that were `logged` before it ("" where none were).

        `path` is the model's file.
        """
        reason = logged or message
        text = f"{logged} {message}".lower()
        if any(sign in text for sign in self.no_memory):
            return OutOfMemoryError(f"not enough memory: {reason}", self.no_memory_hint)
        if any(sign in text for sign in self.unsupported):
            return UnsupportedError(reason, "fix the knob that it names: params.KNOB=VALUE")
        if any(sign in text for sign in self.bad_model):
            return ModelFileError(f"{self.library} cannot load {path}: {reason}", self.bad_model_hint)
        return EngineError(f"{self.library} failed: {reason}", REPORT_IT)
