from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.base import ExportFile, Model
from engines.deploy import Deployment
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.settings import KNOBS
from search_spaces.errors import TunerError

EVERY_KNOB: dict[str, Any] = {
    "quantization": "Q4_K_M", "n_threads": 3, "n_threads_batch": 4, "n_batch": 256, "n_ubatch": 128, "flash_attn": True,
    "type_k": "q8_0", "type_v": "q4_0", "n_gpu_layers": 7, "offload_kqv": False, "op_offload": False, "use_mmap": False,
    "use_mlock": True, "numa": "distribute", "split_mode": "row", "main_gpu": 1, "tensor_split": "3:1",
    "speculation_tokens": 4, "sampling": "greedy",
}  # fmt: skip
HOSTILE = [
    "/models/plain.gguf",
    '/my models/it\'s "mine".gguf',
    "/a/$(touch pwned) `id`;\\.gguf",
    "/new\nline\t#.gguf",
    "/-- {x}.gguf",
]


def deploy(path: str = "/m.gguf", **params: Any) -> Deployment:
    return Deployment("llm-tiny", "tiny", "Q4_K_M", path, params, {"n_ctx": 2048})


def exported(engine: LlamaCppEngine, target: str, document: Deployment) -> dict[str, ExportFile]:
    return {file.name: file for file in engine.export(target, document)}


def server_argv(engine: LlamaCppEngine, document: Deployment) -> list[str]:
    argv: list[str] = json.loads(exported(engine, "llama-server", document)["llama-server.json"].text)["argv"]
    return argv


def options(argv: list[str]) -> dict[str, str]:
    """Option → value ("" for a switch)."""
    found: dict[str, str] = {}
    for word in argv[1:]:
        if word.startswith("--") and word != "-- {x}.gguf":
            found[word] = ""
        else:
            found[next(reversed(found))] = word
    return found


def test_every_knob_is_known_to_these_tests() -> None:
    assert set(EVERY_KNOB) == set(KNOBS)


def test_llama_server_gets_every_knob(engine: LlamaCppEngine) -> None:
    assert options(server_argv(engine, deploy(**EVERY_KNOB))) == {
        "--model": "/m.gguf", "--ctx-size": "2048", "--parallel": "1", "--threads": "3", "--threads-batch": "4",
        "--batch-size": "256", "--ubatch-size": "128", "--cache-type-k": "q8_0", "--cache-type-v": "q4_0",
        "--n-gpu-layers": "7", "--split-mode": "row", "--main-gpu": "1", "--no-kv-offload": "", "--no-op-offload": "",
        "--flash-attn": "on", "--load-mode": "mlock", "--numa": "distribute", "--tensor-split": "3,1",
        "--spec-type": "ngram-simple", "--spec-ngram-simple-size-n": "2", "--spec-ngram-simple-size-m": "4",
        "--temp": "0", "--host": "127.0.0.1", "--port": "8080",
    }  # fmt: skip


def test_llama_server_is_told_what_the_library_does_by_default(engine: LlamaCppEngine) -> None:
    """Its own defaults differ: automatic flash attention, a batch of 2048, all layers on the GPU."""
    found = options(server_argv(engine, deploy()))
    assert (found["--flash-attn"], found["--batch-size"], found["--n-gpu-layers"]) == ("off", "512", "0")
    assert found["--load-mode"] == "mmap"
    assert "--numa" not in found


def test_llama_server_answers_as_it_did_unless_sampling_was_asked_for(engine: LlamaCppEngine) -> None:
    for params in ({}, {"sampling": "top_k_top_p"}):
        document = json.loads(exported(engine, "llama-server", deploy(**params))["llama-server.json"].text)
        assert not {"--temp", "--top-k", "--top-p", "--min-p"} & set(document["argv"])
        assert any("sampling stays the server's" in n and "temperature 0.2, top_k 40" in n for n in document["notes"])
    greedy = json.loads(exported(engine, "llama-server", deploy(sampling="greedy"))["llama-server.json"].text)
    assert options(greedy["argv"])["--temp"] == "0"
    assert any("temperature 0 as measured: that replaces the server's default" in note for note in greedy["notes"])


