"""Models in GGUF files: what llama.cpp asks of them, and what it can make of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Progress
from engines.errors import ModelFileError
from engines.file_format import EmbeddedModel, FileFormat
from engines.hub import Wanted
from engines.llama_cpp.capabilities import mlock_permitted
from engines.llama_cpp.gguf_file import GgufHeader, read_header
from engines.llama_cpp.hub_choice import choose
from engines.llama_cpp.library import vocabulary
from engines.llama_cpp.model_facts import (
    DEFAULT_CONTEXT,
    check_generates,
    check_quantization,
    context_length,
    facts_of,
    quantization_of,
)
from engines.llama_cpp.quantize import ON_DEMAND, UNQUANTIZED, predict, variant
from engines.model_files import ModelFiles
from search_spaces.parameter import Value


class GgufFormat(FileFormat[GgufHeader]):
    """GGUF files. The option `n_ctx` is the context in tokens."""

    options = ("n_ctx",)
    embedded_choice = "model=embedded"
    hub_example = "hf:ORG/REPO"
    wanted = Wanted(choose, ".gguf", "llm")
    unquantized = UNQUANTIZED
    on_demand = ON_DEMAND
    quantization = staticmethod(quantization_of)
    variant = staticmethod(variant)

    def embedded(self) -> EmbeddedModel:
        """The small language model."""
        from engines.embedded.language_model import SHAPES, digest, file_bytes, write_gguf

        return EmbeddedModel("the embedded model", SHAPES, digest, file_bytes, write_gguf)

    def read(self, path: Path) -> GgufHeader:
        """The header of a file that llama.cpp can load and that generates text."""
        header = read_header(path)
        try:
            check_generates(header)
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"{path} has damaged metadata: {error}", "convert the model again") from error
        with vocabulary(path):
            pass
        return header

    def read_as(self, quantization: str, path: Path) -> GgufHeader:
        """As `read`; the file must not say that it is of another quantization."""
        check_quantization(quantization, read_header(path))
        return self.read(path)

    def identity(self, header: GgufHeader) -> Mapping[str, Value]:
        """Architecture and sizes."""
        facts = facts_of(header)
        return {fact: facts[fact] for fact in ("architecture", "n_layers", "n_embd", "n_vocab")}

    def name(self, header: GgufHeader, config: Mapping[str, Any]) -> str:
        """The name in the file, else the file's."""
        return str(header.metadata.get("general.name") or header.path.stem)

    def facts(self, header: GgufHeader, config: Mapping[str, Any], progress: Progress) -> dict[str, Value]:
        """Sizes, the context, and whether `header`'s file, the largest variant, may be locked into memory."""
        facts = facts_of(header)
        trained = int(facts["n_ctx_train"])
        facts["n_ctx"] = context_length(config.get("n_ctx"), trained)
        if int(facts["n_ctx"]) < DEFAULT_CONTEXT and config.get("n_ctx") is None:
            progress(f"the context is {trained} tokens, as the model was trained")
        facts["mlock"] = mlock_permitted(header.size_bytes)
        return facts

    def predicted_facts(self, header: GgufHeader, quantization: str, progress: Progress) -> dict[str, Value]:
        """The size of the variant, and how many tensors it keeps in another type."""
        predicted = predict(header.path, quantization)
        facts: dict[str, Value] = {f"file_mib_{quantization}": predicted.size_mib}
        if predicted.fallback_tensors:
            facts[f"fallback_tensors_{quantization}"] = predicted.fallback_tensors
            progress(
                f"{quantization}: {predicted.fallback_tensors} of {len(header.tensors)} tensors take another type, "
                "because their row length does not fit its blocks"
            )
        return facts


_FILES = ModelFiles(GgufFormat())
resolve_model, prepare = _FILES.resolve, _FILES.prepare
