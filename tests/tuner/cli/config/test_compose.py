from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.base import TASKS
from engines.discovery import shipped
from engines.registry import default_engine, load_engine
from search_spaces.errors import TunerError
from search_spaces.parameter import Choices
from tuner.cli.config.compose import compose
from tuner.cli.config.hydra_files import group_names
from tuner.cli.config.overrides import quote
from tuner.cli.config.workload_choice import fitting_workloads
from tuner.core.metrics import metrics_of
from tuner.core.study_config import Budget
from tuner.core.targets import Target

CONF = Path(__file__).parents[4] / "conf"


def composed(*overrides):
    return compose("llm", ["engine=fake", *overrides])


def refused(*overrides):
    with pytest.raises(TunerError) as raised:
        composed(*overrides)
    assert "\n" not in raised.value.message
    assert raised.value.exit_status == 2
    return raised.value


def test_the_defaults_of_a_language_model():
    config = compose("llm", [])
    assert config.engine == "llama_cpp"
    assert config.objectives == ("response_s",)
    assert config.constraints == {"kld": 0.05}
    assert config.guards == {"ftl_ms": 1.05, "ftl_ms_p95": 1.05, "rss_peak_mib": 1.05}
    assert config.budget == Budget()
    assert config.model["source"] == "embedded"
    assert config.model["shape"] == "llama-160m"
    assert config.targets == ()
    assert (config.study, config.outputs, config.tracking_uri) == (None, Path("outputs"), None)


def test_the_document_is_plain_data_that_yaml_keeps():
    document = composed("targets=jane", "params.n=4", "space.x=choice(1,2)", "study=a").document
    assert yaml.safe_load(yaml.safe_dump(document)) == document
    assert document["task"] == "llm"
    assert document["space"] == {"x": "choice(1,2)"}


def test_values_of_all_kinds_arrive():
    config = composed(
        "objective=ftl_ms",
        "constraints.rss_peak_mib=4000",
        "budget.trials=3",
        "budget.minutes=0.5",
        "params.mode=b",
        "params.turbo=true",
        "baseline.threads=2",
        "space.level=choice(1,2)",
        "study=mine",
        "outputs=out dir",
        "tracking.uri=http://localhost:5000/a=b",
        "seed=7",
    )
    assert config.objectives == ("ftl_ms",)
    assert config.constraints == {"kld": 0.05, "rss_peak_mib": 4000.0}
    assert (config.budget.trials, config.budget.minutes) == (3, 0.5)
    assert config.params == {"mode": "b", "turbo": True}
    assert config.baseline == {"threads": 2}
    assert config.space == {"level": Choices((1, 2), ordered=True)}
    assert (config.study, config.outputs, config.seed) == ("mine", Path("out dir"), 7)
    assert config.tracking_uri == "http://localhost:5000/a=b"


def test_the_last_of_two_overrides_wins():
    config = composed("study=a", "budget.trials=1", "params.n=1", "study=b", "budget.trials=2", "params.n=2")
    assert (config.study, config.budget.trials, config.params) == ("b", 2, {"n": 2})
    assert compose("llm", ["engine=llama_cpp", "engine=fake"]).engine == "fake"
    assert composed("objective=ftl_ms", "objective=decode_speed").objectives == ("decode_tokens_per_second",)
    assert composed("model=a.gguf", "model=fake").model["source"] == "fake"


@pytest.mark.parametrize("typed", ["constraints.kld=null", "~constraints.kld"])
def test_the_default_constraint_can_be_removed(typed):
    assert composed(typed).constraints == {}


@pytest.mark.parametrize("typed", ["constraints=null", "constraints={}", "constraints=none", "~constraints"])
def test_all_constraints_can_be_removed_at_once(typed):
    assert composed(typed).constraints == {}
    assert composed(typed, "constraints.kld=0.2").constraints == {"kld": 0.2}


def test_constraints_can_be_a_mapping():
    assert composed("constraints={rss_peak_mib: 4000, kld:null}").constraints == {"rss_peak_mib": 4000.0}
    assert composed("constraints=null", "constraints={kld: 0.2}").constraints == {"kld": 0.2}


