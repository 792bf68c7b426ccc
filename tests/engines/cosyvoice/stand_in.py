"""A folder with the signatures of the official repository and none of its code, and the little of torch it needs.

It remembers what it was called with, and it has the traits that the adapter must deal with: a hop that grows with each
chunk and stays grown, an LLM in a thread of its own whose failure nobody sees, takes of another length (`pace`), and a
plan that is written where it is told.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

RATE = 24000
_FLOW = "self token token_len prompt_token prompt_token_len prompt_feat prompt_feat_len embedding streaming finalize"
SIGNATURES = {
    "cosyvoice/cli/cosyvoice.py": {
        "CosyVoice2.__init__": "self model_dir load_jit load_trt load_vllm fp16 trt_concurrent",
        "CosyVoice3.__init__": "self model_dir load_trt load_vllm fp16 trt_concurrent",
        "CosyVoice.add_zero_shot_spk": "self prompt_text prompt_wav zero_shot_spk_id",
        "CosyVoice.inference_zero_shot": (
            "self tts_text prompt_text prompt_wav zero_shot_spk_id stream speed text_frontend"
        ),
        "CosyVoice2.inference_instruct2": (
            "self tts_text instruct_text prompt_wav zero_shot_spk_id stream speed text_frontend"
        ),
        "CosyVoice.inference_vc": "self source_wav prompt_wav stream speed",
    },
    "cosyvoice/cli/frontend.py": {
        "CosyVoiceFrontEnd.text_normalize": "self text split text_frontend",
        "CosyVoiceFrontEnd.frontend_zero_shot": "self tts_text prompt_text prompt_wav resample_rate zero_shot_spk_id",
        "CosyVoiceFrontEnd.frontend_instruct2": "self tts_text instruct_text prompt_wav resample_rate zero_shot_spk_id",
        "CosyVoiceFrontEnd.frontend_vc": "self source_speech_16k prompt_wav resample_rate",
    },
    "cosyvoice/cli/model.py": {
        "CosyVoice2Model.__init__": "self llm flow hift fp16",
        "CosyVoice3Model.__init__": "self llm flow hift fp16",
        "CosyVoiceModel.load_trt": ("self flow_decoder_estimator_model flow_decoder_onnx_model trt_concurrent fp16"),
        "CosyVoiceModel.get_trt_kwargs": "self",
        "CosyVoice2Model.load_vllm": "self model_dir",
        "CosyVoiceModel.llm_job": "self text prompt_text llm_prompt_speech_token llm_embedding uuid",
        "CosyVoice2Model.token2wav": (
            "self token prompt_token prompt_feat embedding token_offset uuid stream finalize speed"
        ),
        "CosyVoice2Model.tts": (
            "self text flow_embedding llm_embedding prompt_text llm_prompt_speech_token flow_prompt_speech_token "
            "prompt_speech_feat source_speech_token stream speed **kwargs"
        ),
    },
    "cosyvoice/flow/flow_matching.py": {
        "CausalConditionalCFM.forward": "self mu mask n_timesteps temperature spks cond streaming",
        "ConditionalCFM.solve_euler": "self x t_span mu mask spks cond streaming",
        "ConditionalCFM.forward_estimator": "self x mask mu t spks cond streaming",
    },
    "cosyvoice/flow/flow.py": {
        "CausalMaskedDiffWithXvec.inference": _FLOW,
        "CausalMaskedDiffWithDiT.inference": _FLOW,
    },
    "cosyvoice/llm/llm.py": {
        "Qwen2Encoder.forward_one_step": "self xs masks cache",
        "Qwen2LM.inference": (
            "self text text_len prompt_text prompt_text_len prompt_speech_token prompt_speech_token_len embedding "
            "sampling max_token_text_ratio min_token_text_ratio uuid"
        ),
    },
    "cosyvoice/utils/file_utils.py": {"convert_onnx_to_trt": "trt_model trt_kwargs onnx_model fp16"},
}
"""What the adapter calls or replaces, as read in the repository at ace7c47 (2026-03-16): file → name → parameters."""

_MODEL = '''
import threading
from types import SimpleNamespace

import numpy as np

CALLS = []


class Tensor:
    """An array with what is asked of a tensor here."""

    def __init__(self, array):
        self.array = np.asarray(array)
        self.shape = self.array.shape

    def squeeze(self, axis):
        return Tensor(self.array[0])

    def float(self):
        return self

    def flatten(self):
        return Tensor(self.array.reshape(-1))

    def tolist(self):
        return self.array.tolist()

    def numpy(self):
        return self.array.astype(np.float32)


class Model:
    def __init__(self, fp16):
        self.device = SimpleNamespace(type="cpu")
        self.fp16 = fp16
        self.token_hop_len, self.token_max_hop_len, self.stream_scale_factor = 25, 100, 2
        self.llm_end_dict = {}
        self.failing = False
        self.level, self.pace = 0.3, 1.0
        qwen = SimpleNamespace(
            hooks=[], attention="", lm_head=SimpleNamespace(out_features=151936),
            config=SimpleNamespace(_attn_implementation="sdpa"),
            model=SimpleNamespace(compile=self._note("llm compile"), register_forward_hook=lambda hook: None),
        )
        qwen.register_forward_pre_hook = lambda hook, with_kwargs: qwen.hooks.append(hook)
        qwen.set_attn_implementation = lambda name: setattr(qwen.config, "_attn_implementation", name)
        encoder = SimpleNamespace(model=qwen, forward_one_step=lambda xs, masks, cache=None: (xs, cache))
        self.llm = SimpleNamespace(llm=encoder, inference=self._tokens)
        decoder = SimpleNamespace(
            estimator=SimpleNamespace(compile=self._note("flow compile")),
            forward=lambda n_timesteps: self._solve(n_timesteps),
            solve_euler=lambda: None, forward_estimator=lambda: None,
        )
        self.flow = SimpleNamespace(decoder=decoder, inference=self._flow)
        self.hift = SimpleNamespace(inference=lambda speech_feat: speech_feat)

    def _note(self, what):
        return lambda mode: CALLS.append((what, mode))

    def _tokens(self, count):
        if self.failing:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 MiB")
        self.llm.llm.forward_one_step(None, None)
        yield from range(round(count * self.pace))

    def _flow(self, token):
        self.flow.decoder.forward(n_timesteps=10)
        return token

    def _solve(self, n_timesteps):
        self.flow.decoder.solve_euler()
        for _ in range(n_timesteps):
            self.flow.decoder.forward_estimator()

    def get_trt_kwargs(self):
        return {"input_names": ["x", "mask", "mu", "cond"]}

    def load_trt(self, plan, onnx, contexts, fp16):
        CALLS.append(("load_trt", plan, onnx, contexts, fp16))

    def llm_job(self, count, found, uuid):
        for token in self.llm.inference(count):
            found.append(token)
        self.llm_end_dict[uuid] = True

    def token2wav(self, token, finalize):
        self.flow.inference(token)
        time = np.arange(token.shape[1] * 960) / 24000
        return Tensor(self.hift.inference((self.level * np.sin(2 * np.pi * 150 * time))[None]))

    def tts(self, text=(), source_speech_token=None, stream=False, **kwargs):
        CALLS.append(("tts", sorted(kwargs), stream))
        uuid, found = object(), []
        self.llm_end_dict[uuid] = False
        if source_speech_token is None:
            thread = threading.Thread(target=self.llm_job, args=(8 * len(text), found, uuid))
            thread.start()
            thread.join()
            assert self.llm_end_dict[uuid], "streaming would wait for ever"
        else:
            found = list(source_speech_token.tolist()[0])
        done = 0
        while stream and len(found) - done > self.token_hop_len:
            hop = self.token_hop_len
            done += hop
            self.token_hop_len = min(self.token_max_hop_len, hop * self.stream_scale_factor)
            yield {"tts_speech": self.token2wav(token=Tensor([found[done - hop:done]]), finalize=False)}
        chunk = self.token2wav(token=Tensor([found]), finalize=True)
        yield {"tts_speech": Tensor(chunk.array[:, done * 960:])}
'''
_API = """
from cosyvoice.cli.model import CALLS, Model, Tensor


