"""A voice with a known optimum whose fastest configurations are not speech."""

from engines.fake_voice.engine import RATE, SPEAKERS, FakeVoiceEngine, FakeVoiceSession

__all__ = ["RATE", "SPEAKERS", "FakeVoiceEngine", "FakeVoiceSession"]
