"""The command line on real processes; the fake engine stands for a real one."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.registry import offered
from search_spaces.errors import EnvironmentLackingError, NoAnswerError, TunerError
from search_spaces.parameter import IntRange
from tests.tuner.fake_study import results_of
from tests.tuner.results.report.test_bench import measured
from tuner.cli import main as cli
from tuner.cli.commands import bench, show
from tuner.cli.console import Console
from tuner.cli.main import COMMANDS, main, parse

GAIN = Path(__file__).parents[1] / "results/export/documents/good/gain.json"
HEAVY = ("mlflow", "optuna", "llama_cpp", "numpy", "hydra", "omegaconf", "rich", "scipy", "pandas", "torch", "yaml")


def tuner(*arguments, cwd=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "tuner", *arguments], cwd=cwd, capture_output=True, text=True, **options
    )


def only_document(result):
    """Standard output is one JSON document and nothing else."""
    return json.loads(result.stdout)


# --- help -------------------------------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from tuner.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('heavy:', [m for m in {HEAVY} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in result.stdout


def test_help_takes_less_than_0_3_s_of_cpu():
    """Where others use the cores as well, the same work takes more of their time: the least of a few counts."""

    def cpu_s():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def taken_s():
        before = cpu_s()
        assert tuner("--help").returncode == 0
        return cpu_s() - before

    assert min(taken_s() for _ in range(5)) < 0.3


def test_help_names_every_command():
    text = tuner("--help").stdout
    assert all(name in text for name in COMMANDS)
    assert "examples:" in text
    assert all(status in text for status in ("70 a defect", "130 interrupted"))


def test_studies_of_a_folder_that_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["studies", "--outputs", "nope"]) == 2
    assert "there is no folder 'nope'" in capsys.readouterr().err
    assert main(["studies"]) == 0, "before the first sweep there are none"


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_with_examples(command, capsys):
    with pytest.raises(SystemExit) as raised:
        parse([command, "--help"])
    text = capsys.readouterr().out
    assert raised.value.code == 0
    assert f"python -m tuner {command}" in text
    assert "examples:" in text
    assert "--json" in text


def test_the_help_of_export_lists_the_targets_of_each_engine(capsys):
    with pytest.raises(SystemExit):
        parse(["export", "--help"])
    targets = capsys.readouterr().out.split("targets, by the study's engine:\n")[1]
    engines = {"".join(line.split()) for line in targets.splitlines() if line.startswith("  ") and line[2] != " "}
    assert engines == {e.name for e in offered()}
    assert "    llama-server " in targets
    assert "fake" not in targets


# --- parsing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "llm", "a=1", "b=2", "--json"],
        ["sweep", "llm", "--json", "a=1", "b=2"],
        ["sweep", "--json", "llm", "a=1", "b=2"],
        ["sweep", "llm", "a=1", "--json", "b=2"],
    ],
)
def test_options_may_stand_between_overrides(words):
    options = parse(words)
    assert (options.command, options.task, options.overrides, options.json) == ("sweep", "llm", ["a=1", "b=2"], True)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["swep", "llm"], "unknown command 'swep'", "did you mean 'sweep'?"),
        (["sweep"], "TASK", "python -m tuner sweep --help"),
        ([], "COMMAND", "python -m tuner --help"),
        (["report", "latest"], "unknown command 'report'", "outputs/latest/report.html"),
        (["sweep", "llm", "--model=foo.gguf"], "unknown argument '--model=foo.gguf'", "write model=foo.gguf, without"),
        (["show", "llm", "--budget.trials", "3"], "unknown argument '--budget.trials'", "write budget.trials=VALUE"),
        (["studies", "--model=foo"], "unknown argument '--model=foo'", "python -m tuner studies --help"),
        (["sweep", "llm", "--jsn"], "unknown argument '--jsn'", "python -m tuner sweep --help"),
        (["studies", "extra"], "unknown argument 'extra'", "python -m tuner studies --help"),
        (["export", "latest", "--out", "x"], "--target", "python -m tuner export --help"),
        (["ui", "--port", "x"], "invalid int value", "python -m tuner ui --help"),
    ],
)
def test_a_wrong_command_line_is_two_lines(words, message, hint, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    error, hinted = captured.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert hinted.startswith("hint: ")
    assert hint in hinted
    assert captured.out == ""


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TunerError("wrong\nvalue", "do this"), 2),
        (EnvironmentLackingError("wrong\nvalue", "do this"), 3),
        (NoAnswerError("wrong\nvalue", "do this"), 1),
    ],
)
def test_an_expected_error_is_a_line_and_a_hint(error, status, monkeypatch, capsys):
    monkeypatch.setattr(cli.COMMANDS["studies"], "run", lambda *_: (_ for _ in ()).throw(error))
    assert main(["studies"]) == status
    assert capsys.readouterr() == ("", "error: wrong value\nhint: do this\n")
    assert main(["studies", "--json"]) == status
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"error": "wrong\nvalue", "hint": "do this"}
    assert captured.err == "error: wrong value\nhint: do this\n"


def raising(error):
    def run(*_):
        raise error

    return run


def test_a_full_disk_is_the_environments_fault(monkeypatch, capsys):
    monkeypatch.setattr(cli.COMMANDS["studies"], "run", raising(OSError(28, "No space left on device", "/x/y")))
    assert main(["studies"]) == 3
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "error: No space left on device: '/x/y'"
    assert "free space" in told[1]


def test_a_folder_that_may_not_be_written_does_not_want_space(monkeypatch, capsys):
    monkeypatch.setattr(cli.COMMANDS["studies"], "run", raising(PermissionError(13, "Permission denied", "/x/y")))
    assert main(["studies"]) == 3
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "error: Permission denied: '/x/y'"
    assert "space" not in told[1]


def test_ctrl_c_is_one_line_and_130(monkeypatch, capsys):
    monkeypatch.setattr(cli.COMMANDS["studies"], "run", raising(KeyboardInterrupt()))
    assert main(["studies"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that hang up")
@pytest.mark.parametrize(("before", "status"), [(signal.SIG_DFL, 130), (signal.SIG_IGN, 0)], ids=["plain", "nohup"])
def test_a_closed_terminal_ends_a_command_unless_nohup_says_no(before, status, monkeypatch):
    def hang_up(*_):
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.01)
        return 0

    monkeypatch.setattr(cli.COMMANDS["studies"], "run", hang_up)
    signal.signal(signal.SIGHUP, before)
    assert main(["studies"]) == status


def test_a_defect_keeps_its_traceback_and_has_a_status_of_its_own(monkeypatch, capsys):
    monkeypatch.setattr(cli.COMMANDS["studies"], "run", raising(ZeroDivisionError("oops")))
    assert main(["studies", "--json"]) == 70
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert "ZeroDivisionError: oops" in json.loads(captured.out)["error"]


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    command = f"{sys.executable} -m tuner show llm engine=fake | head -n 1"
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr


# --- the commands on the fake engine ----------------------------------------------------------------------------------

QUICK = ("engine=fake", "tracking=false", "budget.trials=4", "budget.minutes=30", "budget.tournament_pairs_most=8")
"""Quick for its few trials and pairs; the minutes are those of a machine that is busy."""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder in which a sweep has run, and the sweep's result."""
    folder = tmp_path_factory.mktemp("swept")
    return folder, tuner("sweep", "llm", *QUICK, "study=mine", "targets=jane", "--json", cwd=folder)