def test_every_file_says_what_was_proven_where_and_when(engine: LlamaCppEngine) -> None:
    proof = "2.23 times as good as the default in response_s; measured on 2026-12-01 on a processor, 2 cores"
    document = replace(deploy(), proof=proof)
    for target, name in {
        "llama-server": "llama-server.sh", "llama-cpp-python-server": "llama-cpp-python-server.txt", "python": "llm.py",
    }.items():  # fmt: skip
        assert proof in exported(engine, target, document)[name].text
    notes = json.loads(exported(engine, "llama-server", document)["llama-server.json"].text)["notes"]
    assert notes[0].endswith(f"from study llm-tiny: {proof}.")
    assert any("--parallel 1" in note for note in notes)


def test_what_llama_server_does_otherwise_is_noted(engine: LlamaCppEngine) -> None:
    files = exported(engine, "llama-server", deploy(speculation_tokens=2))
    notes = json.loads(files["llama-server.json"].text)["notes"]
    assert any("speculation_tokens=2 is exported as ngram-simple" in note for note in notes)
    assert any("n_threads is not set" in note for note in notes)
    assert all(f"# {note}" in files["llama-server.sh"].text for note in notes)
    assert not any(
        "speculation" in n
        for n in json.loads(exported(engine, "llama-server", deploy())["llama-server.json"].text)["notes"]
    )


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell script")
def test_the_shell_script_starts_exactly_the_argument_vector(engine: LlamaCppEngine, tmp_path: Path, path: str) -> None:
    server = tmp_path / "server"
    server.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    server.chmod(0o755)
    files = exported(engine, "llama-server", deploy(path, **EVERY_KNOB))
    script = tmp_path / "start.sh"
    script.write_text(files["llama-server.sh"].text)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    assert files["llama-server.sh"].executable
    run = subprocess.run(
        [script, "--verbose"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"LLAMA_SERVER": str(server)},
    )
    assert json.loads(run.stdout) == [*server_argv(engine, deploy(path, **EVERY_KNOB))[1:], "--verbose"]
    assert not (tmp_path / "pwned").exists()


def test_a_hostile_name_stays_in_its_comment(engine: LlamaCppEngine) -> None:
    document = replace(deploy(), model="x\nrm -rf /\n")
    script = exported(engine, "llama-server", document)["llama-server.sh"].text
    assert not [line for line in script.splitlines() if line.startswith("rm")]


@pytest.mark.parametrize("path", HOSTILE)
def test_llama_cpp_server_gets_every_knob(engine: LlamaCppEngine, path: str) -> None:
    files = exported(engine, "llama-cpp-python-server", deploy(path, **EVERY_KNOB))
    settings = json.loads(files["llama-cpp-python-server.json"].text)
    (model,) = settings["models"]
    assert model == {
        "model": path, "n_ctx": 2048, "n_threads": 3, "n_threads_batch": 4, "n_batch": 256, "n_ubatch": 128,
        "flash_attn": True, "type_k": 8, "type_v": 2, "n_gpu_layers": 7, "offload_kqv": False, "use_mmap": False,
        "use_mlock": True, "numa": 1,
        "split_mode": 2, "main_gpu": 1, "tensor_split": [3.0, 1.0], "draft_model": "prompt-lookup-decoding",
        "draft_model_num_pred_tokens": 4, "logits_all": True,
    }  # fmt: skip
    assert json.loads(files["llama-cpp-python-server-request.json"].text) == {"temperature": 0.0}
    assert "op_offload=False has no setting in this server" in files["llama-cpp-python-server.txt"].text


def test_llama_cpp_server_is_told_what_the_library_does_by_default(engine: LlamaCppEngine) -> None:
    (model,) = json.loads(exported(engine, "llama-cpp-python-server", deploy())["llama-cpp-python-server.json"].text)[
        "models"
    ]
    assert (model["use_mlock"], model["logits_all"]) == (False, False)


