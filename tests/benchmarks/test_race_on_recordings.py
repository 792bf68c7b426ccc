"""How often the race cuts a configuration that is as good as the best, with the noise of recorded machines."""

import pytest

from benchmarks.recording import Recording
from benchmarks.search_efficiency import RECORDINGS
from benchmarks.world import Surface, World
from tuner.measure.pruning import Pruner
from tuner.measure.round_metrics import round_metrics

METRIC = "decode_tokens_per_second"
LOADS = 1500
PATHS = sorted(RECORDINGS.glob("*.json.gz"))


def test_there_are_recordings():
    assert PATHS


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name.split(".")[0])
def test_an_equal_of_the_best_is_cut_in_at_most_5_percent(path):
    surface = Surface(Recording.read(path))
    names = sorted(surface.known)
    world = World(surface, seed=0)
    cut = 0
    for number in range(LOADS):
        params = surface.known[names[number % len(names)]].trial.params
        pruner = Pruner(True, surface.truth(params, METRIC), rounds_least=2, rounds_most=4, half_width=0.03)
        cut += decision(world.load(params), pruner) == "pruned"
    assert cut / LOADS <= 0.05


def decision(loaded, pruner):
    """As the measurer comes to one, without repeats of disturbed rounds."""

    def one_round():
        samples, _, noise = loaded.round()
        return round_metrics("llm", samples)[METRIC], noise.disturbed

    value, disturbed = one_round()
    if not disturbed and pruner.after_warm_up(value) == "pruned":
        return "pruned"
    values = []
    for _ in range(8):
        value, disturbed = one_round()
        if disturbed:
            continue
        values.append(value)
        if (found := pruner.after_round(values)) != "go_on":
            return found
    return "enough"
