"""llama.cpp through llama-cpp-python."""

from engines.llama_cpp.engine import LlamaCppEngine

__all__ = ["LlamaCppEngine"]
