"""faster-whisper: Whisper through CTranslate2."""

from engines.faster_whisper.engine import FasterWhisperEngine

__all__ = ["FasterWhisperEngine"]
