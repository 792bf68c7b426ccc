from __future__ import annotations

from types import ModuleType

import pytest

from engines.errors import REPORT_IT, EngineError, ModelFileError, OutOfMemoryError, UnsupportedError
from engines.failures import Signs
from engines.llama_cpp import library as llama
from engines.whisper_cpp import library as whisper

SIGNS = Signs("libtalk", ("no memory",), ("cannot do",), ("bad file",), "take less", "take a good one")


@pytest.mark.parametrize(
    ("logged", "kind", "message", "hint"),
    [
        ("No memory, so cannot do it", OutOfMemoryError, "not enough memory: No memory, so cannot do it", "take less"),
        ("Cannot do this", UnsupportedError, "Cannot do this", "fix the knob that it names: params.KNOB=VALUE"),
        ("a bad file", ModelFileError, "libtalk cannot load m.bin: a bad file", "take a good one"),
        ("hm", EngineError, "libtalk failed: hm", REPORT_IT),
    ],
)
def test_the_first_kind_whose_words_are_found(logged: str, kind: type[EngineError], message: str, hint: str) -> None:
    error = SIGNS.failure("it failed", logged, "m.bin")
    assert (type(error), error.message, error.hint) == (kind, message, hint)


def test_the_exceptions_words_count_too_and_speak_without_a_log() -> None:
    assert type(SIGNS.failure("bad file", "hm", "m.bin")) is ModelFileError
    assert SIGNS.failure("it failed", "", "m.bin").message == "libtalk failed: it failed"


@pytest.mark.parametrize("library", [llama, whisper])
def test_each_library_is_told_by_its_own_log(library: ModuleType) -> None:
    log, failure = library.LOG, library.failure
    log.clear()
    log.receive(4, "load_it: unable to go on: out of memory\n")
    error = failure("Failed to initialise", "m.bin")
    log.clear()
    assert type(error) is OutOfMemoryError
    assert error.message == "not enough memory: unable to go on: out of memory"
