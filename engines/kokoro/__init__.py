"""Kokoro through kokoro-onnx and onnxruntime."""

from engines.kokoro.engine import KokoroEngine

__all__ = ["KokoroEngine"]
