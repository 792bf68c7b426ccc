from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines import discovery, registry
from engines.base import TASKS
from engines.declaration import check_engine
from engines.errors import UnusableEngineError
from engines.fake import FakeEngine
from engines.registry import default_engine, engine_names, engines_of, load_engine, of_other_packages
from search_spaces.errors import TunerError


class Mine(FakeEngine):
    name = "mine"
    conf = Path(__file__).parent / "conf"
    default_for_task = True


class Other(Mine):
    name = "other"


@pytest.fixture
def brought(monkeypatch, tmp_path):
    """Entry points of other packages: (package, name, value)."""
    (tmp_path / "engine").mkdir()
    for name in ("mine", "other", "fake"):
        (tmp_path / "engine" / f"{name}.yaml").touch()
    monkeypatch.setattr(Mine, "conf", tmp_path)

    def bring(*points):
        found = []
        for package, name, value in points:
            point = EntryPoint(name, value, discovery.GROUP)
            vars(point)["dist"] = SimpleNamespace(name=package, version="1.0")
            found.append(point)
        monkeypatch.setattr(discovery, "entry_points", lambda group: found)
        discovery.installed.cache_clear()

    yield bring
    monkeypatch.undo()
    discovery.installed.cache_clear()


MINE = f"{__name__}:Mine"


def test_every_folder_with_an_engine_is_found():
    folders = {file.parent.name for file in Path(registry.__file__).parent.glob("*/engine.py")}
    assert {"llama_cpp", "fake"} <= folders == set(discovery.shipped())
    assert all(load_engine(name).name == name for name in folders)


def test_each_task_has_a_default_that_serves_it():
    assert {task: default_engine(task) for task in TASKS} == {
        "llm": "llama_cpp", "stt": "whisper_cpp", "tts": "espeak",
    }  # fmt: skip


def test_an_engine_of_another_package_is_one_of_its_task(brought):
    brought(("a-package", "mine", MINE))
    assert isinstance(load_engine("mine"), Mine)
    assert load_engine("mine") is not load_engine("mine")
    assert "mine" in [engine.name for engine in engines_of("llm")]
    assert engine_names()[-1] == "mine"
    assert [(source.told, error) for source, error in of_other_packages()] == [("engine 'mine' of a-package 1.0", None)]
    with pytest.raises(TunerError) as raised:
        load_engine("mien")
    assert "did you mean 'mine'?" in raised.value.hint


def test_what_ships_stays_the_default(brought):
    brought(("a-package", "mine", MINE))
    assert default_engine("llm") == "llama_cpp"


def test_where_nothing_ships_the_default_is_the_one_that_says_so(brought, monkeypatch):
    monkeypatch.setattr(registry, "shipped", dict)
    brought(("a-package", "mine", MINE))
    assert default_engine("llm") == "mine"
    brought(("a-package", "mine", MINE), ("b-package", "other", f"{__name__}:Other"))
    with pytest.raises(TunerError, match="mine and other each say that llm uses them"):
        default_engine("llm")
    with pytest.raises(TunerError, match="no engine is the default of stt"):
        default_engine("stt")


def test_two_packages_with_one_name(brought):
    brought(("a-package", "mine", MINE), ("b-package", "mine", MINE))
    with pytest.raises(UnusableEngineError) as raised:
        load_engine("mine")
    assert raised.value.message == "two engines are called 'mine': of a-package 1.0 and of b-package 1.0"
    assert raised.value.exit_status == 3
    assert {str(error) for _, error in of_other_packages()} == {raised.value.message}
    assert load_engine("fake").name == "fake"


def test_a_name_that_ships_is_not_taken_over(brought):
    brought(("a-package", "fake", MINE))
    assert type(load_engine("fake")) is FakeEngine
    ((_, error),) = of_other_packages()
    assert str(error) == "engine 'fake' of a-package 1.0 is never used: an engine of that name ships with the tool"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (f"{__name__}:MINE", "is no class"),
        (f"{__name__}:Nobody", "AttributeError"),
        (__name__, "is no class"),
        ("not a module!", "ModuleNotFoundError"),
        ("", "ValueError"),
        ("pathlib:Path", "it is no engine"),
        (f"{__name__}:Other", "it calls itself 'other'"),
    ],
)
def test_an_entry_point_that_is_no_engine(brought, value, words):
    brought(("a-package", "mine", value))
    with pytest.raises(UnusableEngineError, match=words) as raised:
        load_engine("mine")
    assert "a-package 1.0" in raised.value.message
    assert "\n" not in raised.value.message + raised.value.hint
    assert raised.value.hint
    assert [engine.name for engine in engines_of("llm")] == ["fake", "llama_cpp"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "lm"}, "unknown task 'lm'"),
        ({"space": "lmm"}, "unknown search space 'lmm'"),
        ({"space": Path("/nowhere/space.yaml")}, "its search space is not there: /nowhere/space.yaml"),
        ({"conf": Path("/nowhere")}, "its configuration is not there: /nowhere/engine/fake.yaml"),
        ({"conf": "conf"}, "its conf is 'conf', and no Path"),
        ({"files": ("prompts",)}, "the file option 'prompts' is none of a model or a workload"),
        ({"metrics": ("speed",)}, "it declares the metric 'speed', which is no Metric"),
    ],
)
def test_what_an_engine_declares_is_checked(changes, words):
    engine = FakeEngine()
    vars(engine).update(changes)
    with pytest.raises(TunerError, match=words):
        check_engine(engine, "fake")