def test_a_budget_is_a_file_or_a_value():
    quick = composed("budget=quick").budget
    assert quick.trials < Budget().trials
    assert quick.tournament_pairs == 8
    assert composed("budget=quick", "budget.trials=99").budget.trials == 99
    assert composed("budget=thorough").budget.trials > Budget().trials


def test_an_engine_may_have_a_budget_of_its_own_and_the_user_another():
    """CosyVoice loads for longer than it speaks, and a proof needs sixteen loads."""
    cosyvoice = ("engine=cosyvoice", "model=shape:v3")
    assert compose("tts", [*cosyvoice]).budget.minutes == 30
    assert compose("tts", [*cosyvoice, "budget=quick"]).budget.minutes == 1
    assert compose("tts", [*cosyvoice, "budget.minutes=8"]).budget.minutes == 8


@pytest.mark.parametrize(
    "typed", ["objective=[decode_tokens_per_second,ftl_ms]", "objective=decode_tokens_per_second,ftl_ms"]
)
def test_several_objectives(typed):
    assert composed(typed).objectives == ("decode_tokens_per_second", "ftl_ms")


def test_an_objective_file_keeps_the_constraint():
    config = composed("objective=first_token")
    assert config.objectives == ("ftl_ms",)
    assert config.constraints == {"kld": 0.05}


# --- models -----------------------------------------------------------------------------------------------------------

file_names = st.text(
    st.one_of(st.sampled_from("'\"\\,={}[]: $#"), st.characters(exclude_categories=["C"], exclude_characters="/")),
    min_size=1,
    max_size=20,
).map(lambda name: f"{name}.gguf")


@settings(max_examples=25)
@given(file_names)
def test_any_path_of_a_model_works_when_quoted(name):
    assert composed(f"model={quote('/models/' + name)}").model["source"] == f"/models/{name}"


