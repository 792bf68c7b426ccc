import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from search_spaces.errors import TunerError
from tuner.core.deploy import DeployConfig
from tuner.core.documents import dump, load, schema
from tuner.results.export.document import read_deploy

ROOT = Path(__file__).parents[4]
DOCUMENTS = Path(__file__).parent / "documents"
GOOD = sorted((DOCUMENTS / "good").glob("*.json"))
BAD = sorted((DOCUMENTS / "bad").glob("*.json"))


def committed():
    return json.loads((ROOT / "tuner/results/export/deploy.schema.json").read_text())


def test_the_schema_is_that_of_the_type():
    wanted = {"title": "deploy.json", **schema(DeployConfig)}
    assert committed() == wanted, "python -m tuner.core.deploy > tuner/results/export/deploy.schema.json"
    Draft202012Validator.check_schema(wanted)


@pytest.mark.parametrize("file", GOOD + BAD, ids=lambda f: f.stem)
def test_whoever_has_only_the_schema_judges_alike(file):
    errors = list(Draft202012Validator(committed()).iter_errors(json.loads(file.read_text())))
    assert bool(errors) == (file in BAD)


def test_every_schema_has_good_and_bad_examples():
    schemas = [s for s in ROOT.glob("*/**/*.schema.json") if ".venv" not in s.parts]
    assert [s.name for s in schemas] == ["deploy.schema.json"], "a new schema needs examples of its own"
    assert len(GOOD) >= 3
    assert len(BAD) >= 3


def without_defaults(node):
    """Nulls, empty texts, lists and mappings at any depth left out: a document need not say them."""
    if isinstance(node, dict):
        return {key: kept for key, value in node.items() if (kept := without_defaults(value)) not in (None, "", {}, [])}
    return [without_defaults(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("file", GOOD, ids=lambda f: f.stem)
def test_good_examples_are_read(file):
    document = json.loads(file.read_text())
    deploy = read_deploy(file)
    assert load(DeployConfig, dump(deploy)) == deploy
    assert without_defaults(dump(deploy)) == without_defaults(document)


@pytest.mark.parametrize(
    ("name", "proof"),
    [
        (
            "gain",
            "1.37 times as good as the default in decode_tokens_per_second (95 % interval 1.35 to 1.39, 8 pairs); "
            "measured on 2026-11-21 on AMD EPYC, 2 cores, 23.54 GiB, Linux 6.1, class amd-epyc-2c-24g",
        ),
        ("keep_default", "the default, and nothing is proven to be better in decode_tokens_per_second; measured on "),
        ("default_does_not_run", "the best that runs where the default does not; measured on 2026-11-21 on "),
    ],
)
def test_what_is_exported_carries_its_proof(name, proof):
    assert read_deploy(DOCUMENTS / "good" / f"{name}.json").deployment.proof.startswith(proof)


@pytest.mark.parametrize("file", BAD, ids=lambda f: f.stem)
def test_bad_examples_are_refused_in_one_line(file):
    with pytest.raises(TunerError, match=r"is not a valid deploy\.json") as raised:
        read_deploy(file)
    assert "\n" not in raised.value.message
    assert str(file) in raised.value.message


def paths(node, prefix=()):
    """Every key of nested objects."""
    for key, value in node.items() if isinstance(node, dict) else ():
        yield (*prefix, key)
        yield from paths(value, (*prefix, key))


FREE = ("params", "metrics", "quality", "engine")  # of any names


def test_no_object_takes_a_key_that_the_schema_does_not_name():
    for file in GOOD:
        document = json.loads(file.read_text())
        for path in [p for p in paths(document) if p[-1] not in FREE]:
            changed = json.loads(file.read_text())
            node = changed
            for key in path[:-1]:
                node = node[key]
            if path[:-1] and path[-2] in FREE:
                continue
            node["surprise"] = 1
            with pytest.raises(TunerError, match="unknown key"):
                load(DeployConfig, changed)


def test_the_place_of_a_mistake_is_named():
    with pytest.raises(TunerError, match=r"metrics\.ftl_ms"):
        read_deploy(DOCUMENTS / "bad" / "bare_metric.json")


@pytest.mark.parametrize("content", ["", "{", "nonsense"])
def test_what_is_not_json_is_refused(tmp_path, content):
    file = tmp_path / "deploy.json"
    file.write_text(content)
    with pytest.raises(TunerError, match="is not JSON"):
        read_deploy(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TunerError, match="No such file"):
        read_deploy(tmp_path / "deploy.json")
