"""Where Optuna keeps a study: a journal in the study's folder, or a database that the user names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import optuna
import yaml
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages._rdb.models import NOT_FOUND_MSG
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from engines.file_lock import lock, unlock
from search_spaces.errors import EnvironmentLackingError, TunerError

JOURNAL = "journal.log"
SCHEMES = ("sqlite", "postgresql", "mysql")
_KEPT = "finished trials are kept; rerun to continue once it is there"


def check_storage(url: str) -> None:
    """Raise TunerError for a storage that is none, or whose URL carries a password: it would be written into files."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parts = make_url(url)
    except ArgumentError:
        parts = None
    if parts is None or parts.get_backend_name() not in SCHEMES:
        raise TunerError(
            f"storage={url!r} is no database URL",
            "storage=sqlite:///FILE or storage=postgresql+psycopg://USER@HOST/NAME, or leave it out",
        )
    if parts.password is not None:
        raise TunerError(
            f"storage={parts.render_as_string(hide_password=True)} has a password in it, which would end up in files",
            "leave it out, and give it in the environment (PGPASSWORD) or in ~/.pgpass",
        )


def open_storage(url: str, folder: Path, writing: bool = True) -> BaseStorage:
    """The storage at `url`, or the journal in `folder` where that is empty.

    What a kill left of a last line is pruned where `writing`. Raises EnvironmentLackingError when it is not reached.
    """
    if url:
        return _database(url)
    file = folder / JOURNAL
    if not writing and not file.exists():
        raise TunerError(f"{str(folder)!r} holds no trials", "run its sweep again")
    journal_lock = KernelLock(folder / f".{JOURNAL}.lock")
    if writing:
        with journal_lock.held():
            _cut_torn_line(file)
    try:
        return JournalStorage(Journal(file, journal_lock))
    except (ValueError, KeyError) as error:
        raise TunerError(
            f"{str(file)!r} is not a journal of trials ({type(error).__name__}: {error})",
            "move the study's folder away, or give this sweep another name with study=NAME",
        ) from None


def storage_of(folder: Path) -> str:
    """What the dashboard of a study in `folder` is opened on: the URL of its database, or the path of its journal."""
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8")) or {}
    return str(study.get("storage") or folder / JOURNAL)


def _database(url: str) -> BaseStorage:
    from sqlalchemy.exc import SQLAlchemyError

    check_storage(url)
    try:
        with reached(url):
            # A connection that a server or a firewall closed during a long trial is opened anew.
            return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    except (ImportError, ModuleNotFoundError) as error:
        raise EnvironmentLackingError(
            f"storage={url} needs a driver that is not installed ({error})", "python -m pip install 'psycopg[binary]'"
        ) from None
    except SQLAlchemyError as error:
        raise _unreached(url, error) from None


@contextlib.contextmanager
def reached(url: str) -> Iterator[None]:
    """Turn a storage that is gone, locked or full, or has lost the study, into an EnvironmentLackingError."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise _unreached(url, error) from None
    except KeyError as error:
        if error.args != (NOT_FOUND_MSG,):
            raise
        raise EnvironmentLackingError(
            f"the study is no longer in the storage {url or 'in the study folder'}: it was deleted meanwhile",
            "begin another one with study=NAME",
        ) from None
    except OSError as error:
        raise EnvironmentLackingError(
            f"the study's storage cannot be written: {error.strerror or error}", f"free space, or fix it; {_KEPT}"
        ) from None


def _unreached(url: str, error: BaseException) -> EnvironmentLackingError:
    cause = error.__cause__ or error
    text = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    hint = f"check storage={url}, and that its folder or server is there; {_KEPT}" if url else _KEPT
    return EnvironmentLackingError(f"the storage {url or 'in the study folder'} is not reached: {text[0]}", hint)


class KernelLock(BaseJournalFileLock):
    """A lock of the journal that the kernel gives back when its process ends, however that happens.

    Optuna's own locks are files, which a killed writer leaves behind.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle: TextIO | None = None

    def acquire(self) -> bool:
        """Wait for the lock and take it."""
        handle = self._file.open("a", encoding="utf-8")
        lock(handle, wait=True)
        self._handle = handle
        return True

    def release(self) -> None:
        """Give it back."""
        handle, self._handle = self._handle, None
        if handle is not None:
            unlock(handle)
            handle.close()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for a block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


class Journal(JournalFileBackend):
    """Optuna's, which cuts off at once what a write that failed left of a line: the next one would be glued to it."""

    def __init__(self, file: Path, lock: KernelLock) -> None:
        super().__init__(str(file), lock_obj=lock)
        self._path, self._held = file, lock.held

    def append_logs(self, logs: list[Any]) -> None:
        """Write lines. Raises OSError where the disk is full."""
        try:
            super().append_logs(logs)
        except OSError:
            with self._held():
                _cut_torn_line(self._path)
            raise


def _cut_torn_line(file: Path) -> None:
    """Cut off what a kill left after the last whole line; the next one would be glued to it."""
    if not file.exists():
        return
    with file.open("r+b") as handle:
        content = handle.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            handle.truncate(whole)