@pytest.mark.parametrize(
    "name", ["a b.gguf", "a=b.gguf", "a,b.gguf", "it's.gguf", "{x}.gguf", "$HOME.gguf", "~.gguf", "ü.gguf"]
)
def test_a_path_of_a_model_works_without_quotes(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert composed(f"model=./{name}").model["source"] == str(tmp_path / name)
    assert composed(f"model={tmp_path}/{name}").model["source"] == str(tmp_path / name)


def test_the_home_folder_is_expanded():
    assert composed("model=~/m.gguf").model["source"] == str(Path.home() / "m.gguf")


def test_a_file_without_suffix_is_a_path_when_it_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "unknown model" in refused("model=weights").message
    (tmp_path / "weights").touch()
    assert composed("model=weights").model["source"] == str(tmp_path / "weights")


def test_variants_of_the_users(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = composed("model={Q4_K_M: a b.gguf, Q6_K: '/x,y.gguf'}", "model.variants.Q8_0=c.gguf")
    assert config.model["variants"] == {
        "Q4_K_M": str(tmp_path / "a b.gguf"),
        "Q6_K": "/x,y.gguf",
        "Q8_0": str(tmp_path / "c.gguf"),
    }


def test_a_file_for_an_engine_that_takes_none_is_refused_in_the_engines_words():
    model = compose("tts", ["model=voice.onnx"]).model
    with pytest.raises(TunerError, match="espeak-ng takes no model file") as caught:
        load_engine("espeak").resolve_model(model, lambda text: None)
    assert "engine=piper" in caught.value.hint


def test_a_model_of_a_hub_stays_as_it_is():
    assert composed("model=hf:ORG/REPO").model["source"] == "hf:ORG/REPO"


def test_the_shape_of_the_embedded_model():
    assert compose("llm", ["model.shape=tinyllama-1.1b"]).model["shape"] == "tinyllama-1.1b"


def test_a_file_of_the_workloads_is_found_again_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my prompts.txt").write_text("hello")
    (tmp_path / "chat").write_text("")
    workload = compose("llm", ["workload.prompts='my prompts.txt'"]).workload
    assert workload["prompts"] == str(tmp_path / "my prompts.txt")
    assert workload["name"] == "chat"


def test_a_folder_of_recordings_is_found_again_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my clips").mkdir()
    (tmp_path / "chunks").mkdir()
    (tmp_path / "vad.bin").write_bytes(b"x")
    config = compose("stt", ["workload=chunks", "workload.audio='my clips'", "model.vad_model=vad.bin"])
    assert config.workload["audio"] == config.document["workload"]["audio"] == str(tmp_path / "my clips")
    assert config.model["vad_model"] == config.document["model"]["vad_model"] == str(tmp_path / "vad.bin")
    assert config.workload["clips"] == "chunks"
    assert compose("stt", ["workload.clips=chunks", "workload.audio=chunks"]).workload["clips"] == "chunks"


def test_a_replayed_study_finds_the_folder_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    stored = compose("stt", ["workload.audio=clips"]).workload
    monkeypatch.chdir("/")
    assert compose("stt", [f"workload.audio={quote(stored['audio'])}"]).workload == stored


def test_unreadable_text_is_to_be_quoted():
    assert "quotes" in refused("workload.tokens=a=b").hint


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("budgte.trials=3", "unknown override 'budgte'", "did you mean 'budget'?"),
        ("budget.trails=3", "unknown key 'budget.trails'", "did you mean 'budget.trials'?"),
        ("budget=quik", "unknown budget 'quik'", "did you mean 'quick'?"),
        ("engine=llama_cp", "unknown engine 'llama_cp'", "did you mean 'llama_cpp'?"),
        ("model=fak", "unknown model 'fak'", "did you mean 'fake'?"),
        ("model=nope", "unknown model 'nope'", "known: fake; or a path, or hf:ORG/REPO"),
        ("guards.xyz=1", "unknown metric to guard 'xyz'", "response_s"),
        ("model.nose=1", "unknown key 'model.nose'", "did you mean 'model.noise'?"),
        ("workload.token=1", "unknown key 'workload.token'", "did you mean 'workload.tokens'?"),
        ("objective=decode_tokens_per_sec", "unknown metric", "did you mean 'decode_tokens_per_second'?"),
        ("objective=rtf", "unknown llm metric 'rtf'", "decode_tokens_per_second"),
        ("constraints.kdl=1", "unknown metric 'kdl'", "did you mean 'kld'?"),
        ("constraints.wer=1", "unknown llm metric 'wer'", "kld"),
        ("targets=jan", "unknown targets 'jan'", "did you mean 'jane'?"),
        ("+foo=1", "unknown override 'foo'", ""),
        ("+budget.foo=1", "unknown key 'budget.foo'", ""),
        ("tracking.url=x", "unknown key 'tracking.url'", "did you mean 'tracking.uri'?"),
        ("deploy=x.json", "unknown override 'deploy'", ""),
        ("thread=2", "unknown override 'thread'", "did you mean 'params.threads'?"),
        ("minute=2", "unknown override 'minute'", "did you mean 'budget.minutes'?"),
        ("workload=fak", "unknown workload 'fak'", "did you mean 'fake'? known: fake"),
    ],
)
def test_unknown_names_get_the_nearest_match(typed, message, hint):
    error = refused(typed)
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        (
            "n_threads=2",
            "n_threads is a knob, and 'n_threads=2' does not say whether to fix it or to sweep it",
            "write params.n_threads=2 to fix it, 'space.n_threads=choice(…)' to sweep it, "
            "or baseline.n_threads=2 for the default to beat",
        ),
        (
            "n_threads=range(1,3)",
            "n_threads is a knob, and 'n_threads=range(1,3)' does not say whether to fix it or to sweep it",
            "write params.n_threads=VALUE to fix it, 'space.n_threads=range(1,3)' to sweep it, "
            "or baseline.n_threads=VALUE for the default to beat",
        ),
        ("kld=0.1", "kld is a metric, and 'kld=0.1' does not say what for", "write constraints.kld=0.1 to limit it"),
        (
            "ftl_ms=200",
            "ftl_ms is a metric, and 'ftl_ms=200' does not say what for",
            "write constraints.ftl_ms=200 to limit it, or objective=ftl_ms to improve it",
        ),
        ("trials=3", "'trials=3' lacks the section of its key", "write budget.trials=3"),
        ("n_ctx=2048", "'n_ctx=2048' lacks the section of its key", "write model.n_ctx=2048"),
        ("prompts=a.txt", "'prompts=a.txt' lacks the section of its key", "write workload.prompts=a.txt"),
    ],
)
def test_a_key_without_its_section_is_told_the_section(typed, message, hint):
    with pytest.raises(TunerError) as raised:
        compose("llm", [typed])
    assert (raised.value.message, raised.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("task", "typed", "message", "hint"),
    [
        ("llm", ["workload=chunks"], "workload 'chunks' is not for llm on llama_cpp", "write workload=chat"),
        ("llm", ["workload=chunk"], "unknown workload 'chunk'", "known: chat"),
        ("llm", ["workload=fake"], "unknown workload 'fake'", "known: chat"),
        ("llm", ["workload=chat", "engine=fake"], "workload 'chat' is not for llm on fake", "write workload=fake"),
        (
            "stt",
            ["workload=chat"],
            "workload 'chat' is not for stt on whisper_cpp",
            "write workload=chunk_batches or chunks or recording or speech",
        ),
    ],
)
def test_a_workload_of_another_engine_is_refused_and_the_right_ones_named(task, typed, message, hint):
    with pytest.raises(TunerError) as raised:
        compose(task, typed)
    assert (raised.value.message, raised.value.hint) == (message, hint)


