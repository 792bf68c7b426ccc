"""Fetching, with packages in a folder instead of an index."""

import os
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from engines.cache import CacheError
from engines.errors import MissingModelError
from engines.published import packages
from engines.published.fetch import fetch
from engines.published.packages import PackageError
from engines.published.places import folder, is_here, options_for, path_of
from search_spaces.errors import EnvironmentLackingError, TunerError
from tests.engines.published.stand_in import CONTENT, PARTS, TERMS, as_if_fetched, fill, index, weights, wheel


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    return folder(weights())


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return index(tmp_path / "links", monkeypatch)


def refused(given: str = "", **changes: object) -> TunerError:
    """What is raised; nothing is left behind but a lock."""
    entry = weights(**changes)  # type: ignore[arg-type]
    with pytest.raises(TunerError) as caught:
        fetch(entry, given, lambda text: None)
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.hint
    left = folder(entry).parent
    assert not left.exists() or [path.name for path in left.iterdir() if path.suffix != ".lock"] == []
    return caught.value


def test_parts_are_joined_checked_and_found_again(place: Path, links: Path) -> None:
    fill(links)
    told: list[str] = []
    with pytest.raises(MissingModelError, match="small-talk was not fetched yet"):
        path_of(weights())
    assert fetch(weights(), "", told.append) == place
    assert (place / "talk.bin").read_bytes() == CONTENT
    assert sorted(path.name for path in place.iterdir()) == ["LICENSE", "talk.bin"]
    assert told[0] == "small-talk: downloading talk-part1 1.0 (1 of 2)"
    assert path_of(weights()) == place / "talk.bin"
    assert options_for(weights(), "fake") == {"source": str(place / "talk.bin"), "voice": "en"}
    assert options_for(weights(), "other") == {"source": str(place)}
    shutil.rmtree(links)
    assert fetch(weights(), "", lambda text: None) == place, "what is here is not fetched again"


def test_what_is_damaged_is_fetched_again(place: Path, links: Path) -> None:
    fill(links)
    as_if_fetched(weights(), place)
    assert is_here(weights()), "lengths alone are looked at for speed"
    fetch(weights(), "", lambda text: None)
    assert (place / "talk.bin").read_bytes() == CONTENT
    (place / "talk.bin").write_bytes(CONTENT[:-1])
    assert not is_here(weights())
    fetch(weights(), "", lambda text: None)
    assert (place / "talk.bin").read_bytes() == CONTENT


def test_what_a_killed_fetch_left_is_in_nobodys_way(place: Path, links: Path) -> None:
    fill(links)
    rest = place.with_name("small-talk.part") / "files"
    rest.mkdir(parents=True)
    (rest / "talk.bin").write_bytes(b"half")
    fetch(weights(), "", lambda text: None)
    assert not rest.parent.exists()


def test_a_licence_must_be_accepted_by_its_word(links: Path) -> None:
    fill(links)
    for given in ("", "other"):
        error = refused(given, accept="talk")
        assert error.message == f"small-talk is under the Some Terms, which you must accept: {TERMS}"
        assert error.hint == "this accepts them: python -m tuner models fetch small-talk accept=talk"
        assert error.exit_status == 2
    assert fetch(weights(accept="talk"), "talk", lambda text: None).is_dir()


def test_a_package_that_is_nowhere(links: Path) -> None:
    error = refused()
    assert isinstance(error, PackageError)
    assert error.exit_status == 3
    assert "cannot download talk-part1 1.0: Could not find a version" in error.message
    assert "pip config list" in error.hint


@pytest.mark.parametrize("retries", ["0", "1"])
def test_an_index_that_does_not_answer(retries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"INDEX_URL": "http://127.0.0.1:9/", "RETRIES": retries, "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    assert "cannot download talk-part1 1.0: pip's index does not answer" in refused().message


def test_other_bytes_than_were_published(links: Path) -> None:
    fill(links)
    wheel(links, "talk-part1", "1.0", {"talk_part1/data/a": PARTS[0].upper()})
    error = refused()
    assert "talk.bin is not what was published: its digest is " in error.message
    assert "talk-part1, talk-part2" in error.hint
    assert error.exit_status == 3


def test_a_package_without_the_file(links: Path) -> None:
    fill(links)
    wheel(links, "talk-part1", "1.0", {"talk_part1/c": PARTS[0]})
    assert "talk_part1-1.0-py3-none-any.whl has no file talk_part1/data/a" in refused().message


def test_a_package_that_is_no_archive(links: Path) -> None:
    fill(links)
    (links / "talk_part1-1.0-py3-none-any.whl").write_bytes(b"not a zip")
    assert "cannot download talk-part1 1.0: " in refused().message


def test_no_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(0, 0, 64 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    error = refused()
    assert isinstance(error, CacheError)
    assert "the disk is full" in error.message
    assert error.exit_status == 3


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device\n", "the disk is full"),
        ("/usr/bin/python3: No module named pip\n", "has no pip to download with"),
        ("", "cannot download talk-part1 1.0: pip says nothing"),
    ],
)
def test_what_pip_says_is_understood(told: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 1, "", told)
    monkeypatch.setattr(packages.subprocess, "run", lambda *words, **options: done)
    error = refused()
    assert message in error.message
    assert error.exit_status == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    assert "cannot write to the cache" in refused().message


def test_an_engine_that_cannot_use_it(place: Path) -> None:
    as_if_fetched(weights(), place)
    with pytest.raises(TunerError) as caught:
        options_for(weights(), "llama_cpp")
    assert not isinstance(caught.value, EnvironmentLackingError)
    assert caught.value.hint == "it is for llm: add engine=fake or engine=other"
