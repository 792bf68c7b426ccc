"""The espeak-ng library of the espeakng-loader wheel, through ctypes. Only worker processes call this.

The library keeps one state for the process, and some of it (where the glottal pulse stands) outlives a request and even
espeak_Terminate: the same text comes out a few samples longer or shorter the next time. `Voice.renew` unloads it, so
that every request can begin in the same state, to the bit. That works on a copy of the file that nobody else in the
process has loaded.
"""

from __future__ import annotations

import ctypes
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engines.cache import cache_root, file_sha256, make_once
from engines.errors import REPORT_IT, EngineError, MissingLibraryError
from engines.install import install_hint
from engines.synthesis.speech import F32

RETRIEVAL, SYNCHRONOUS = "retrieval", "synchronous"
MODES = {RETRIEVAL: 1, SYNCHRONOUS: 2}
"""espeak_AUDIO_OUTPUT of speak_lib.h: a thread of the library's speaks, or the calling one. Whoever starts the library
has to choose; what uses it from Python (phonemizer) takes the second."""
DEFAULT_MODE = SYNCHRONOUS
LEAST_BUFFER_MS = 60
"""The library's own, and it takes no less."""
_UTF8 = 1
_RATE, _PITCH = 1, 3
_MESSAGE_ENDED = 6
"""espeakEVENT_MSG_TERMINATED, the first event of the call that follows a text's last audio."""
_LONGEST_WAIT_S = 600.0
_WARM_UP = b"One, two."


def library_file() -> Path:
    """The library. Raises MissingLibraryError."""
    return Path(str(_loader().get_library_path()))


def data_folder() -> Path:
    """Its voices, dictionaries and sounds."""
    return Path(str(_loader().get_data_path()))


def _loader() -> Any:
    try:
        import espeakng_loader
    except ImportError as error:
        raise MissingLibraryError(f"espeakng-loader cannot be used: {error}", install_hint("tts")) from error
    return espeakng_loader


def version() -> str:
    """Of espeak-ng."""
    with _loaded(_copy()) as library:
        library.espeak_Info.restype = ctypes.c_char_p
        return bytes(library.espeak_Info(None)).decode()


def has_voice(name: str) -> bool:
    """Whether espeak-ng has a voice of that name or for that language, such as `de+f3` or `en-gb`."""
    voice = Voice(name, 175, 50, SYNCHRONOUS, LEAST_BUFFER_MS, strict=False)
    try:
        return voice.known
    finally:
        voice.close()


class Voice:
    """One voice, ready to speak. There can be one at a time in a process."""

    def __init__(
        self, name: str, words_per_minute: int, pitch: int, mode: str, buffer_ms: int, strict: bool = True
    ) -> None:
        """Load. Raises EngineError, unless not `strict`, where espeak-ng has no voice called `name`."""
        self._settings = (name, words_per_minute, pitch, MODES[mode], buffer_ms)
        self._hear: Callable[[F32], None] = lambda samples: None
        self._ended = threading.Event()
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(ctypes.c_int)
        )
        # The library holds a bare pointer: the wrapper object must outlive it.
        self._callback = kind(self._receive)
        self._file = _copy()
        self._library: Any = None
        self.sample_rate, self.known = 0, False
        self.renew()
        if strict and not self.known:
            self.close()
            raise EngineError(f"espeak-ng has no voice {name!r}", "write model.voice=en-us, or another of its voices")

    def renew(self) -> None:
        """Begin anew: the library is unloaded and loaded, and says something so that it is warm."""
        self.close()
        name, words_per_minute, pitch, mode, buffer_ms = self._settings
        self._library = _load(self._file)
        self.sample_rate = int(self._library.espeak_Initialize(mode, buffer_ms, str(data_folder()).encode(), 0))
        if self.sample_rate <= 0:
            raise EngineError(f"espeak-ng does not start with its data in {data_folder()}", "install the wheel again")
        self._library.espeak_SetSynthCallback(self._callback)
        self.known = _choose(self._library, name)
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._synthesise(_WARM_UP)

    def say(self, text: str, hear: Callable[[F32], None]) -> None:
        """Speak `text`; `hear` gets the audio buffer by buffer, within the call. Raises EngineError."""
        self._hear = hear
        try:
            self._synthesise(text.encode())
        finally:
            self._hear = lambda samples: None

    def close(self) -> None:
        """Unload; may be called again."""
        if self._library is not None:
            self._library.espeak_Terminate()
            _unload(self._library)
            self._library = None

    def _synthesise(self, text: bytes) -> None:
        self._ended.clear()
        status = self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        if status:
            raise EngineError(f"espeak-ng refused the text: status {status}", REPORT_IT)
        # espeak_Synchronize would look every 20 ms whether the library's thread is done, longer than most texts take.
        if self._settings[3] == MODES[RETRIEVAL] and not self._ended.wait(_LONGEST_WAIT_S):
            raise EngineError(
                f"espeak-ng has not ended a text in {_LONGEST_WAIT_S:g} s", "write params.mode=synchronous"
            )

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if count > 0:
            import numpy as np

            pcm = np.frombuffer(ctypes.string_at(samples, 2 * count), np.int16)
            self._hear(pcm.astype(np.float32) / np.float32(32768))
        if events and events[0] == _MESSAGE_ENDED:
            self._ended.set()
        return 0


def _copy() -> Path:
    """The library in the tool's cache."""
    file = library_file()
    path = cache_root() / "espeak" / f"{file_sha256(file)[:16]}{file.suffix}"

    def make(temporary: Path) -> None:
        shutil.copyfile(file, temporary)

    return make_once(path, file.stat().st_size, make)


@contextmanager
def _loaded(file: Path) -> Iterator[Any]:
    library = _load(file)
    try:
        yield library
    finally:
        _unload(library)


class _Properties(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


def _choose(library: Any, name: str) -> bool:
    """Choose a voice by its name, or else by the language that it speaks."""
    if library.espeak_SetVoiceByName(name.encode()) == 0:
        return True
    wanted = _Properties(languages=name.encode())
    return int(library.espeak_SetVoiceByProperties(ctypes.byref(wanted))) == 0


def _load(file: Path) -> Any:
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise MissingLibraryError(f"espeak-ng cannot be loaded: {error}", install_hint("tts")) from error


def _unload(library: Any) -> None:
    """The last handle's closing takes the library's state out of the process."""
    import _ctypes

    getattr(_ctypes, "FreeLibrary" if sys.platform == "win32" else "dlclose")(library._handle)
