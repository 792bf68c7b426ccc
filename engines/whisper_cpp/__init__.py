"""whisper.cpp through pywhispercpp."""

from engines.whisper_cpp.engine import WhisperCppEngine

__all__ = ["WhisperCppEngine"]
