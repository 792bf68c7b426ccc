"""Production files of a measured configuration."""

from __future__ import annotations

import pprint
from collections.abc import Mapping

from engines.base import ExportFile
from engines.deploy import Deployment
from engines.espeak.library import DEFAULT_MODE, LEAST_BUFFER_MS, MODES
from engines.export_text import files_of, title
from engines.synthesis.export import splitting_file
from engines.synthesis.splitting import KNOBS

TARGETS: Mapping[str, str] = {
    "python": "module that streams speech with the measured settings, through espeakng-loader"
}


def export(target: str, deploy: Deployment) -> list[ExportFile]:
    """The files of `target`. Raises TunerError."""
    return files_of(target, deploy, {"python": _python_module})


def _python_module(deploy: Deployment) -> list[ExportFile]:
    params, facts = deploy.params, deploy.facts
    values = {
        "VOICE": str(facts.get("voice", "en-us")),
        "WORDS_PER_MINUTE": int(facts.get("words_per_minute", 175)),
        "PITCH": int(facts.get("pitch", 50)),
        "OUTPUT_MODE": MODES[str(params.get("mode", DEFAULT_MODE))],
        "BUFFER_MS": int(params.get("buffer_ms", LEAST_BUFFER_MS)),
        "SPLITTING": {knob: params[knob] for knob in KNOBS if knob in params},
    }
    assignments = "\n".join(f"{name} = {pprint.pformat(v, sort_dicts=False)}" for name, v in values.items())
    return [ExportFile("tts.py", _MODULE.format(title=repr(title(deploy)), values=assignments)), splitting_file()]


_MODULE = '''{title}

import ctypes
import threading
from typing import Any, Callable

from splitting import pieces

{values}
RETRIEVAL, MESSAGE_ENDED = 1, 6  # of speak_lib.h


class Properties(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = [
        *((name, ctypes.c_char_p) for name in ("name", "languages", "identifier")),
        *((name, ctypes.c_ubyte) for name in ("gender", "age", "variant", "unused")),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


class Voice:
    """espeak-ng with the measured settings; one at a time in a process. `sample_rate` is in Hz."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate = self._library.espeak_Initialize(OUTPUT_MODE, BUFFER_MS, data, 0)
        if self.sample_rate <= 0:
            raise RuntimeError("espeak-ng does not start")
        self._receive: Callable[[bytes], None] = lambda pcm: None
        self._ended = threading.Event()
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(ctypes.c_int)
        )
        self._callback = kind(self._on_audio)
        self._library.espeak_SetSynthCallback(self._callback)
        language = Properties(languages=VOICE.encode())
        if self._library.espeak_SetVoiceByName(VOICE.encode()) and self._library.espeak_SetVoiceByProperties(
            ctypes.byref(language)
        ):
            raise RuntimeError("espeak-ng has no voice " + VOICE)
        self._library.espeak_SetParameter(1, WORDS_PER_MINUTE, 0)
        self._library.espeak_SetParameter(3, PITCH, 0)
        self._synthesise(b"One, two.")  # the first text takes longer

    def say(self, text: str, receive: Callable[[bytes], None]) -> None:
        """Speak: `receive` gets 16-bit samples of one channel, buffer by buffer, as they are made."""
        self._receive = receive
        for piece in pieces(text, SPLITTING):
            self._synthesise(piece.encode())

    def _synthesise(self, text: bytes) -> None:
        self._ended.clear()
        if self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, 1, None, None):
            raise RuntimeError("espeak-ng refused a text")
        if OUTPUT_MODE == RETRIEVAL:
            self._ended.wait()

    def _on_audio(self, samples: Any, count: int, events: Any) -> int:
        if count > 0:
            self._receive(ctypes.string_at(samples, 2 * count))
        if events and events[0] == MESSAGE_ENDED:
            self._ended.set()
        return 0
'''
