import gzip
import json

import pytest

from benchmarks.recorded_space import space_of
from benchmarks.recording import Recording, RecordingError
from tuner.core.params import key


def test_what_is_written_is_read_back(cpu_recording, tmp_path):
    file = tmp_path / "a.json.gz"
    cpu_recording.write(file)
    again = Recording.read(file)
    assert dict(again.about) == dict(cpu_recording.about)
    assert [dict(t.params) for t in again.trials] == [dict(t.params) for t in cpu_recording.trials]
    for read, made in zip(again.trials, cpu_recording.trials, strict=True):
        assert read.status == made.status
        assert read.wall_s == pytest.approx(made.wall_s, rel=0.01)
        for mine, its in zip(read.rounds, made.rounds, strict=True):
            assert mine.metrics == pytest.approx(its.metrics, rel=1e-3)
            assert mine.noise.disturbed == its.noise.disturbed
    assert again.exhaustive_s == pytest.approx(cpu_recording.exhaustive_s, rel=0.01)


def test_a_recording_of_hundreds_of_configurations_is_small(cpu_recording, tmp_path):
    assert len(cpu_recording.trials) >= 400
    cpu_recording.write(tmp_path / "a.json.gz")
    assert (tmp_path / "a.json.gz").stat().st_size < 300 * 1024


def test_the_same_recording_is_the_same_file(cpu_recording, tmp_path):
    for name in ("a", "b"):
        cpu_recording.write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_space_bound_again_enumerates_to_the_recording(cpu_recording):
    grid = space_of(cpu_recording).enumerate(1000)
    assert {key(p) for p in grid} == {key(t.params) for t in cpu_recording.trials}


def test_the_summary_tells_size_time_and_noise(cpu_recording):
    text = cpu_recording.summary()
    assert "432 configurations (0 do not run)" in text
    assert "% of rounds disturbed" in text


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"{}"), gzip.compress(json.dumps({"format": 99}).encode())],
    ids=["empty", "text", "no recording", "another format"],  # not the bytes: gzip writes the time into them
)
def test_another_file_is_no_recording(content, tmp_path):
    (tmp_path / "a.json.gz").write_bytes(content)
    with pytest.raises(RecordingError, match=r"a\.json\.gz"):
        Recording.read(tmp_path / "a.json.gz")
