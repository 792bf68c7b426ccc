"""espeak-ng through espeakng-loader."""

from engines.espeak.engine import EspeakEngine

__all__ = ["EspeakEngine"]