def test_sweep_prints_its_document_alone(swept):
    folder, result = swept
    assert result.returncode == 0, result.stderr
    document = only_document(result)
    assert document["study"] == "mine"
    assert (folder / document["study_dir"]).samefile(folder / "outputs/mine")
    assert document["trials"] == 4
    assert sum(document["statuses"].values()) == 4
    assert document["verdict"] in ("gain", "keep_default")
    assert document["wall_s"] >= document["engine_s"] > 0
    assert document["deploy"] == json.loads((folder / "outputs/mine/deploy.json").read_text())
    assert {t["metric"] for t in document["deploy"]["targets"]} >= {"decode_tokens_per_second", "ftl_ms"}
    assert "trial" in result.stderr


def test_sweep_for_a_reader_ends_with_the_commands_to_type(swept):
    folder, _ = swept
    result = tuner("sweep", "llm", *QUICK, "study=mine", "targets=jane", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "python -m tuner export mine --target json --out serve-json" in result.stdout


def test_bench_prints_every_metric_with_its_unit(swept):
    folder, _ = swept
    result = tuner("bench", "llm", "engine=fake", "params.threads=4", "targets=jane", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    document = only_document(result)
    assert set(document) >= {"params", "metrics", "quality", "targets", "host_noise"}
    assert document["params"]["threads"] == 4
    for metrics in (document["metrics"], document["quality"]):
        assert metrics
        assert all(set(m) == {"value", "ci95", "unit"} for m in metrics.values())
    assert document["metrics"]["decode_tokens_per_second"]["unit"] == "tok/s"
    assert document["targets"][0]["met"] is True


def test_bench_says_what_others_disturbed(capsys):
    noise = {"rounds": 5.0, "disturbed_share": 0.4, "used_disturbed_share": 0.4}
    bench._print(measured(host_noise=noise).document, Console())
    assert "noise: others on this machine disturbed 2 of 5 rounds" in capsys.readouterr().out


def test_bench_with_a_profile_writes_a_report_and_what_the_engine_tells(swept):
    folder, _ = swept
    result = tuner(
        "bench", "llm", "engine=fake", "profile=true", "study=looked-into", "targets=jane", "params.mode=b", "--json",
        cwd=folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    document = only_document(result)
    files = {Path(file).name: folder / file for file in document["files"]}
    assert set(files) == {"report.md", "bench.json", "pipeline_profile.json"}
    assert set(json.loads(files["pipeline_profile.json"].read_text())["items"]) == {"item-0", "item-1"}
    assert document["in_force"] == {"mode": "b"}
    assert document["stages"]["bottleneck"] in ("prefill", "decode")
    report = files["report.md"].read_text()
    for heading in ("Configuration", "Optimizations in force", "Every iteration", "Bottleneck", "Gap to the targets"):
        assert f"## {heading}" in report
    assert json.loads(files["bench.json"].read_text())["iterations"]


def test_bench_with_a_report_alone_does_not_profile(swept):
    folder, _ = swept
    result = tuner("bench", "llm", "engine=fake", "report=true", "study=reported", "--json", cwd=folder)
    assert {Path(file).name for file in only_document(result)["files"]} == {"report.md", "bench.json"}


def test_bench_of_a_deploy_file_measures_its_parameters(swept):
    folder, sweep = swept
    result = tuner("bench", "llm", "deploy=outputs/mine/deploy.json", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert only_document(result)["params"] == only_document(sweep)["deploy"]["params"]
    assert "this workload" not in result.stderr


def test_bench_of_a_deploy_file_says_when_the_workload_is_another(swept):
    folder, sweep = swept
    result = tuner("bench", "llm", "deploy=outputs/mine/deploy.json", "workload.tokens=17", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    (note,) = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
    assert (
        f"'outputs/mine/deploy.json' was measured on ({only_document(sweep)['deploy']['workload']['digest']})" in note
    )
    assert only_document(result)["status"] == "ok"


def test_bench_of_what_cannot_run_is_a_no(tmp_path):
    result = tuner("bench", "llm", "engine=fake", "model.script=[{do: out_of_memory}]", "--json", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    document = only_document(result)
    assert document["status"] == "out_of_memory"
    assert "99 GiB" in document["reason"]


def test_a_sweep_without_a_feasible_configuration_is_a_no(tmp_path):
    overrides = [*QUICK, "model.script=[{do: invalid}]"]
    result = tuner("sweep", "llm", *overrides, "--json", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    document = only_document(result)
    assert (document["verdict"], document["deploy"]) == ("no_feasible", None)


def test_show_tells_ranges_and_defaults(swept):
    folder, _ = swept
    document = only_document(tuner("show", "llm", "engine=fake", "params.mode=b", "--json", cwd=folder))
    knobs = {knob["name"]: knob for knob in document["knobs"]}
    assert knobs["threads"]["range"] == "1..8"
    assert knobs["level"]["when"] == ["turbo=true"]
    assert document["fixed"] == {"mode": "b"}
    text = tuner("show", "llm", "engine=fake", "params.mode=b", cwd=folder).stdout
    assert "threads" in text
    assert "mode = b" in text


@pytest.mark.parametrize(("when", "heads"), [([], 0), (["turbo=true"], 1)])
def test_the_table_of_knobs_heads_conditions_only_where_there_are_some(when, heads, capsys):
    knob = show.ShownKnob(
        "level", "1..2", "IntRange", IntRange(1, 2), 1, 1, "", tuple(when), "load", ("speed",), "how hard it tries"
    )
    model = show.ShownModel("m", "m", ("",), "")
    shown = show.ShownSpace("s", "0", 2, {"name": "fake"}, "cpu", model, {}, (knob,), {}, {}, (), ())
    show._print(shown, Console())
    _, head, row, *_ = capsys.readouterr().out.splitlines()
    assert head.count("only when") == heads
    assert head.index("what it does") == row.index("how hard it tries")
    assert "stock" not in head


def test_what_people_run_is_shown_where_it_differs_and_what_is_off_for_one_reason_once(capsys):
    knob = show.ShownKnob("level", "1..2", "IntRange", IntRange(1, 2), 1, 2, "", (), "load", ("speed",), "tries")
    model = show.ShownModel("m", "m", ("",), "")
    off = {"layers": "no GPU; rebuild it", "pinning": "one node", "offload": "no GPU; rebuild it"}
    shown = show.ShownSpace("s", "0", 2, {"name": "fake"}, "cpu", model, {}, (knob,), {}, off, (), ("a note",))
    show._print(shown, Console())
    text = capsys.readouterr().out
    assert text.splitlines()[1].split()[:4] == ["knob", "range", "default", "stock"]
    assert text.splitlines()[2].split()[:4] == ["level", "1..2", "1", "2"]
    assert "  scope load: another value needs the model loaded anew\n" in text
    assert "scope call" not in text
    assert "  layers, offload: no GPU; rebuild it\n  pinning: one node\n" in text
    assert "  a note\n" in text


def test_studies_and_export(swept):
    folder, _ = swept
    (listed,) = only_document(tuner("studies", "--json", cwd=folder))
    assert listed["name"] == "mine"
    assert 4 <= listed["trials"] <= 6, "the winner with fewer changes may be measured beside those of the budget"
    assert "mine" in tuner("studies", cwd=folder).stdout
    result = tuner("export", "latest", "--target", "json", "--out", "serve", "--json", cwd=folder)
    assert only_document(result) == {"study": "mine", "target": "json", "files": ["serve/params.json"]}
    (folder / "serve/params.json").write_text("mine")
    refused = tuner("export", "latest", "--target", "json", "--out", "serve", cwd=folder)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert tuner("export", "latest", "--target", "json", "--out", "serve", "--overwrite", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["sweep", "lm"], 2, "unknown task 'lm'"),
        (["sweep", "llm", "budget.minutes=5m"], 2, "budget.minutes must be a number of minutes"),
        (["sweep", "llm", "engine=fake", "params.thread=2"], 2, "'thread'"),
        (["sweep", "llm", "engine=fake", "params.threads=99"], 2, "threads"),
        (["show", "llm", "engine=fake", "model.source=missing", "params.thread=2"], 2, "unknown knob 'thread'"),
        (["sweep", "llm", "engine=fake", "space.threads=choice()"], 2, "threads"),
        (["bench", "llm", "engine=fake", "model=fake", "model.source=missing"], 2, "there is no model 'missing'"),
        (["bench", "llm", "deploy=nowhere.json"], 2, "cannot read 'nowhere.json'"),
        (["bench", "llm", "engine=fake", "profile=deep"], 2, "profile=deep is neither true nor false"),
        (["export", "latest", "--target", "x", "--out", "y"], 2, "there are no studies"),
        (["sweep", "llm", "engine=fake", "tracking=false", "outputs=/proc/nothing"], 3, "cannot write"),
    ],
)
def test_what_users_get_wrong(words, status, message, tmp_path):
    result = tuner(*words, cwd=tmp_path)
    assert result.returncode == status, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith(("error: ", "hint: "))]
    assert message in lines[0]
    assert lines[1].startswith("hint: ")
    assert len(lines) == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["sweep", "llm", "n_threads=2"], 2, "n_threads is a knob"),
        (["bench", "llm", "workload=chunks"], 2, "workload 'chunks' is not for llm"),
        (["bench", "llm", "constraints.rss_peak_mib=-5"], 2, "rss_peak_mib is never below 1"),
        (["sweep", "llm", "constraints.kld=abc"], 2, "constraints.kld must be a number of nat, not 'abc'"),
        (["sweep", "llm", "params.flash_attn=maybe", "model=none.gguf"], 2, "flash_attn takes true or false"),
        (["sweep", "llm", "baseline.n_threads=few", "model=none.gguf"], 2, "n_threads takes a whole number"),
        (["sweep", "llm", "space.n_threads=choice(1,b)", "model=none.gguf"], 2, "n_threads takes a whole number"),
        (["sweep", "llm", "budget.trials=0"], 2, "budget.trials must be at least 1"),
        (["sweep", "llm", "budget.minutes=-1"], 2, "budget.minutes must be above 0"),
        (["sweep", "llm", "objective="], 2, "objective= names nothing"),
        (["sweep", "llm", "model="], 2, "'model=' has no value"),
        (["sweep", "llm", "targets=nosuch"], 2, "unknown targets 'nosuch'"),
        (["sweep", "llm", "study=../x"], 2, "study '../x' cannot be the name of a folder"),
        (["sweep", "llm", "outputs=/dev/null/x", "model=none.gguf"], 3, "cannot write"),
    ],
)
@pytest.mark.parametrize("json_wanted", [False, True])
def test_what_is_wrong_is_two_lines_before_a_model_is_looked_for(
    words, status, message, json_wanted, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tuner.measure.preparation.Worker", raising(AssertionError("an engine is asked")))
    assert main([*words, "tracking=false", *(["--json"] if json_wanted else [])]) == status
    captured = capsys.readouterr()
    error, hint = captured.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert hint.startswith("hint: ")
    assert (captured.out != "") == json_wanted
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_keeps_what_was_measured(tmp_path):
    overrides = [
        "engine=fake",
        "tracking=false",
        "study=mine",
        "model.script=[{do: slow}]",
        "budget.trials=500",
        "budget.minutes=30",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", "sweep", "llm", *overrides, "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job of a shell has it ignored
    )
    folder = tmp_path / "outputs/mine"
    while process.poll() is None and not ((folder / "study.yaml").exists() and len(results_of(folder)) >= 2):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = process.communicate()
    assert process.returncode == 130, err
    document = json.loads(out)
    assert document["verdict"] == "interrupted"
    assert document["trials"] == sum(r.purpose in ("baseline", "search") for r in results_of(folder)) >= 2
    assert "Traceback" not in err
