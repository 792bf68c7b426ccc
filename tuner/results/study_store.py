"""The folder of a study: what is written when, and how it is read back after a kill at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

from search_spaces.errors import EnvironmentLackingError, TunerError
from search_spaces.parameter import Params
from tuner.core.documents import dump, load
from tuner.core.trial import TrialResult
from tuner.measure.drift import PaceCheck
from tuner.search.repeats import Repeat
from tuner.tournament.state import TournamentState

LATEST = "latest"
TOURNAMENT_STATE = "tournament_state.json"
IN_FLIGHT = "in_flight.json"
Line = TypeVar("Line")


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
class InFlight:
    """in_flight.json: the configuration that runs, and in how many runs on end the tuner was killed with it."""

    params: Params
    times: int


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
            if not _lock(handle):
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

    def trials(self) -> list[TrialResult]:
        """The finished trials in order. A line that a kill cut short is dropped from the file."""
        file = self.directory / "trials.jsonl"
        if not file.exists():
            return []
        whole, results = 0, []
        content = file.read_bytes()
        for line in content.splitlines(keepends=True):
            try:
                results.append(TrialResult.from_json(json.loads(line)))
            except (ValueError, KeyError, TypeError):
                if line.endswith(b"\n"):
                    raise TunerError(
                        f"line {len(results) + 1} of {str(file)!r} is not a trial",
                        "move the study's folder away, or give this sweep another name with study=NAME",
                    ) from None
                break
            whole += len(line)
        if whole < len(content):
            os.truncate(file, whole)
        elif content and not content.endswith(b"\n"):
            with file.open("ab") as handle:
                handle.write(b"\n")
        return results

    def append(self, result: TrialResult) -> None:
        """Add a finished trial; it is on disk when this returns."""
        self._append("trials.jsonl", result.to_json())

    def pace_checks(self) -> list[PaceCheck]:
        """How the machine's pace changed, in order; a line that is not whole ends it."""
        return self._lines("drift.jsonl", PaceCheck.from_json)

    def append_pace_check(self, check: PaceCheck) -> None:
        """Add a measurement of the baseline during the search."""
        self._append("drift.jsonl", check.to_json())

    def repeats(self) -> list[Repeat]:
        """Trials that were measured again, in order; a line that is not whole ends it."""
        return self._lines("repeats.jsonl", Repeat.from_json)

    def append_repeat(self, repeat: Repeat) -> None:
        """Add one; it is on disk when this returns."""
        self._append("repeats.jsonl", repeat.to_json())

    def tournament_state(self) -> TournamentState | None:
        """The tournament that has no verdict yet, as of its last whole block; None without one that can be read."""
        try:
            return self.read(TournamentState, TOURNAMENT_STATE)
        except TunerError:
            return None

    def write_tournament_state(self, state: TournamentState) -> None:
        """Keep a tournament before its first block and after each."""
        self.write(TOURNAMENT_STATE, state)

    def end_tournament(self) -> None:
        """The verdict is written, and holds the blocks."""
        self.remove(TOURNAMENT_STATE)

    @contextlib.contextmanager
    def in_flight(self, params: Params) -> Iterator[None]:
        """Note which configuration runs, until it has ended; the note stays where the tuner itself is killed."""
        known, times = self.left_in_flight()
        self.write(IN_FLIGHT, InFlight(params, times + 1 if known == dict(params) else 1))
        try:
            yield
        finally:
            self.remove(IN_FLIGHT)

    def left_in_flight(self) -> tuple[Params, int]:
        """The configuration during which earlier runs were killed, and how many of them; ({}, 0) without one."""
        note = self.read(InFlight, IN_FLIGHT) or InFlight({}, 0)
        return note.params, note.times

    def write(self, name: str, document: Any) -> None:
        """Write a document of ours atomically, as YAML or as JSON by its name."""
        import yaml

        data = dump(document)
        if name.endswith(".yaml"):
            self._replace(name, yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
        else:
            self._replace(name, json.dumps(data, indent=2) + "\n")

    def read(self, kind: type[Line], name: str) -> Line | None:
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

    def _lines(self, name: str, read: Callable[[Mapping[str, Any]], Line]) -> list[Line]:
        found: list[Line] = []
        try:
            for line in (self.directory / name).read_text(encoding="utf-8").splitlines():
                found.append(read(json.loads(line)))
        except (OSError, ValueError, TypeError):
            return found
        return found

    def _append(self, name: str, document: Mapping[str, Any]) -> None:
        with self._writable(), (self.directory / name).open("a+", encoding="utf-8") as handle:
            _drop_torn_line(handle)
            handle.write(json.dumps(document) + "\n")
            handle.flush()
            os.fsync(handle.fileno())

    def _replace(self, name: str, text: str) -> None:
        temporary = self.directory / f".{name}.{os.getpid()}"
        with self._writable():
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self.directory / name)

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EnvironmentLackingError(
                f"cannot write to the study's folder {str(self.directory)!r}: {error.strerror}",
                "free space or give another folder with outputs=DIR; finished trials are kept, the command resumes",
            ) from None


def _drop_torn_line(handle: TextIO) -> None:
    """Cut off what a kill left after the last whole line of an open file."""
    handle.seek(0)
    content = handle.read()
    if content and not content.endswith("\n"):
        handle.truncate(len(content[: content.rfind("\n") + 1].encode()))


def _lock(handle: TextIO) -> bool:
    """Lock an open file for this process; False when another one holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows only
        except OSError:
            return False
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