class FrontEnd:
    def __init__(self):
        self.spk2info = {}

    def text_normalize(self, text, split=True, text_frontend=True):
        return [text] if split else text

    def frontend_zero_shot(self, tts_text, prompt_text, prompt_wav, resample_rate, zero_shot_spk_id):
        CALLS.append(("read prompt", prompt_text, zero_shot_spk_id))
        return {"text": tts_text.split(), "flow_prompt_speech_token": prompt_wav}

    def frontend_instruct2(self, tts_text, instruct_text, prompt_wav, resample_rate, zero_shot_spk_id):
        return self.frontend_zero_shot(tts_text, instruct_text, prompt_wav, resample_rate, zero_shot_spk_id)

    def frontend_vc(self, source_speech_16k, prompt_wav, resample_rate):
        return {"source_speech_token": Tensor([list(range(50))]), "flow_prompt_speech_token": prompt_wav}


class CosyVoice:
    def add_zero_shot_spk(self, prompt_text, prompt_wav, zero_shot_spk_id):
        self.frontend.spk2info[zero_shot_spk_id] = prompt_text
        CALLS.append(("add speaker", prompt_text, zero_shot_spk_id))
        return True

    def inference_zero_shot(
        self, tts_text, prompt_text, prompt_wav, zero_shot_spk_id="", stream=False, speed=1.0, text_frontend=True
    ):
        for piece in self.frontend.text_normalize(tts_text):
            made = self.frontend.frontend_zero_shot(piece, prompt_text, prompt_wav, 24000, zero_shot_spk_id)
            yield from self.model.tts(**made, stream=stream)

    def inference_vc(self, source_wav, prompt_wav, stream=False, speed=1.0):
        yield from self.model.tts(**self.frontend.frontend_vc(source_wav, prompt_wav, 24000), stream=stream)


