"""Replays of sweeps on grids whose truth is known."""

from dataclasses import replace

import pytest

from benchmarks.clip_grid import ClipGrid
from benchmarks.recording import RecordingError
from benchmarks.replayed_speech import Noise, divided, drawn, prepared, workload_of
from benchmarks.replayed_validity import Row, Way, default_config, replay
from engines.recognition.quality import passages
from engines.recognition.selection import PROVEN
from tests.benchmarks.speech_grids import grid
from tuner.core.params import key
from tuner.core.trial import TrialSpec, TrialStatus
from tuner.measure.plan import single_round_plan
from tuner.tournament.vetting import PLAN

SECONDS = {"F16": 0.3, "Q8_0": 0.24, "Q5_1": 0.33, "Q4_0": 0.28}
SEEDS = range(3)


def honest(params, clip, at):
    """The whole window takes as long for every clip; a cut one is four times as fast, and loops in every fifth clip."""
    seconds = SECONDS[str(params["quantization"])] * (1 if params["n_threads"] == 2 else 1.8)
    if params["audio_ctx"] == "full":
        return seconds, clip.text
    return (4.0, None) if at % 5 == 0 else (seconds / 4, clip.text)


def flattering(params, clip, at):
    """As `honest`, but what is cut is wrong in each word of every fifth clip, at once."""
    seconds, text = honest(params, clip, at)
    return (0.06, " ".join("no" for _ in clip.text.split())) if text is None else (seconds, text)


@pytest.fixture(scope="module")
def honest_grid():
    return grid(honest)


@pytest.fixture(scope="module")
def config():
    return default_config()


def test_a_gain_that_is_the_same_everywhere_is_found_and_holds(honest_grid, config):
    row = Row(Way(), [v for seed in SEEDS if (v := replay(honest_grid, config, Way(), seed))])
    assert [v.changed for v in row.verdicts] == [{"quantization": "Q8_0"}] * len(SEEDS)
    assert all(
        v.claimed == pytest.approx(1.25, rel=0.03) and v.there == pytest.approx(1.25, rel=0.03) for v in row.gains
    )
    assert not row.misses
    assert row.line().startswith("| as it is (3) | 3 | 100.0 % | 3 | ×1.2")


def test_what_fails_in_some_clips_wins_only_where_nothing_guards_against_it(config):
    cut = grid(flattering)
    no_limits = replace(config, constraints={})
    verdicts = [replay(cut, no_limits, Way(guards=False, held_out=False), seed) for seed in SEEDS]
    assert all(v.changed["audio_ctx"] == "clip" for v in verdicts)
    assert all("word error" in "; ".join(v.misses) for v in verdicts)
    assert all("audio_ctx" not in replay(cut, config, Way(), seed).changed for seed in SEEDS)


def test_each_sweep_has_a_division_of_its_own(honest_grid):
    seen = set()
    for seed in range(20):
        own, unseen = drawn(honest_grid, seed)
        assert (len(own), len(unseen)) == (36, 18)
        assert {c.id for c in own} | {c.id for c in unseen} == {c.id for c in honest_grid.clips}
        workload = divided(own, seed, "en")
        searched, held_out = ({p.clips[0].id for p in passages(part)} for part in (workload, workload.held_out))
        assert (len(searched), len(held_out)) == (12, 24)
        assert searched | held_out == {c.id for c in own}
        assert len(workload.items) == len(workload.held_out.items) == 6
        seen.add(tuple(sorted(searched)))
    assert len(seen) == 20


def test_what_was_not_recorded_is_never_tried(honest_grid, config):
    own, _ = drawn(honest_grid, 0)
    executor = prepared(honest_grid, config, divided(own, 0, "en"), 0).executor()
    known = {key(row.params) for row in honest_grid.rows}
    space = prepared(honest_grid, config, divided(own, 0, "en"), 0).space
    grid_of_the_space = space.enumerate(1000)
    assert len(grid_of_the_space) > len(known)
    for params in grid_of_the_space:
        assert bool(executor.known_infeasible(params)) == (key(params) not in known)
    missing = next(p for p in grid_of_the_space if key(p) not in known)
    result = executor.run(TrialSpec(0, missing), single_round_plan())
    assert (result.status, result.reason) == (TrialStatus.UNSUPPORTED, "not in the recording")


def test_quality_is_of_all_cores_and_takes_its_time(honest_grid, config):
    """One thread is judged by what two hear; a clip that was given up fails."""
    _, unseen = drawn(honest_grid, 0)
    there = prepared(honest_grid, config, workload_of(unseen, PROVEN, "en", proof=True), 0)
    params = {**there.space.baseline, "audio_ctx": "clip", "audio_headroom_ms": 1000}
    failing = sum(honest_grid.place[clip.id] % 5 == 0 for clip in unseen)
    assert failing > 0
    for threads in (1, 2):
        asked = {**params, "n_threads": threads}
        executor = there.executor()
        before = there.machine.now
        found = executor.run(TrialSpec(-1, asked, "bench"), PLAN)
        assert found.quality["failed_clips"] == pytest.approx(failing / len(unseen))
        assert there.machine.now - before > 4.0 * failing
        assert found.status is TrialStatus.INFEASIBLE


def test_noise_is_what_the_second_times_say(honest_grid):
    noise = Noise.of(honest_grid)
    assert max(noise.processes) < 0.02
    assert 0.01 < max(noise.clips) < 0.03
    assert Noise.of(replace(honest_grid, rows=())) == Noise((0.0,), (0.0,))


def test_what_is_written_is_read_back(honest_grid, tmp_path):
    file = tmp_path / "a.json.gz"
    honest_grid.write(file)
    assert ClipGrid.read(file) == honest_grid
    assert file.stat().st_size < 300 * 1024
    assert f"{len(honest_grid.rows)} configurations, 54 clips" in ClipGrid.read(file).summary()


def test_another_file_is_no_grid(tmp_path):
    (tmp_path / "a").write_bytes(b"text")
    with pytest.raises(RecordingError, match="no grid of clips"):
        ClipGrid.read(tmp_path / "a")