@pytest.mark.parametrize("engine", sorted(shipped()))
def test_every_workload_belongs_to_an_engine_and_composes_with_it(engine):
    task = load_engine(engine).task
    fitting = fitting_workloads(load_engine(engine))
    assert compose(task, [f"engine={engine}"]).workload["name"] in fitting
    for name in fitting:
        assert compose(task, [f"engine={engine}", f"workload={name}"]).workload["name"] == name


def test_no_workload_is_left_over():
    """The files that all engines share, and those that an engine brings."""
    engines = [load_engine(name) for name in shipped()]
    for engine in (None, *engines):
        fitting = {name for one in ([engine] if engine else engines) for name in fitting_workloads(one)}
        brought = set(group_names("workload", engine)) - (set(group_names("workload")) if engine else set())
        assert brought <= fitting


@pytest.mark.parametrize("task", TASKS)
def test_the_example_of_every_limit_can_be_typed(task):
    """The hint of a limit that cannot be read is one that can."""
    for name in metrics_of(task, default_engine(task)):
        with pytest.raises(TunerError) as raised:
            compose(task, [f"constraints.{name}=abc"])
        example = raised.value.hint.removeprefix("for example ").partition(",")[0]
        assert example.startswith(f"constraints.{name}=")
        assert name in compose(task, [example]).constraints


def test_an_increase_may_be_limited_to_less_than_none():
    assert compose("stt", ["constraints.wer_increase=-0.01"]).constraints["wer_increase"] == -0.01


