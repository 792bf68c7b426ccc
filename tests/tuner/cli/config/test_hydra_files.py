"""What an engine of another package may bring as its configuration, and what is said of one that is wrong."""

import pytest

from engines.fake import FakeEngine
from search_spaces.errors import TunerError
from tuner.cli.config.hydra_files import compose_document, group_names
from tuner.cli.config.workload_choice import fitting_workloads

GOOD = """\
# @package _global_
defaults:
  - override /workload: sayings
  - override /objective: decode_speed
engine: {name: fake}
model: {source: fake, tempo: 3}
"""


@pytest.fixture
def engine(tmp_path):
    """The fake engine with a configuration of its own, whose `engine/fake.yaml` a test writes."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "workload").mkdir()
    (tmp_path / "workload" / "sayings.yaml").write_text("name: sayings\ntokens: 2\n")
    (tmp_path / "engine" / "fake.yaml").write_text(GOOD)
    fake = FakeEngine()
    fake.conf = tmp_path
    return fake


def refused(engine, text):
    (engine.conf / "engine" / "fake.yaml").write_text(text)
    with pytest.raises(TunerError) as raised:
        compose_document(engine, [])
    assert "\n" not in raised.value.message + raised.value.hint
    return raised.value.message


def test_it_stands_beside_the_files_that_engines_share(engine):
    document = compose_document(engine, ["model.tempo=4", "budget=quick"])
    assert document["model"] == {"source": "fake", "tempo": 4}
    assert document["workload"] == {"name": "sayings", "tokens": 2}
    assert "sayings" in group_names("workload", engine)
    assert "sayings" not in group_names("workload")
    assert fitting_workloads(engine) == ["sayings"]


def test_a_folder_may_have_any_name(engine, tmp_path):
    odd = tmp_path / "it's, a=folder"
    odd.mkdir()
    for group in ("engine", "workload"):
        (tmp_path / group).rename(odd / group)
    engine.conf = odd
    assert compose_document(engine, [])["workload"]["name"] == "sayings"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  - override /objective: decode_speed\n", "", "engine 'fake' chooses no objective"),
        ("  - override /workload: sayings\n", "", "engine 'fake' chooses no workload"),
        ("model: {source: fake, tempo: 3}", "", "engine 'fake' chooses no model"),
        ("name: fake", "name: other", "is not of engine 'fake'"),
        ("engine: {name: fake}", "", "is not of engine 'fake'"),
        ("sayings", "saying", "Could not find 'workload/saying'"),
        ("name: fake", "name: [", "is no YAML"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(engine, old, new, words):
    assert words in refused(engine, GOOD.replace(old, new))


def test_a_file_may_not_hide_behind_one_that_is_shared(engine):
    (engine.conf / "workload" / "chat.yaml").write_text("name: chat\n")
    with pytest.raises(TunerError, match=r"brings workload/chat.yaml, and every engine has one of that name"):
        compose_document(engine, [])
