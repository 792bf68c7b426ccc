"""CosyVoice through its official repository."""

from engines.cosyvoice.engine import CosyVoiceEngine

__all__ = ["CosyVoiceEngine"]
