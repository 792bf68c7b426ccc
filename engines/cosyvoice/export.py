"""Production files of a measured configuration."""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping
from dataclasses import asdict

from engines.base import ExportFile
from engines.cosyvoice.settings import Settings
from engines.deploy import Deployment
from engines.export_text import files_of, title

TARGETS: Mapping[str, str] = {
    "python": "module that loads CosyVoice with the measured settings and speaks",
    "json": "the settings as JSON, for a service of one's own",
}


def export(target: str, deploy: Deployment) -> list[ExportFile]:
    """The files of `target`. Raises TunerError."""
    return files_of(target, deploy, {"python": _python, "json": _json})


def _version(deploy: Deployment) -> int:
    return int(deploy.facts.get("cosyvoice_version", 3))


def _json(deploy: Deployment) -> list[ExportFile]:
    document = {
        "model_dir": deploy.path,
        "class": f"CosyVoice{_version(deploy)}",
        "settings": asdict(Settings.of(deploy.params)),
    }
    return [ExportFile("cosyvoice.json", json.dumps(document, indent=2) + "\n")]


def _python(deploy: Deployment) -> list[ExportFile]:
    settings, version = Settings.of(deploy.params), _version(deploy)
    constructor = {**settings.constructor(version), "load_trt": settings.load_trt}
    if settings.load_trt:
        constructor["trt_concurrent"] = settings.trt_concurrent
    values = {
        "REPOSITORY": str(deploy.facts.get("repository", "")),
        "MODEL_DIR": deploy.path,
        "CONSTRUCTOR": constructor,
        "SETTINGS": {**asdict(settings), "hop_tokens_most": settings.hop_most},
    }
    notes = []
    if not deploy.path:
        notes.append("# measured with generated weights: write the folder of the published ones here")
    if settings.load_trt:
        notes.append(
            "# the repository keeps its TensorRT plan in MODEL_DIR under a name without GPU or version: delete\n"
            "# *.mygpu.plan there when either changes"
        )
    lines = [f"{name} = {pprint.pformat(value, width=100, sort_dicts=False)}" for name, value in values.items()]
    text = _MODULE.format(title=repr(title(deploy)), values="\n".join([*notes, *lines]), version=version)
    return [ExportFile("tts.py", text)]


_MODULE = '''{title}

import sys
from collections.abc import Iterator
from typing import Any

{values}
_KERNELS = {{
    "auto": ("flash", "mem_efficient", "math", "cudnn"),
    "math": ("math",),
    "flash": ("flash", "math"),
    "efficient": ("mem_efficient", "math"),
    "cudnn": ("cudnn", "math"),
}}


def load() -> Any:
    """The repository's CosyVoice{version} with the measured settings."""
    sys.path[:0] = [REPOSITORY, REPOSITORY + "/third_party/Matcha-TTS"]
    import torch

    if SETTINGS["n_threads"]:
        torch.set_num_threads(SETTINGS["n_threads"])
    for name in _KERNELS["auto"]:
        getattr(torch.backends.cuda, f"enable_{{name}}_sdp")(name in _KERNELS[SETTINGS["sdpa_kernel"]])
    torch.backends.cudnn.benchmark = SETTINGS["cudnn_benchmark"]
    torch.set_float32_matmul_precision("high" if SETTINGS["tf32"] else "highest")
    if SETTINGS["load_vllm"]:
        from cosyvoice.vllm.cosyvoice2 import CosyVoice2ForCausalLM
        from vllm import ModelRegistry

        ModelRegistry.register_model("CosyVoice2ForCausalLM", CosyVoice2ForCausalLM)
    from cosyvoice.cli.cosyvoice import CosyVoice{version}

    voice = CosyVoice{version}(MODEL_DIR, **CONSTRUCTOR)
    _tune(torch, voice.model)
    return voice


def speak(voice: Any, text: str, prompt_text: str, prompt_wav: str) -> Iterator[Any]:
    """Tensors (1, samples) of `text` in the voice of the prompt, as they come."""
    reset(voice)
    speaker = ""
    if SETTINGS["prompt_cached"]:
        speaker = f"{{prompt_wav}} {{prompt_text}}"
        if speaker not in voice.frontend.spk2info:
            voice.add_zero_shot_spk(prompt_text, prompt_wav, speaker)
    for output in voice.inference_zero_shot(text, prompt_text, prompt_wav, speaker, stream=SETTINGS["stream"]):
        yield output["tts_speech"]


def reset(voice: Any) -> None:
    """Before each request: the repository lengthens the hop with every chunk and never shortens it."""
    voice.model.token_hop_len = SETTINGS["first_hop_tokens"]
    voice.model.token_max_hop_len = SETTINGS["hop_tokens_most"]
    voice.model.stream_scale_factor = SETTINGS["hop_growth"]


def _tune(torch: Any, model: Any) -> None:
    if not SETTINGS["load_vllm"]:
        qwen = model.llm.llm.model
        # transformers above 4.51.3 misreads the repository's attention mask, and collects hidden states for one request
        # at a time: without a mask attention is causal, and the last state is all that is read.
        qwen.register_forward_pre_hook(_as_meant, with_kwargs=True)
        qwen.model.register_forward_hook(_with_last_state)
        attention = "flash_attention_2" if SETTINGS["flash_attention_2"] else SETTINGS["attention"]
        if hasattr(qwen, "set_attn_implementation"):
            qwen.set_attn_implementation(attention)
        else:
            qwen.config._attn_implementation = attention
        if not SETTINGS["text_head"]:
            qwen.lm_head = torch.nn.Identity()
    decoder = model.flow.decoder
    if SETTINGS["flow_steps"] != 10:
        solve = decoder.forward
        decoder.forward = lambda *a, **k: solve(*a, **{{**k, "n_timesteps": SETTINGS["flow_steps"]}})
    if SETTINGS["bf16"]:
        _autocast(torch, model)
    if SETTINGS["compile"] != "off" and SETTINGS["compile_module"] in ("flow", "both"):
        decoder.estimator.compile(mode=SETTINGS["compile"])
    if SETTINGS["compile"] != "off" and SETTINGS["compile_module"] in ("llm", "both"):
        model.llm.llm.model.model.compile(mode=SETTINGS["compile"])


def _as_meant(module: Any, args: Any, kwargs: Any) -> Any:
    return args, {{**kwargs, "attention_mask": None, "output_hidden_states": False}}


def _with_last_state(module: Any, args: Any, output: Any) -> Any:
    output.hidden_states = (output.last_hidden_state,)
    return output


def _autocast(torch: Any, model: Any) -> None:
    speak_tokens, flow, device = model.llm.inference, model.flow.inference, model.device.type

    def tokens(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with torch.autocast(device, dtype=torch.bfloat16):
            yield from speak_tokens(*args, **kwargs)

    def mel(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device, dtype=torch.bfloat16):
            return flow(*args, **kwargs)

    model.llm.inference, model.flow.inference = tokens, mel
'''
