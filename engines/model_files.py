"""Models that are files, one for each quantization: what is the same whatever their format.

From a `model` configuration (the embedded model, a file, the user's own variants, or files of a hub) to a Model, and
from a Model to the file of a configuration.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from engines.base import Model, ModelFile, Progress
from engines.cache import cache_root, file_sha256, make_once
from engines.errors import SWEEP_AGAIN, ModelFileError, UnsupportedError
from engines.file_format import FileFormat, H
from engines.hub import PREFIX, fetch
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params

EMBEDDED = "embedded"
"""The `source` of the model that ships with the tool."""
_OPTIONS = ("source", "shape", "variants")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class ModelFiles(Generic[H]):
    """The models of one file format."""

    format: FileFormat[H]

    def resolve(self, config: Mapping[str, Any], progress: Progress) -> Model:
        """The Model of a `model` configuration. Raises ModelFileError, or TunerError for an option that is wrong.

        `source` is `embedded` (with `shape`), a file or `hf:ORG/REPO[/FILE]`; `variants` maps quantizations to files
        and stands instead of it. An unquantized source can be quantized on demand.
        """
        self._check_options(config)
        if variants := config.get("variants"):
            headers = {
                str(q): self.format.read_as(str(q), self.format.file_of(Path(str(file)).expanduser(), progress))
                for q, file in variants.items()
            }
            return self._of_variants(headers, "variants", config, progress)
        source = str(config["source"])
        if source == EMBEDDED:
            return self._of_file(self._embedded_file(config.get("shape"), progress), source, config, progress)
        if not source.startswith(PREFIX):
            file = self.format.file_of(Path(source).expanduser(), progress)
            return self._of_file(file, source, config, progress)
        files = fetch(source, self.format.wanted, progress)
        if len(files) == 1:
            return self._of_file(next(iter(files.values())), source, config, progress)
        return self._of_variants({q: self.format.read(path) for q, path in files.items()}, source, config, progress)

    def prepare(self, model: Model, params: Params, progress: Progress) -> ModelFile:
        """The file of `params`' quantization, made when it is one on demand.

        Raises UnsupportedError for a quantization that the model lacks, ModelFileError for a file that is gone.
        """
        quantization = str(params.get("quantization", model.native))
        if quantization not in model.variants:
            raise UnsupportedError(
                f"{model.name} has no {quantization} variant", f"it has {', '.join(sorted(model.variants))}"
            )
        path = Path(
            model.variants[quantization]
            or self.format.variant(Path(model.variants[model.native]), model.digest, quantization, progress)
        )
        if not path.exists():
            raise ModelFileError(f"the model file {path} is gone", SWEEP_AGAIN)
        only_file = quantization == model.native and len(list(filter(None, model.variants.values()))) == 1
        sha256 = model.digest if only_file else file_sha256(path, progress)
        return ModelFile(str(path), sha256, quantization, path.stat().st_size / _MIB)

    def _check_options(self, config: Mapping[str, Any]) -> None:
        known = (*_OPTIONS, *self.format.options)
        for option in config:
            if option not in known:
                raise unknown_name("model option", str(option), known)
        source, variants, embedded = config.get("source"), config.get("variants"), self.format.embedded_choice
        if variants and source:
            raise TunerError("model has both a source and variants", "give one of them")
        if not variants and not source:
            raise TunerError(
                "model has neither a source nor variants",
                f"{embedded}, model=FILE{self.format.wanted.suffix} or model={self.format.hub_example}",
            )
        if source and source != EMBEDDED and config.get("shape"):
            raise TunerError("model.shape is for the embedded model alone", f"leave it out, or use {embedded}")

    def _embedded_file(self, shape: Any, progress: Progress) -> Path:
        """The embedded model of a shape, written into the cache once."""
        model = self.format.embedded()
        if shape not in model.shapes:
            raise unknown_name(f"shape of {model.what}", str(shape), model.shapes)
        path = cache_root() / "embedded" / f"{shape}-{model.digest(shape)[:16]}{self.format.wanted.suffix}"
        return make_once(path, model.file_bytes(shape), lambda temporary: model.write(shape, temporary, progress))

    def _of_file(self, path: Path, source: str, config: Mapping[str, Any], progress: Progress) -> Model:
        """A Model of one file: its own quantization only, or every one on demand when it is unquantized."""
        header = self.format.read(path)
        native = self.format.quantization(header)
        variants = {native: str(path.absolute())}
        facts = self.format.facts(header, config, progress)
        facts[f"file_mib_{native}"] = header.size_bytes / _MIB
        for quantization in self.format.on_demand if native in self.format.unquantized else ():
            if quantization != native:
                variants[quantization] = ""
                facts |= self.format.predicted_facts(header, quantization, progress)
        digest = file_sha256(path, progress)
        return Model(self.format.name(header, config), source, digest, variants, native, native, facts)

    def _of_variants(
        self, headers: Mapping[str, H], source: str, config: Mapping[str, Any], progress: Progress
    ) -> Model:
        """A Model of several files; its native and reference variant is the largest, hence most precise."""
        reference = max(headers, key=lambda quantization: headers[quantization].size_bytes)
        facts = self.format.facts(headers[reference], config, progress)
        for quantization, header in headers.items():
            self._check_same_model(headers[reference], header)
            facts[f"file_mib_{quantization}"] = header.size_bytes / _MIB
            if (stated := self.format.quantization(header)) != quantization:
                progress(f"{header.path.name} is called {quantization} but says that it is {stated}")
        sums = {quantization: file_sha256(header.path, progress) for quantization, header in sorted(headers.items())}
        digest = hashlib.sha256(repr(sorted(sums.items())).encode()).hexdigest() if len(sums) > 1 else sums[reference]
        variants = {quantization: str(header.path.absolute()) for quantization, header in headers.items()}
        return Model(
            self.format.name(headers[reference], config), source, digest, variants, reference, reference, facts
        )

    def _check_same_model(self, one: H, other: H) -> None:
        its = self.format.identity(other)
        for fact, mine in self.format.identity(one).items():
            if mine != its[fact]:
                raise ModelFileError(
                    f"{one.path.name} ({fact} {mine}) and {other.path.name} ({its[fact]}) are not of one model",
                    "give files that were quantized from the same model",
                )
