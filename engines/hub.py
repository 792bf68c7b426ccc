"""Model files of a hub, by `hf:ORG/REPO[@REVISION][/FILE]`, through huggingface_hub and its own cache."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from engines.base import Progress
from engines.cache import no_room
from engines.errors import MissingLibraryError, ModelFileError
from engines.install import install_hint
from search_spaces.errors import EnvironmentLackingError

PREFIX = "hf:"
_SOURCE = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.%-]+))?(?:/(?P<file>.+))?")


class HubError(EnvironmentLackingError):
    """The hub cannot be reached, or does not hand out what was asked for."""


_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Wanted:
    """What an engine wants of a repository: `choose(repo, file → bytes, the file asked for)` gives quantization → file.

    `suffix` is that of its model files, `extra` the package's extra that installs huggingface_hub for it.
    """

    choose: Callable[[str, Mapping[str, int], str | None], dict[str, str]]
    suffix: str
    extra: str


@dataclass(frozen=True)
class _Source:
    repo: str
    revision: str | None
    file: str | None


def fetch(source: str, wanted: Wanted, progress: Progress) -> dict[str, Path]:
    """Quantization → local file of `hf:…`, downloaded unless the hub's cache has them.

    Raises HubError and ModelFileError.
    """
    asked = _parse(source)
    with _hub_errors(asked, wanted):
        sizes = _listing(asked, wanted, progress)
        chosen = wanted.choose(asked.repo, sizes, asked.file)
        _check_room(sum(sizes[file] for file in chosen.values() if not _is_cached(asked, file)))
        return {quantization: _download(asked, file, progress) for quantization, file in chosen.items()}


def _parse(source: str) -> _Source:
    match = _SOURCE.fullmatch(source.removeprefix(PREFIX))
    if match is None:
        raise ModelFileError(
            f"{source!r} is not a model on a hub", "write hf:ORG/REPO, hf:ORG/REPO/FILE or hf:ORG/REPO@REVISION"
        )
    return _Source(match["repo"], match["revision"], match["file"])


def _listing(asked: _Source, wanted: Wanted, progress: Progress) -> dict[str, int]:
    """File → size in bytes of the repository; of what the cache has of it when the hub cannot be reached."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError

    progress(f"looking at {asked.repo}")
    try:
        # Not list_repo_tree: it repeats a failed request for half a minute.
        info = HfApi().model_info(asked.repo, revision=asked.revision, files_metadata=True, timeout=_TIMEOUT_S)
        return {file.rfilename: int(file.size or 0) for file in info.siblings or []}
    except HfHubHTTPError:
        raise
    except (HTTPError, OSError):
        try:
            folder = Path(snapshot_download(asked.repo, revision=asked.revision, local_files_only=True))
        except LocalEntryNotFoundError:
            folder = None
        if folder is None:
            raise
        progress(f"the hub cannot be reached: using what was downloaded of {asked.repo} before")
        return {f.relative_to(folder).as_posix(): 0 for f in folder.rglob(f"*{wanted.suffix}")}


def _download(asked: _Source, file: str, progress: Progress) -> Path:
    from huggingface_hub import hf_hub_download

    class Bar(_Bar):
        tell = staticmethod(progress)
        name = PurePosixPath(file).name

    return Path(hf_hub_download(asked.repo, file, revision=asked.revision, tqdm_class=Bar))


class _Bar:
    """What huggingface_hub takes for a progress bar: tells every twentieth part."""

    tell: Progress
    name: str

    def __init__(self, *_: Any, total: float | None = None, initial: float = 0, **__: Any) -> None:
        self.total, self.n, self._told = total, initial, -1

    def update(self, n: float | None = 1) -> None:
        """`n` more bytes have arrived."""
        self.n += n or 0
        part = int(20 * self.n / self.total) if self.total else int(self.n) >> 28
        if part > self._told:
            self._told = part
            share = f"{5 * part} %" if self.total else f"{int(self.n) >> 20} MiB"
            self.tell(f"downloading {self.name} {share}")

    def __enter__(self) -> _Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def close(self) -> None:
        """There is nothing to close."""

    def refresh(self, *_: Any, **__: Any) -> None:
        """There is nothing to draw."""

    def set_description(self, *_: Any, **__: Any) -> None:
        """The description is always the file's name."""


def _is_cached(asked: _Source, file: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(asked.repo, file, revision=asked.revision), str)


def _check_room(needed_bytes: int) -> None:
    """Raise CacheError when the disk of the hub's cache lacks room."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < needed_bytes:
        raise no_room(folder, needed_bytes, free_bytes)


@contextlib.contextmanager
def _hub_errors(asked: _Source, wanted: Wanted) -> Iterator[None]:
    """One clear line for each way in which a hub refuses."""
    try:
        from huggingface_hub import errors
    except ImportError as error:
        raise MissingLibraryError("huggingface-hub is not installed", install_hint(wanted.extra)) from error
    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError(f"{asked.repo} is gated", "accept its terms on the hub, then `hf auth login`") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"there is no {asked.repo} on the hub, or it is private", "check the name; `hf auth login`"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(
            f"{asked.repo} has no revision {asked.revision}", "name a branch, tag or commit of it"
        ) from error
    except errors.HFValidationError as error:
        raise ModelFileError(f"{asked.repo!r} is no repository's name", "write hf:ORG/REPO") from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "no answer")
        raise HubError(f"the hub refused {asked.repo}: HTTP status {status}", "try again later") from error
    except (errors.HTTPError, errors.LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        raise HubError(
            f"the hub cannot be reached for {asked.repo}: {str(error).splitlines()[0] if str(error) else 'no answer'}",
            f"check the network and HF_ENDPOINT, or give a file: model=FILE{wanted.suffix}",
        ) from error