class CosyVoice2(CosyVoice):
    def __init__(self, model_dir, load_jit=False, load_trt=False, load_vllm=False, fp16=False, trt_concurrent=1):
        CALLS.append(("CosyVoice2", load_jit, load_trt, load_vllm, fp16))
        self.frontend, self.model, self.sample_rate = FrontEnd(), Model(fp16), 24000

    def inference_instruct2(
        self, tts_text, instruct_text, prompt_wav, zero_shot_spk_id="", stream=False, speed=1.0, text_frontend=True
    ):
        for piece in self.frontend.text_normalize(tts_text):
            made = self.frontend.frontend_instruct2(piece, instruct_text, prompt_wav, 24000, zero_shot_spk_id)
            yield from self.model.tts(**made, stream=stream)


class CosyVoice3(CosyVoice2):
    def __init__(self, model_dir, load_trt=False, load_vllm=False, fp16=False, trt_concurrent=1):
        super().__init__(model_dir, False, load_trt, load_vllm, fp16, trt_concurrent)
"""
_FILES = {
    "cosyvoice/__init__.py": "",
    "cosyvoice/cli/__init__.py": "",
    "cosyvoice/cli/model.py": _MODEL,
    "cosyvoice/cli/cosyvoice.py": _API,
    "cosyvoice/utils/__init__.py": "",
    "cosyvoice/utils/file_utils.py": (
        "from cosyvoice.cli.model import CALLS\n\n\n"
        "def convert_onnx_to_trt(trt_model, trt_kwargs, onnx_model, fp16):\n"
        "    CALLS.append(('convert', fp16))\n"
        "    with open(trt_model, 'wb') as plan:\n        plan.write(b'plan')\n"
    ),
    "third_party/Matcha-TTS/matcha/__init__.py": "",
    "asset/zero_shot_prompt.wav": "RIFF",
}


def write_repository(folder: Path) -> Path:
    """The stand-in for the repository."""
    for name, text in _FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def write_model(folder: Path, version: int = 2, *others: str) -> Path:
    """A model folder with the files that are looked for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"cosyvoice{version}.yaml", "llm.pt", "flow.pt", "hift.pt", *others):
        (folder / name).write_text(f"{name} of {version}", encoding="utf-8")
    return folder


class FakeTorch(SimpleNamespace):
    """As much of torch as a CPU configuration touches, with what was set in it."""

    def __init__(self) -> None:
        switches = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}
        cuda = SimpleNamespace(**{f"enable_{n}_sdp": self._setter(switches, n) for n in switches})
        for name in switches:
            setattr(cuda, f"{name}_sdp_enabled", lambda name=name: switches[name])
        super().__init__(
            __version__="2.13.0+cpu",
            version=SimpleNamespace(cuda=None),
            switches=switches,
            threads=4,
            precision="highest",
            seeds=[],
            backends=SimpleNamespace(cuda=cuda, cudnn=SimpleNamespace(benchmark=False)),
            cuda=SimpleNamespace(is_available=lambda: False),
            nn=SimpleNamespace(Module=SimpleNamespace, Identity=_Identity),
            jit=SimpleNamespace(ScriptModule=_Identity),
            int32="int32",
            bfloat16="bfloat16",
        )

    @staticmethod
    def _setter(switches: dict[str, bool], name: str) -> Any:
        return lambda value: switches.__setitem__(name, value)

    def get_num_threads(self) -> int:
        return int(self.threads)

    def set_num_threads(self, count: int) -> None:
        self.threads = count

    def get_float32_matmul_precision(self) -> str:
        return str(self.precision)

    def set_float32_matmul_precision(self, name: str) -> None:
        self.precision = name

    def manual_seed(self, seed: int) -> None:
        self.seeds.append(seed)

    def is_autocast_enabled(self, device: str) -> bool:
        return False

    def tensor(self, data: Any, dtype: Any = None) -> Any:
        return SimpleNamespace(tolist=lambda: np.asarray(data).tolist())


class _Identity:
    pass
