"""Studies of a voice whose fastest configurations make audio that nobody could deploy, on a simulated machine."""

import pytest

from search_spaces.parameter import Choices
from tests.tuner.fake_study import fake_config
from tests.tuner.simulated import simulate
from tuner.core.trial import TrialStatus
from tuner.study.study import run_study

REASONS = {
    "nan": "the audio is not finite: 1 of ",
    "silent": "the audio is silent: its loudest 50 ms are at -120 dBFS, the limit is -50",
    "clipped": "of the samples are in flat tops, the limit is 0.10%",
    "truncated": "the audio is truncated: ",
    "endless": "the audio is too long",
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory):
    """Its clock is the machine's: `delay_ms` is waited for on it, and computing the audio takes no time."""
    config = fake_config(
        tmp_path_factory.mktemp("invalid-audio"),
        task="tts",
        engine="fake_voice",
        model={"source": "fake_voice"},
        workload={"items_per_round": 2},
        objectives=("rtf",),
        constraints={"duration_ratio": 1.15},
        params={"split": "none"},
        space={"speaker": Choices(("sound", *REASONS)), "delay_ms": Choices((2, 8))},
        document={"task": "tts", "engine": {"name": "fake_voice"}, "model": {"source": "fake_voice"}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNER_CACHE", str(tmp_path_factory.mktemp("cache")))
        return run_study(config, [], simulate(patch))


@pytest.mark.parametrize("speaker", REASONS)
def test_what_nobody_could_deploy_has_no_speed_but_a_reason(outcome, speaker):
    trials = [t for t in outcome.trials if t.params["speaker"] == speaker]
    assert trials
    for trial in trials:
        assert trial.status is TrialStatus.INVALID_OUTPUT
        assert REASONS[speaker] in trial.reason
        assert not trial.metrics


def test_it_never_wins_however_fast_it_is(outcome):
    assert outcome.verdict == "gain"
    assert outcome.deploy.params["speaker"] == "sound"
    assert outcome.deploy.params["delay_ms"] == 2


def test_the_metrics_of_a_voice_are_there(outcome):
    winner = outcome.deploy.metrics
    assert {"ftl_ms", "rtf", "synthesis_s", "throughput_x"} <= set(winner)
    assert winner["rtf"].value * winner["throughput_x"].value == pytest.approx(1, rel=0.05)
    assert outcome.deploy.quality["mel_distance_db"] == 0
    assert (outcome.directory / "deploy.json").exists()