def test_no_divergence_at_all_may_be_asked_for():
    assert composed("constraints.kld=0", "constraints.top1_agreement=1").constraints == {"kld": 0, "top1_agreement": 1}


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("budget.minutes=ten", "budget.minutes must be a number of minutes, not 'ten'"),
        ("budget.minutes=5m", "budget.minutes must be a number of minutes, not '5m'"),
        ("budget.minutes=0", "budget.minutes must be above 0"),
        ("budget.minutes=-1", "budget.minutes must be above 0"),
        ("budget.minutes=inf", "budget.minutes must be a number"),
        ("budget.trials=0", "budget.trials must be at least 1"),
        ("budget.trials=-3", "budget.trials must be at least 1"),
        ("budget.trials=2.5", "budget.trials must be a whole number"),
        ("budget.trials=true", "budget.trials must be a number"),
        ("budget.trials=1,2", "budget.trials=1,2"),
        ("budget.tournament_pairs=40", "budget.tournament_pairs is 40, above budget.tournament_pairs_most, 32"),
        ("budget.rounds_least=9", "budget.rounds_least is 9"),
        ("budget=40", "unknown budget '40'"),
        ("constraints.rss_peak_mib=4GiB", "constraints.rss_peak_mib must be a number of MiB, not '4GiB'"),
        ("constraints.kld=nan", "constraints.kld must be a number"),
        ("constraints.kld=inf", "constraints.kld must be a number of nat, not inf"),
        ("constraints.kld=abc", "constraints.kld must be a number of nat, not 'abc'"),
        ("constraints.kld=", "constraints.kld must be a number of nat, not ''"),
        (f"constraints.kld={10**400}", "constraints.kld must be a number of nat"),
        ("constraints={kld: -1}", "constraints.kld=-1 makes no sense: kld is never below 0"),
        ("constraints.rss_peak_mib=-5", "constraints.rss_peak_mib=-5 makes no sense: rss_peak_mib is never below 1"),
        ("constraints.decode_tokens_per_second=-1", "decode_tokens_per_second is never below 0"),
        ("constraints.top1_agreement=1.5", "top1_agreement is never above 1"),
        ("constraints.perplexity=0.5", "perplexity is never below 1"),
        ("constraints.ftl_ms=0", "constraints.ftl_ms=0 can never hold: ftl_ms is always above 0"),
        (f"budget.trials={10**400}", "budget.trials must be a number of trials"),
        ("constraints=kld", "constraints=kld is not a mapping"),
        ("constraints={kld}", "constraints={kld} is not a mapping"),
        ("constraints={kdl: 1}", "unknown metric 'kdl'"),
        ("constraints=[kld]", "constraints=[kld] is not a mapping"),
        ("constraints=0.1", "constraints=0.1 is not a mapping"),
        ("outputs=null", "outputs=null names no folder"),
        ("outputs=", "outputs= names no folder"),
        ("seed=x", "seed must be a whole number"),
        ("seed=-1", "seed must be a whole number"),
        ("study=a/b", "study 'a/b' cannot be the name of a folder"),
        ("study=..", "study '..' cannot be the name of a folder"),
        ("study=latest", "study 'latest' cannot be the name of a folder"),
        ("study=", "study '' cannot be the name of a folder"),
        ("objective=", "names nothing"),
        ("objective=[ftl_ms,ftl_ms]", "'ftl_ms' twice"),
        ("params.x=choice(1,2)", "is a range of values where one is wanted"),
        ("params=3", "names no knob"),
        ("space.x=choice(", "choice("),
        ("model=", "has no value"),
        ("model=file", "no model is given"),
        ("model={Q4: a", "is not of the form"),
        ("model.noise=${nope}", "cannot be resolved"),
        ("model.variants.Q4=a.gguf", "unknown key 'model.variants'"),
        ("~budget.trials", "only a constraint can be removed"),
        ("tracking=maybe", "tracking=maybe"),
        ("budget.trials", "has no value"),
    ],
)
def test_wrong_values_are_one_clear_line(typed, message):
    assert message in refused(typed).message


def test_what_is_named_as_known_can_be_used():
    """No quality among what can be guarded, and no engine that is there for tests."""
    assert "kld" not in refused("guards.xyz=1").hint
    with pytest.raises(TunerError) as raised:
        load_engine("fak")
    assert "fake" not in raised.value.hint
    with pytest.raises(TunerError, match="serves 'stt', not 'tts'") as raised:
        compose("tts", ["engine=whisper_cpp"])
    assert "piper" in raised.value.hint
    assert "fake_voice" not in raised.value.hint


def test_the_task_and_the_engine_must_fit():
    with pytest.raises(TunerError, match="unknown task 'lm'") as raised:
        compose("lm", [])
    assert "did you mean 'llm'?" in raised.value.hint


