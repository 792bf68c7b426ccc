import json
from types import SimpleNamespace
from typing import Any

import pytest

from engines.cosyvoice.export import TARGETS, export
from engines.deploy import Deployment
from tests.engines.cosyvoice.stand_in import FakeTorch

FACTS = {"cosyvoice_version": 2, "repository": "/srv/CosyVoice"}


def deploy(params: dict[str, Any], path: str = "/srv/CosyVoice2-0.5B", **facts: Any) -> Deployment:
    return Deployment("a-study", "CosyVoice2-0.5B", "F32", path, params, {**FACTS, **facts})


def module(params: dict[str, Any], **facts: Any) -> dict[str, Any]:
    (file,) = export("python", deploy(params, **facts))
    names: dict[str, Any] = {}
    exec(compile(file.text, file.name, "exec"), names)
    return names


def test_the_module_puts_the_measured_settings_into_the_model() -> None:
    names = module({"flow_steps": 6, "text_head": False, "compile": "default", "compile_module": "both"})
    done: list[Any] = []
    qwen = SimpleNamespace(
        register_forward_pre_hook=lambda hook, with_kwargs: done.append(hook(None, (), {"attention_mask": 1})[1]),
        set_attn_implementation=done.append,
        model=SimpleNamespace(compile=lambda mode: done.append(("llm", mode)), register_forward_hook=lambda hook: None),
    )
    decoder = SimpleNamespace(
        forward=lambda n_timesteps: n_timesteps,
        estimator=SimpleNamespace(compile=lambda mode: done.append(("flow", mode))),
    )
    model = SimpleNamespace(llm=SimpleNamespace(llm=SimpleNamespace(model=qwen)), flow=SimpleNamespace(decoder=decoder))
    torch = FakeTorch()
    names["_tune"](torch, model)
    assert done == [
        {"attention_mask": None, "output_hidden_states": False},
        "sdpa",
        ("flow", "default"),
        ("llm", "default"),
    ]
    assert decoder.forward(n_timesteps=10) == 6
    assert isinstance(qwen.lm_head, torch.nn.Identity)


def test_the_module_sets_the_hop_back_before_each_request() -> None:
    names = module({"stream": True, "first_hop_tokens": 15, "hop_growth": 4, "hop_tokens_most": 50})
    model = SimpleNamespace(token_hop_len=100)
    spoken: list[Any] = []

    def zero_shot(text: str, prompt: str, wav: str, speaker: str, stream: bool) -> Any:
        spoken.append((model.token_hop_len, model.token_max_hop_len, model.stream_scale_factor, stream))
        yield {"tts_speech": "audio"}

    voice = SimpleNamespace(model=model, inference_zero_shot=zero_shot)
    assert list(names["speak"](voice, "Good morning.", "words", "voice.wav")) == ["audio"]
    assert spoken == [(15, 50, 4, True)]


@pytest.mark.parametrize(("version", "jit"), [(2, True), (3, False)])
def test_the_constructor_is_that_of_the_version(version: int, jit: bool) -> None:
    names = module({"fp16": True, "load_trt": True, "trt_concurrent": 2}, cosyvoice_version=version)
    assert names["CONSTRUCTOR"]["load_trt"] is True
    assert names["CONSTRUCTOR"]["trt_concurrent"] == 2
    assert ("load_jit" in names["CONSTRUCTOR"]) is jit


def test_generated_weights_are_to_be_replaced_and_it_says_so() -> None:
    (file,) = export("python", deploy({}, path=""))
    assert "measured with generated weights" in file.text


def test_the_settings_as_json() -> None:
    (file,) = export("json", deploy({"bf16": True}))
    document = json.loads(file.text)
    assert document["class"] == "CosyVoice2"
    assert document["settings"]["bf16"] is True
    assert document["settings"]["flow_steps"] == 10
    assert set(TARGETS) == {"python", "json"}
