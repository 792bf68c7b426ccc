"""Engines of other packages, installed as a user would, without a line of this repository that knows them."""

import json

import pytest

from tests.third_party.conftest import ROOT

SWEEP = ("budget.trials=8", "budget.minutes=1", "budget.tournament_pairs=4", "budget.tournament_pairs_most=4")


@pytest.fixture(scope="module")
def toy(installed):
    return installed(["toy"])


@pytest.fixture(scope="module")
def broken(installed):
    return installed(["toy", "broken"])


def test_this_repository_does_not_know_it():
    for folder in ("tuner", "engines", "search_spaces", "conf", "benchmarks"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".yaml"):
                assert "toy" not in file.read_text(encoding="utf-8").split(), file


def test_it_is_swept_to_a_verdict_and_exported(toy):
    done = toy.tuner("sweep", "llm", "engine=toy", *SWEEP, "study=mine", "tracking=false", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["verdict"] == "gain"
    assert outcome["trials"] == 8
    deploy = outcome["deploy"]
    assert deploy["engine"] == {"name": "toy", "version": "0.3", "build": "toy"}
    assert deploy["params"]["eager"] is True
    assert deploy["params"]["lanes"] >= 3
    assert "handovers_per_token" in deploy["metrics"]
    exported = toy.tuner("export", "mine", "--target", "text", "--out", "production")
    assert exported.returncode == 0, exported.stderr
    assert int((toy.folder / "production" / "lanes.txt").read_text()) == deploy["params"]["lanes"]


def test_its_knobs_its_options_and_its_metric_are_known(toy):
    shown = json.loads(toy.tuner("show", "llm", "engine=toy", "--json").stdout)
    assert [knob["name"] for knob in shown["knobs"]] == ["lanes", "eager"]
    assert shown["size"] == 8
    (toy.folder / "numbers.txt").touch()
    words = (
        "bench",
        "llm",
        "engine=toy",
        "params.lanes=2",
        "model.pace=50",
        "model.script=numbers.txt",
        "tracking=false",
    )
    measured = json.loads(toy.tuner(*words, "--json").stdout)
    assert measured["metrics"]["handovers_per_token"]["value"] == pytest.approx(1.0)
    assert measured["metrics"]["decode_tokens_per_second"]["value"] == pytest.approx(100, rel=0.1)
    refused = toy.tuner("show", "llm", "engine=toy", "model.pase=50")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "did you mean 'model.pace'?" in refused.stderr
    of_another = toy.tuner("show", "llm", "engine=fake", "constraints.handovers_per_token=1")
    assert "unknown llm metric 'handovers_per_token'" in of_another.stderr


def test_a_metric_of_its_own_can_be_the_objective(toy):
    small = ("params.eager=true", "space.lanes=choice(1,4)")
    words = ("sweep", "llm", "engine=toy", *small, *SWEEP, "objective=handovers_per_token", "tracking=false", "--json")
    done = toy.tuner(*words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["deploy"]["params"] == {"lanes": 4, "eager": True}


def test_doctor_tells_of_it_and_of_its_package(toy):
    told = toy.tuner("doctor").stdout
    assert "engine     toy (llm, toy-engine 0.3): version=0.3 build=toy" in told
    assert "lanes_most=4" in told


def test_broken_ones_are_named_with_the_reason_and_nothing_else_minds(broken):
    done = broken.tuner("doctor", "--json")
    assert done.returncode == 0, done.stderr
    states = {(state["name"], state["package"]): state for state in json.loads(done.stdout)["engines"]}
    reasons = {name: state["missing"] for (name, package), state in states.items() if package == "broken-engines 1.0"}
    assert "ModuleNotFoundError: No module named 'a_library_that_nobody_has'" in reasons["absent"]
    assert "broken_engine.number:ENGINE is no class" in reasons["number"]
    assert "it is no engine: HollowEngine lacks capabilities, conf, export" in reasons["hollow"]
    assert "its search space is not there" in reasons["spaceless"]
    assert "SystemExit: this machine is not supported" in reasons["leaving"]
    assert "an engine of that name ships with the tool" in reasons["llama_cpp"]
    assert states["llama_cpp", ""]["missing"] == ""
    assert states["toy", "toy-engine 0.3"]["missing"] == ""
    assert broken.tuner("show", "llm", "engine=toy").returncode == 0
    assert broken.tuner("show", "llm", "engine=fake").returncode == 0


@pytest.mark.parametrize("command", ["show", "sweep", "bench"])
def test_asking_for_a_broken_one_says_why_in_one_line(broken, command):
    done = broken.tuner(command, "llm", "engine=absent")
    assert done.returncode == 3
    error, hint = done.stderr.splitlines()
    assert error == (
        "error: engine 'absent' of broken-engines 1.0 cannot be loaded: ModuleNotFoundError: "
        "No module named 'a_library_that_nobody_has'"
    )
    assert "import broken_engine.absent" in hint
    assert broken.tuner("doctor", "absent").returncode == 3
