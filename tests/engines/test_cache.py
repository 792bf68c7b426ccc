from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from engines.cache import CacheError, binaries_digest, cache_root, file_sha256, locked, make_once

_SLOW_MAKER = """
import sys, time
from pathlib import Path
from engines.cache import make_once
target, log = Path(sys.argv[1]), Path(sys.argv[2])
def make(temporary):
    with log.open("a") as file:
        file.write("made\\n")
    temporary.write_text("half")
    time.sleep(float(sys.argv[3]))
    temporary.write_text("whole")
make_once(target, 0, make)
assert target.read_text() == "whole"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def start_maker(target: Path, log: Path, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _SLOW_MAKER, str(target), str(log), str(seconds)])


def wait_for(condition) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_root_is_the_environments_or_in_the_home(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    assert cache_root() == cache
    monkeypatch.delenv("TUNER_CACHE")
    assert cache_root() == Path.home() / ".cache" / "voice-stack-tuner"


def test_made_once_and_then_found(cache: Path) -> None:
    calls = []
    for _ in range(2):
        path = make_once(cache / "a" / "b", 1, lambda t: (calls.append(t), t.write_text("content")))
    assert path.read_text() == "content"
    assert len(calls) == 1


def test_a_failure_leaves_nothing_behind(cache: Path) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        make_once(cache / "x", 1, fail)
    assert [p.name for p in cache.iterdir()] == ["x.lock"]


def test_two_processes_make_a_file_once(tmp_path: Path, cache: Path) -> None:
    log = tmp_path / "log"
    makers = [start_maker(cache / "x", log, 0.5) for _ in range(2)]
    assert [maker.wait(240) for maker in makers] == [0, 0]
    assert log.read_text() == "made\n"


def test_a_killed_maker_neither_blocks_nor_leaves_half_a_file(tmp_path: Path, cache: Path) -> None:
    log, target = tmp_path / "log", cache / "x"
    maker = start_maker(target, log, 60)
    wait_for(lambda: (cache / "x.part").exists())
    maker.kill()
    maker.wait()
    assert not target.exists()
    make_once(target, 0, lambda t: t.write_text("whole"))
    assert target.read_text() == "whole"
    assert not (cache / "x.part").exists()


def test_too_little_room_is_foreseen(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, 100 << 20))
    with pytest.raises(CacheError, match=r"the disk is full: .*x needs 200 MiB, 100 MiB are free") as caught:
        make_once(cache / "x", 200 << 20, lambda t: pytest.fail("must not be made"))
    assert "TUNER_CACHE" in caught.value.hint
    assert caught.value.exit_status == 3


def test_a_disk_that_fills_up_is_one_clear_line(cache: Path) -> None:
    def fill(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))

    with pytest.raises(CacheError, match="the disk is full"):
        make_once(cache / "x", 1, fill)
    assert not (cache / "x.part").exists()


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheError, match="cannot write to the cache"):
        make_once(cache_root() / "x", 1, lambda t: t.write_text(""))


def test_the_lock_ends_with_its_holder(cache: Path) -> None:
    cache.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, time\nfrom pathlib import Path\nfrom engines.cache import locked\n"
         f"with locked(Path({str(cache / 'x')!r})):\n    print('held', flush=True)\n    time.sleep(60)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.communicate()
    with locked(cache / "x"):
        pass


def test_the_digest_is_the_contents_and_follows_a_change(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "file"
    for content in (b"one", b"two, longer", b"one"):
        file.write_bytes(content)
        os.utime(file, ns=(len(content), len(content)))
        assert file_sha256(file) == hashlib.sha256(content).hexdigest()


def test_the_digest_of_an_unchanged_file_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    first = file_sha256(file)
    monkeypatch.setattr("engines.cache._hash", lambda *args: pytest.fail("hashed again"))
    assert file_sha256(file) == first


def test_the_digest_needs_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    monkeypatch.setenv("TUNER_CACHE", str(file))
    assert file_sha256(file) == hashlib.sha256(b"one").hexdigest()


def test_the_digest_of_binaries_is_of_names_and_content(tmp_path: Path, cache: Path) -> None:
    def build(folder: str, **files: str) -> str:
        (tmp_path / folder).mkdir()
        paths = [tmp_path / folder / name for name in files]
        for path in paths:
            path.write_text(files[path.name])
        return binaries_digest(paths)

    one = build("a", lib="x", plugin="y")
    assert len(one) == 12
    assert build("b", lib="x", plugin="y") == one
    assert len({one, build("c", lib="x", plugin="z"), build("d", lib="x", addon="y"), build("e", lib="x")}) == 4
