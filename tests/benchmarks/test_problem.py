import math

from benchmarks.problem import Trace


def test_regret_is_measured_against_the_best_feasible_configuration(cpu_problem):
    best = cpu_problem.optimum.trial.params
    assert cpu_problem.regret(best) == 0
    assert 0.5 < cpu_problem.regret(cpu_problem.space.baseline) < 1
    assert cpu_problem.regret({**best, "quantization": "Q4_0"}) == 1, "its kld is above the limit"
    assert cpu_problem.regret(None) == 1


def test_found_is_when_the_answer_stays_near_the_optimum(cpu_problem):
    best, bad = cpu_problem.optimum.trial.params, cpu_problem.space.baseline
    trace = Trace()
    for at_s, params in ((1.0, bad), (2.0, best), (3.0, bad), (4.0, best)):
        trace.answer(at_s, params)
    assert trace.found_s(cpu_problem) == 4.0
    trace.answer(5.0, bad)
    assert math.isinf(trace.found_s(cpu_problem))
    assert trace.at(0.5) is None
    assert trace.at(2.5) == best
