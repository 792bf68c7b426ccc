"""Production files of a deploy.json: for llama-server, for llama_cpp.server, and as a Python module.

Option names are those of the llama.cpp that llama-cpp-python 0.3.36 vendors (common/arg.cpp) and of its
server/settings.py. A knob that a target cannot express, or expresses differently, is named in `notes`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from engines.base import ExportFile
from engines.deploy import Deployment
from engines.export_text import command_files, files_of, filled, one_line, place_notes, title
from engines.llama_cpp.settings import (
    DEFAULT_SAMPLING,
    LOOKUP_NGRAM,
    model_arguments,
    sampling,
    speculation_tokens,
    tensor_split,
)
from search_spaces.errors import TunerError
from search_spaces.parameter import Params

TARGETS: Mapping[str, str] = {
    "llama-server": "argument vector (JSON) and start script for llama.cpp's llama-server",
    "llama-cpp-python-server": "configuration file for python -m llama_cpp.server --config_file",
    "python": "module with the model's path, the keyword arguments of llama_cpp.Llama and a load() function",
}
_HOST = "127.0.0.1"
_PORTS = {"llama-server": 8080, "llama-cpp-python-server": 8000}
_SWITCHES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "offload_kqv": (("--kv-offload",), ("--no-kv-offload",)),
    "op_offload": (("--op-offload",), ("--no-op-offload",)),
    "flash_attn": (("--flash-attn", "on"), ("--flash-attn", "off")),
}
_VALUES = {
    "n_threads": "--threads",
    "n_threads_batch": "--threads-batch",
    "n_batch": "--batch-size",
    "n_ubatch": "--ubatch-size",
    "type_k": "--cache-type-k",
    "type_v": "--cache-type-v",
    "n_gpu_layers": "--n-gpu-layers",
    "split_mode": "--split-mode",
    "main_gpu": "--main-gpu",
}
_LOAD_MODES = {(True, False): "mmap", (True, True): "mmap+mlock", (False, True): "mlock", (False, False): "none"}
"""(use_mmap, use_mlock) → --load-mode."""
_SAMPLING_OPTIONS = {"temperature": "--temp", "top_k": "--top-k", "top_p": "--top-p", "min_p": "--min-p"}
_MACHINE_DEFAULTS = ("n_threads", "n_threads_batch")
_LIBRARY_DEFAULTS: Params = {"flash_attn": False, "n_batch": 512, "n_ubatch": 512, "n_gpu_layers": 0}
"""Where llama-server's own default differs from llama-cpp-python's, an absent knob is exported at the latter."""


def export(target: str, deploy: Deployment) -> list[ExportFile]:
    """The files of `target`. `deploy.model.facts.n_ctx` is the context. Raises TunerError."""
    makers = {"llama-server": _llama_server, "llama-cpp-python-server": _python_server, "python": _python_module}
    return files_of(target, deploy, makers)


def _llama_server(deploy: Deployment) -> list[ExportFile]:
    options, notes = server_options(deploy)
    return command_files("llama-server", options, notes, deploy)


def server_options(deploy: Deployment) -> tuple[list[tuple[str, ...]], list[str]]:
    """The options of llama-server for a deploy document, and notes on what they do not express."""
    given: Params = deploy.params
    model_arguments(given, _context(deploy))
    params: Params = {**_LIBRARY_DEFAULTS, **given}
    options: list[tuple[str, ...]] = [
        ("--model", deploy.path),
        ("--ctx-size", str(_context(deploy))),
        ("--parallel", "1"),
    ]
    options += [(option, str(params[knob])) for knob, option in _VALUES.items() if knob in params]
    options += [on if params[knob] else off for knob, (on, off) in _SWITCHES.items() if knob in params]
    load_mode = bool(params.get("use_mmap", True)), bool(params.get("use_mlock", False))
    options.append(("--load-mode", _LOAD_MODES[load_mode]))
    if params.get("numa", "disabled") != "disabled":
        options.append(("--numa", str(params["numa"])))
    if split := tensor_split(params):
        options.append(("--tensor-split", ",".join(f"{share:g}" for share in split)))
    asked = params.get("sampling", DEFAULT_SAMPLING) != DEFAULT_SAMPLING
    of_sampling = ", ".join(f"{name} {value:g}" for name, value in sampling(params).items())
    replaced = "replaces the server's default, and a request that names its own overrides it"
    notes = [
        f"{of_sampling} as measured: that {replaced}"
        if asked
        else f"sampling stays the server's and each request's own; measured with {of_sampling}",
        "one request at a time (--parallel 1), as measured: raise it where several users ask at once, or they wait",
        "measured through llama-cpp-python: the server's own overhead and prompt cache were not",
        *(f"{knob} is not set: the server takes its own default" for knob in _MACHINE_DEFAULTS if knob not in params),
        *place_notes(deploy),
    ]
    if tokens := speculation_tokens(params):
        options += [
            ("--spec-type", "ngram-simple"),
            ("--spec-ngram-simple-size-n", str(LOOKUP_NGRAM)),
            ("--spec-ngram-simple-size-m", str(tokens)),
        ]
        notes.append(
            f"speculation_tokens={tokens} is exported as ngram-simple, llama-server's own prompt lookup: "
            "not the implementation that was measured"
        )
    if asked:
        options += [(_SAMPLING_OPTIONS[name], f"{value:g}") for name, value in sampling(params).items()]
    return [*options, ("--host", _HOST), ("--port", str(_PORTS["llama-server"]))], notes


def _python_server(deploy: Deployment) -> list[ExportFile]:
    params = dict(deploy.params)
    arguments = model_arguments(params, _context(deploy))
    notes = place_notes(deploy)
    if "op_offload" in arguments:
        notes.append(f"op_offload={arguments.pop('op_offload')} has no setting in this server: it stays at its default")
    # The server locks memory wherever the system allows it, unless told; the library does not.
    model = {"model": deploy.path, "use_mlock": False, "use_mmap": True, **arguments, "logits_all": False}
    if tokens := speculation_tokens(params):
        # See the session: the library's buffer of logits is too short without logits_all.
        model |= {"draft_model": "prompt-lookup-decoding", "draft_model_num_pred_tokens": tokens, "logits_all": True}
    request = dict(sampling(params))
    notes.append(f"sampling is of each request in this server: send {json.dumps(request)}")
    settings = {"host": _HOST, "port": _PORTS["llama-cpp-python-server"], "models": [model]}
    readme = [
        title(deploy),
        "",
        "Start: python -m llama_cpp.server --config_file llama-cpp-python-server.json",
        "",
        *notes,
    ]
    return [
        ExportFile("llama-cpp-python-server.json", json.dumps(settings, indent=2) + "\n"),
        ExportFile("llama-cpp-python-server-request.json", json.dumps(request, indent=2) + "\n"),
        ExportFile("llama-cpp-python-server.txt", "\n".join(map(one_line, readme)) + "\n"),
    ]


def _python_module(deploy: Deployment) -> list[ExportFile]:
    params = dict(deploy.params)
    values = {
        "KWARGS": model_arguments(params, _context(deploy)),
        "SPECULATION_TOKENS": speculation_tokens(params),
        "SAMPLING": dict(sampling(params)),
    }
    return [ExportFile("llm.py", filled(_MODULE, deploy, {"MODEL_PATH": deploy.path, **values}))]


_MODULE = '''{title}

from typing import Any

{values}


def load(**overrides: Any) -> Any:
    """A llama_cpp.Llama with the measured settings; keyword arguments replace single ones."""
    from llama_cpp import Llama
    from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

    arguments: dict[str, Any] = dict(KWARGS)
    if SPECULATION_TOKENS:
        arguments["draft_model"] = LlamaPromptLookupDecoding(max_ngram_size=2, num_pred_tokens=SPECULATION_TOKENS)
        arguments["logits_all"] = True
    return Llama(MODEL_PATH, **{{**arguments, **overrides}})


def chat(llama: Any, messages: list[dict[str, str]], **overrides: Any) -> Any:
    """create_chat_completion with the measured sampling."""
    return llama.create_chat_completion(messages, **{{**SAMPLING, **overrides}})


def complete(llama: Any, prompt: str, **overrides: Any) -> Any:
    """create_completion with the measured sampling: for a model without a chat template."""
    return llama.create_completion(prompt, **{{**SAMPLING, **overrides}})
'''


def _context(deploy: Deployment) -> int:
    context = deploy.facts.get("n_ctx")
    if context is None:
        raise TunerError(
            "the document does not tell the context length",
            "sweep again with this version of the tuner, and export that study",
        )
    return int(context)