def test_the_settings_are_those_that_the_server_has(engine: LlamaCppEngine) -> None:
    """By the names in its source, because its dependencies are not installed with the tool."""
    import llama_cpp

    source = (Path(llama_cpp.__file__).parent / "server" / "settings.py").read_text()
    names = set(re.findall(r"^    (\w+): .*Field\(", source, re.MULTILINE))
    settings = json.loads(
        exported(engine, "llama-cpp-python-server", deploy(**EVERY_KNOB))["llama-cpp-python-server.json"].text
    )
    assert set(settings["models"][0]) <= names
    assert set(settings) - {"models"} <= names


@pytest.mark.parametrize("path", HOSTILE)
def test_the_python_module_holds_what_was_measured(engine: LlamaCppEngine, path: str) -> None:
    text = exported(engine, "python", deploy(path, **EVERY_KNOB))["llm.py"].text
    module: dict[str, Any] = {}
    exec(compile(text, "llm.py", "exec"), module)
    assert module["MODEL_PATH"] == path
    assert module["SPECULATION_TOKENS"] == 4
    assert module["SAMPLING"] == {"temperature": 0.0}
    assert module["KWARGS"] == {
        "n_ctx": 2048, "n_threads": 3, "n_threads_batch": 4, "n_batch": 256, "n_ubatch": 128, "flash_attn": True,
        "type_k": 8,
        "type_v": 2, "n_gpu_layers": 7, "offload_kqv": False, "op_offload": False, "use_mmap": False, "use_mlock": True,
        "numa": 1, "split_mode": 2, "main_gpu": 1, "tensor_split": [3.0, 1.0],
    }  # fmt: skip


def test_the_python_module_loads_and_answers(engine: LlamaCppEngine, small: Model) -> None:
    document = deploy(
        small.variants["F16"],
        n_threads=1,
        n_threads_batch=1,
        n_batch=32,
        n_ubatch=32,
        speculation_tokens=2,
        sampling="greedy",
    )
    module: dict[str, Any] = {}
    exec(exported(engine, "python", document)["llm.py"].text, module)
    llama = module["load"](verbose=False)
    try:
        assert (llama.n_ctx(), llama.n_batch, llama.n_threads) == (2048, 32, 1)
        messages = [{"role": "user", "content": "Set a timer for 5 minutes"}]
        answer = module["chat"](llama, messages, max_tokens=12)
        assert answer["choices"][0]["message"]["content"].strip()
    finally:
        llama.close()


def test_targets_are_described_and_others_refused(engine: LlamaCppEngine) -> None:
    assert set(engine.export_targets) == {"llama-server", "llama-cpp-python-server", "python"}
    for target in engine.export_targets:
        assert engine.export(target, deploy())
    with pytest.raises(TunerError, match="unknown export target 'lama-server'") as caught:
        engine.export("lama-server", deploy())
    assert "did you mean 'llama-server'" in caught.value.hint


def test_a_knob_of_another_engine_is_refused(engine: LlamaCppEngine) -> None:
    for target in engine.export_targets:
        with pytest.raises(TunerError, match="unknown knob"):
            engine.export(target, deploy(audio_ctx=256))


def test_a_document_without_a_context_is_refused(engine: LlamaCppEngine) -> None:
    document = replace(deploy(), facts={})
    for target in engine.export_targets:
        with pytest.raises(TunerError, match="does not tell the context length"):
            engine.export(target, document)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("llama-server", "llama-server.json"),
        ("llama-server", "llama-server.sh"),
        ("llama-cpp-python-server", "llama-cpp-python-server.txt"),
        ("python", "llm.py"),
    ],
)
def test_a_model_in_the_cache_is_to_be_copied(
    engine: LlamaCppEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, name: str
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    note = "the model lies in the tuner's cache"
    inside = exported(engine, target, deploy(str(tmp_path / "cache/quantized/m.gguf")))[name].text
    assert inside.count(note) == 1
    if name == "llm.py":
        compile(inside, name, "exec")
    assert note not in exported(engine, target, deploy(str(tmp_path / "models/m.gguf")))[name].text
