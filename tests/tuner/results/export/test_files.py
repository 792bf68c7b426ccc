import os
import stat

import pytest

from engines.base import ExportFile
from search_spaces.errors import EnvironmentLackingError, TunerError
from tuner.results.export.files import write_files

SCRIPT = ExportFile("serve.sh", "#!/bin/sh\necho 'ü'\n", executable=True)
CONFIG = ExportFile("config.json", "{}\n")


def test_files_are_written_whole_into_a_new_folder(tmp_path):
    folder = tmp_path / "a" / "b c"
    assert write_files([SCRIPT, CONFIG], folder, overwrite=False) == [folder / "serve.sh", folder / "config.json"]
    assert (folder / "serve.sh").read_text(encoding="utf-8") == SCRIPT.text
    assert sorted(f.name for f in folder.iterdir()) == ["config.json", "serve.sh"]


def test_only_programs_are_executable_and_the_umask_holds(tmp_path):
    before = os.umask(0o027)
    try:
        write_files([SCRIPT, CONFIG], tmp_path, overwrite=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "serve.sh").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "config.json").stat().st_mode) == 0o640


def test_the_same_export_again_is_no_conflict(tmp_path):
    write_files([SCRIPT], tmp_path, overwrite=False)
    write_files([SCRIPT], tmp_path, overwrite=False)


def test_other_content_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(TunerError, match=r"config\.json in .* would be overwritten") as raised:
        write_files([SCRIPT, CONFIG], tmp_path, overwrite=False)
    assert "--overwrite" in raised.value.hint
    assert [f.name for f in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_text() == "mine"


def test_a_dangling_link_is_somebodys_too(tmp_path):
    (tmp_path / "config.json").symlink_to("nowhere")
    with pytest.raises(TunerError, match="would be overwritten"):
        write_files([CONFIG], tmp_path, overwrite=False)


def test_other_content_is_replaced_on_demand(tmp_path):
    (tmp_path / "config.json").write_text("mine")
    write_files([CONFIG], tmp_path, overwrite=True)
    assert (tmp_path / "config.json").read_text() == CONFIG.text


def test_a_failure_half_way_leaves_the_old_files(tmp_path, monkeypatch):
    write_files([CONFIG], tmp_path, overwrite=False)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentLackingError, match="No space left on device"):
        write_files([ExportFile("config.json", "new"), SCRIPT], tmp_path, overwrite=True)
    assert [f.name for f in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_text() == CONFIG.text


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").write_text("")
    for folder in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(TunerError, match="is not a folder"):
            write_files([CONFIG], folder, overwrite=False)


def test_a_folder_that_cannot_be_written():
    with pytest.raises(EnvironmentLackingError, match="cannot write to"):
        write_files([CONFIG], __import__("pathlib").Path("/proc/nothing/here"), overwrite=False)
