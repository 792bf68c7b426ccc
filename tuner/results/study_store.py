"""The folder of a study: what is written when, and how it is read back after a kill at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engines.file_lock import lock
from search_spaces.errors import EnvironmentLackingError, TunerError
from tuner.core import files
from tuner.core.documents import dump, load
from tuner.tournament.proof_state import ProofState

LATEST = "latest"
PROOF_STATE = "proof_state.json"
EARLIER = "trials.jsonl"
"""Where studies of the first format kept their trials."""

T = TypeVar("T")


def check_writable(folder: Path) -> None:
    """Raise EnvironmentLackingError where `folder` cannot be made or written to. Nothing is left behind."""
    whole = folder.absolute()
    try:
        there = next(path for path in (whole, *whole.parents) if path.exists())
        tempfile.TemporaryDirectory(dir=there).cleanup()
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> EnvironmentLackingError:
    return EnvironmentLackingError(
        f"cannot write the study's folder {str(folder)!r}: {error.strerror}", "give a writable one with outputs=DIR"
    )


@dataclass(frozen=True)
class StudyStore:
    """Reads and writes `outputs/<study>/`. A write is whole or absent: appended and synced, or renamed into place."""

    directory: Path

    @property
    def samples_dir(self) -> Path:
        """Where the raw samples of each trial go."""
        return self.directory / "samples"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study for this process; the lock goes with the process, however it ends.

        Raises TunerError when another process holds it, EnvironmentLackingError when the folder cannot be written.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            handle = (self.directory / ".lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.directory, error) from None
        with handle:
            if not lock(handle):
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise TunerError(
                    f"another sweep (process {holder}) is running in {str(self.directory)!r}",
                    "wait for it, or give this one a name of its own with study=NAME",
                )
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield

    def check_format(self) -> None:
        """Raise TunerError for a study of the first format, whose trials were lines of a file."""
        if (self.directory / EARLIER).exists():
            raise TunerError(
                f"{str(self.directory)!r} holds a study of an earlier format ({EARLIER}), which cannot go on",
                "move the folder away, or give this sweep another name with study=NAME",
            )

    def proof_state(self) -> ProofState | None:
        """The proof that is not at its end, as of its last whole block; None without one that can be read."""
        try:
            return self.read(ProofState, PROOF_STATE)
        except TunerError:
            return None

    def write_proof_state(self, state: ProofState) -> None:
        """Keep a proof before its first block and after each."""
        self.write(PROOF_STATE, state)

    def end_proof(self) -> None:
        """The verdict is written, and holds the blocks."""
        self.remove(PROOF_STATE)

    def write(self, name: str, document: Any) -> None:
        """Write a document of ours atomically, as YAML or as JSON by its name."""
        import yaml

        data = dump(document)
        if name.endswith(".yaml"):
            self._replace(name, yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
        else:
            self._replace(name, json.dumps(data, indent=2) + "\n")

    def read(self, kind: type[T], name: str) -> T | None:
        """A document of the study; None when it is absent or not whole. Raises TunerError for one of another form."""
        import yaml

        try:
            text = (self.directory / name).read_text(encoding="utf-8")
            data = yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)
        except (OSError, ValueError, yaml.YAMLError):
            return None
        try:
            return load(kind, data, repr(str(self.directory / name)))
        except TunerError as error:
            hint = "; ".join(t for t in (error.hint, "of an earlier format? sweep again with study=NAME") if t)
            raise TunerError(error.message, hint) from None

    def remove(self, name: str) -> None:
        """Remove a file of the study, if it is there."""
        (self.directory / name).unlink(missing_ok=True)

    def point_latest(self) -> None:
        """Let `outputs/latest` point here: a symbolic link, or a file with the name where links are not allowed."""
        link = self.directory.parent / LATEST
        temporary = self.directory.parent / f".{LATEST}.{os.getpid()}"
        with self._writable():
            try:
                temporary.symlink_to(self.directory.name, target_is_directory=True)
            except OSError:
                temporary.write_text(self.directory.name, encoding="utf-8")
            temporary.replace(link)

    def _replace(self, name: str, text: str) -> None:
        with self._writable():
            files.write_text(self.directory / name, text)

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EnvironmentLackingError(
                f"cannot write to the study's folder {str(self.directory)!r}: {error.strerror}",
                "free space or give another folder with outputs=DIR; finished trials are kept, the command resumes",
            ) from None
