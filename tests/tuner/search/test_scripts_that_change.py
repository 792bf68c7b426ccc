"""The sampler in plain scripts that are not even: ranges with steps, ranges that change, failures, threads, copies."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import optuna
import pytest

from tuner.search.sampler import TunerSampler

Objective = Callable[[optuna.Trial], float]


class Counting(TunerSampler):
    """Counts the parameters that are drawn at random, because the proposal has none that the script takes."""

    drawn = 0

    def sample_independent(self, *arguments):
        self.drawn += 1
        return super().sample_independent(*arguments)


def study_of(objective: Objective, trials: int, study: optuna.Study | None = None) -> optuna.Study:
    study = study or optuna.create_study(sampler=Counting(seed=1))
    study.optimize(objective, n_trials=trials)
    return study


def values(study: optuna.Study) -> list[tuple[float, ...]]:
    return [tuple(t.params.values()) for t in study.trials]


def test_the_last_of_real_steps_is_proposed_too() -> None:
    """0 + 3 * 0.1 is more than 0.3."""
    study = study_of(lambda t: (t.suggest_float("x", 0, 0.3, step=0.1) - 0.3) ** 2 + t.suggest_int("n", 0, 5), 12)
    assert study.sampler.drawn == 2, "the two parameters of the first trial"


def test_what_failed_is_not_proposed_again() -> None:
    """Values that are read back from a trial may be others by a rounding."""

    def half(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -5, 5)
        return x * x + x if x < 0 else float("nan")

    study = study_of(half, 25)
    assert len(set(values(study))) == 25


def test_a_range_that_became_narrower_is_kept_to() -> None:
    """What is best by far lies outside of it now, and would be proposed on and on."""
    study = study_of(lambda t: (t.suggest_float("x", 0, 10) - 9) ** 2, 12)
    study.sampler = Counting(seed=1)
    study_of(lambda t: (t.suggest_float("x", 0, 4) - 9) ** 2, 8, study)
    drawn = study.sampler.drawn
    study_of(lambda t: (t.suggest_float("x", 0, 4) - 9) ** 2, 8, study)
    assert study.sampler.drawn == drawn
    assert max(x for (x,) in values(study)[-8:]) > 3.5, "the best of the present range is looked for"


def test_a_parameter_that_a_late_trial_brings_is_noticed() -> None:
    """Trial 0 ends after trial 1, and is the only one of the two with `depth`."""
    sampler = Counting(seed=1)
    study = optuna.create_study(sampler=sampler)
    late, early = study.ask(), study.ask()
    kind = {"kind": optuna.distributions.CategoricalDistribution(["flat", "deep"])}
    for trial in (late, early):
        trial.suggest_categorical("kind", kind["kind"].choices)
    late.suggest_int("depth", 1, 20)
    study.tell(early, 2.0)
    study.tell(study.ask(kind), 2.0)
    study.tell(late, 1.0)
    sampler.proposal(study)
    assert "depth" in {k.name for k in sampler.observations.space.parameters}


def test_a_copy_that_is_reseeded_proposes_something_else() -> None:
    study = study_of(lambda t: (t.suggest_float("x", 0, 10) - 8) ** 2, 9)
    same, other = (pickle.loads(pickle.dumps(study.sampler)) for _ in range(2))
    other.reseed_rng()
    first = study.sampler.proposal(study)
    assert same.proposal(study) == first
    assert other.proposal(study) != first


def test_threads_of_one_study_get_different_proposals() -> None:
    study = optuna.create_study(sampler=TunerSampler(seed=1))
    study.optimize(lambda t: t.suggest_int("a", 0, 40) + t.suggest_int("b", 0, 40), n_trials=24, n_jobs=4)
    assert len(set(values(study))) == 24


@pytest.mark.parametrize("choices", [[None, True, 1.5, "a"], list(range(500))])
def test_choices_may_be_anything_and_many(choices: list[object]) -> None:
    study = study_of(lambda t: choices.index(t.suggest_categorical("c", choices)) + t.suggest_float("x", 0, 1), 10)
    assert study.sampler.drawn == 2