# --- tracking ---------------------------------------------------------------------------------------------------------


def test_where_results_are_logged(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///env.db")
    assert composed().tracking_uri == "sqlite:///env.db"
    assert composed("tracking.uri=sqlite:///typed.db").tracking_uri == "sqlite:///typed.db"
    assert composed("tracking=false").tracking_uri == ""


def test_a_password_is_used_but_not_written_down():
    config = composed("tracking.uri=https://me:se:cret@host:5000/x?y=1")
    assert config.tracking_uri == "https://me:se:cret@host:5000/x?y=1"
    assert config.document["tracking"]["uri"] == "https://me:***@host:5000/x?y=1"


# --- targets and the files themselves ---------------------------------------------------------------------------------


def test_a_preset_is_cut_down_to_the_task():
    jane = composed("targets=jane")
    assert jane.document["targets"]["name"] == "jane"
    assert {t.task for t in jane.targets} == {"llm"}
    for name in ("cosyvoice", "none", "null"):
        assert composed(f"targets={name}").targets == ()


def test_a_targets_file_of_the_users(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("title: Mine\ntargets:\n  - {task: llm, metric: ftl_ms, below: 200}\n")
    assert composed(f"targets={file}").targets == (Target("llm", "ftl_ms", below=200),)
    assert composed(f"targets={file}", "targets=jane").document["targets"]["name"] == "jane"


@pytest.mark.parametrize(
    "content",
    ["", "- a", "targets: {", "targets: [{task: llm, metric: nope, below: 1}]", "goals: []", "title: a\ntitle: b"],
)
def test_a_bad_targets_file_is_named(tmp_path, content):
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    assert str(file) in refused(f"targets={file}").message


def test_a_missing_targets_file():
    assert "No such file" in refused("targets=/nowhere/mine.yaml").message


@pytest.mark.parametrize("engine", sorted(shipped()))
def test_every_engine_file_composes(engine):
    assert compose(load_engine(engine).task, [f"engine={engine}"]).engine == engine


@pytest.mark.parametrize("group", ["objective", "budget", "targets"])
def test_every_file_of_a_group_composes(group):
    """For the task that it is of, at least."""
    for name in group_names(group):
        refusals = []
        for task in TASKS:
            try:
                compose(task, [f"{group}={name}"])
            except TunerError as error:
                refusals.append(error.message)
        assert len(refusals) < len(TASKS), refusals


def test_every_group_has_files():
    assert {folder.name for folder in CONF.iterdir() if folder.is_dir() and folder.name != "__pycache__"} == {
        "model", "workload", "objective", "budget", "targets"
    }  # fmt: skip


def test_a_shape_is_the_engines_own_to_make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CosyVoice").mkdir()
    config = compose("tts", ["engine=cosyvoice", "model=shape:v2", "model.layers=2", "engine.repo=CosyVoice"])
    assert (config.model["source"], config.model["layers"]) == ("shape:v2", 2)
    assert config.model["repo"] == str(tmp_path / "CosyVoice"), "the study can be measured from another folder"


def test_a_storage_is_taken_as_typed_and_its_file_by_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert compose("llm", []).storage == ""
    assert compose("llm", ["storage=sqlite:///a b.db"]).storage == f"sqlite:///{tmp_path}/a b.db"
    url = "postgresql+psycopg://me@host:5433/studies"
    assert compose("llm", [f"storage={url}"]).storage == url


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("storage=studies.db", "is no database URL"),
        ("storage=postgresql+psycopg://me:secret@host/db", "has a password in it"),
        ("sampler=tpee", "unknown sampler 'tpee'"),
    ],
)
def test_a_storage_or_a_sampler_that_cannot_be_is_refused(override, said):
    with pytest.raises(TunerError, match=said) as caught:
        compose("llm", [override])
    assert "secret" not in str(caught.value)
    assert "tpe" in caught.value.hint or "storage" in caught.value.hint or "environment" in caught.value.hint
