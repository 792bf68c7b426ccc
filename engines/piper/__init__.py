"""Piper, through piper-tts and onnxruntime."""

from engines.piper.engine import PiperEngine

__all__ = ["PiperEngine"]
