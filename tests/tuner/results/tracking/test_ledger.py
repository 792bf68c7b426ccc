from __future__ import annotations

from pathlib import Path

import pytest

from tuner.results.tracking.ledger import FILE_NAME, Ledger


def test_reads_back_what_it_wrote(tmp_path: Path) -> None:
    ledger = Ledger.load(tmp_path)
    ledger.start_on("sqlite:///x.db", "7", "parent", {0: "a"})
    ledger.record(12, "b")
    assert Ledger.load(tmp_path) == ledger
    assert Ledger.load(tmp_path).trials == {0: "a", 12: "b"}


def test_two_studies_have_two_ids(tmp_path: Path) -> None:
    assert Ledger.load(tmp_path).id != Ledger.load(tmp_path / "other").id


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": "x"}', '{"id": 1, "trials": []}', "\x00\x01"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert Ledger.load(tmp_path).trials == {}


def test_leaves_no_temporary_file(tmp_path: Path) -> None:
    Ledger.load(tmp_path).save()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger.load(tmp_path)
    ledger.record(1, "a")

    def full_disk(*args: object, **kwargs: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full_disk)
        with pytest.raises(OSError, match="No space left"):
            ledger.record(2, "b")
    assert Ledger.load(tmp_path).trials == {1: "a"}
