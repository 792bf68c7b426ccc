"""Train the embedded speech model: `python -m engines.embedded.train_whisper` (needs the `train` extra; two CPU cores).

Writes `speech_model.xz`. See SPEECH_MODEL_CARD.md for what came of the run that is shipped.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engines.embedded.espeak import Espeak
from engines.embedded.log_mel import FFT_SIZE, HOP, MEL_BANDS, SAMPLE_RATE, mel_filters
from engines.embedded.small_whisper import decode, encode, initial_tensors
from engines.embedded.speech_examples import Example, ExampleMaker, Utterance, noise, utterances
from engines.embedded.speech_weights import SPEECH_FILE, SpeechWeights, load_speech, save_speech
from engines.embedded.spoken import vocabulary
from engines.embedded.spoken_tokens import END, NO_TIMES, START, SpokenTokens
from engines.embedded.weight_file import shorten
from engines.embedded.whisper_tensors import WhisperSize

SIZE = WhisperSize(width=128, layers=4)
POOL = 14000
"""Utterances that examples are drawn from: each comes up several times, with other noise and neighbours."""
SINGLES, WINDOWS = 32, 4
"""Examples in a step of single utterances, and in one of full windows, which takes as long."""
SORTED = 6
"""Steps whose single utterances are drawn together and sorted by length."""
WINDOW_SECONDS = 30.0
MARGIN_SECONDS = 1.2
WINDOWS_EVERY, WINDOWS_EVERY_LATER = 5, 2
EASY_SHARE = 0.2
"""The share of the steps at the beginning in which there are single utterances only, and noise grows from none."""
HEARD_WEIGHT, LOOKED_WEIGHT = 1.0, 0.3
"""Of the losses that use where the words are: what the encoder hears there, and where the decoder looks."""
POSITIONS_A_SECOND = 50
HELD_OUT = 200
IGNORED = -100


def main() -> None:
    """Train and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2500, help="of singles or windows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", type=int, default=POOL)
    parser.add_argument("--begin", type=Path, help="second stage: go on from these weights, with more full windows")
    parser.add_argument("--threads", type=int, default=2, help="1 where other work shares the cores")
    parser.add_argument("--out", type=Path, default=SPEECH_FILE)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tokens, espeak, began = SpokenTokens(vocabulary()), Espeak(), time.monotonic()
    pool = list(itertools.islice(utterances(espeak, args.seed), args.pool))
    judged = list(itertools.islice(utterances(espeak, 1 << 20, held_out=True, short_share=0.0), HELD_OUT))
    hours = sum(u.audio.size for u in pool) / SAMPLE_RATE / 3600
    print(f"{len(pool)} utterances, {hours:.1f} hours, after {time.monotonic() - began:.0f} s", flush=True)
    begin = load_speech(args.begin) if args.begin else None
    trainer = Trainer(ExampleMaker(pool, tokens, args.seed + 1), tokens, args.steps, args.seed, begin)
    for step in range(args.steps):
        loss, total = trainer.step(step)
        if step % 21 == 0:
            print(f"step {step} loss {loss:.4f} of {total:.4f} after {time.monotonic() - began:.0f} s", flush=True)
        if step % 300 == 299 or step == args.steps - 1:
            kept = {name: shorten(tensor.detach().numpy()) for name, tensor in trainer.tensors.items()}
            rounded = {name: torch.from_numpy(tensor.astype(np.float32)) for name, tensor in kept.items()}
            notes = {
                "steps": step + 1,
                "utterances": len(pool),
                "hours": round(hours, 1),
                "seconds": round(time.monotonic() - began),
                "seed": args.seed,
                "held_out_word_error": word_errors(rounded, tokens, judged),
                **({"first_stage": dict(begin.notes)} if begin else {}),
            }
            save_speech(SpeechWeights(SIZE, tokens, kept, notes), args.out)
            print(notes, f"{args.out.stat().st_size / 1e6:.1f} MB", flush=True)


class Trainer:
    """The tensors and what moves them."""

    def __init__(
        self, maker: ExampleMaker, tokens: SpokenTokens, steps: int, seed: int, begin: SpeechWeights | None = None
    ) -> None:
        if begin:
            self.tensors = {name: torch.from_numpy(t.astype(np.float32)) for name, t in begin.tensors.items()}
        else:
            self.tensors = initial_tensors(SIZE, tokens.rows, seed)
        self._maker, self._tokens = maker, tokens
        self._easy_steps = 0.0 if begin else EASY_SHARE * steps
        self._windows_every = WINDOWS_EVERY_LATER if begin else WINDOWS_EVERY
        self._rng = np.random.default_rng(seed)
        self._sorted: list[list[Example]] = []
        fixed = self.tensors["encoder.positional_embedding"]
        for tensor in self.tensors.values():
            tensor.requires_grad_(tensor is not fixed)
        # Left to itself attention finds the words late or never: espeak-ng tells where they are.
        self._heard = torch.zeros(len(tokens.words) + 1, SIZE.width, requires_grad=True)
        hidden = [t for name, t in self.tensors.items() if t.ndim == 2 and ".blocks." in name]
        rest = [t for name, t in self.tensors.items() if (t.ndim != 2 or ".blocks." not in name) and t is not fixed]
        self._optimizers = [
            torch.optim.Muon(hidden, lr=0.015, weight_decay=0.05, momentum=0.95, adjust_lr_fn="original"),
            torch.optim.AdamW([*rest, self._heard], lr=0.003, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self._schedules = [
            torch.optim.lr_scheduler.LambdaLR(o, lambda step: _rate(step, steps, begin is not None))
            for o in self._optimizers
        ]

    def step(self, number: int) -> tuple[float, float]:
        """One step; the loss in nat a token before it, alone and with the encoder's own."""
        easy = number < self._easy_steps
        self._maker.difficulty = number / self._easy_steps if easy else 1.0
        windows = not easy and number % self._windows_every == 0
        if windows:
            examples = [self._maker.window(WINDOW_SECONDS) for _ in range(WINDOWS)]
            seconds = WINDOW_SECONDS
        else:
            examples = self._singles()
            longest = max(e.audio.size for e in examples) / SAMPLE_RATE
            seconds = longest + 0.1 + MARGIN_SECONDS * float(self._rng.random())
        inputs, targets = _texts(examples)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            audio = encode(self.tensors, SIZE, _spectrograms(examples, seconds))
            attended: list[Any] = []
            out = decode(self.tensors, SIZE, inputs, audio, attended)
        loss = _loss(out.float(), targets, self._tokens.unused)
        total = loss + HEARD_WEIGHT * self._heard_loss(audio.float(), examples)
        total = total + LOOKED_WEIGHT * _looked_loss(attended, examples)
        total.backward()
        for optimizer, schedule in zip(self._optimizers, self._schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        return float(loss.item()), float(total.item())

    def _singles(self) -> list[Example]:
        """Examples of like length, so that little is computed on what fills up the shorter ones."""
        if not self._sorted:
            drawn = sorted((self._maker.single() for _ in range(SORTED * SINGLES)), key=lambda e: e.audio.size)
            self._sorted = [drawn[at : at + SINGLES] for at in range(0, len(drawn), SINGLES)]
            self._rng.shuffle(self._sorted)
        return self._sorted.pop()

    def _heard_loss(self, audio: Any, examples: Sequence[Example]) -> Any:
        """Cross-entropy of the word that is heard at each position of `audio` (batch, positions, width)."""
        nothing = len(self._tokens.words)
        heard = torch.full(audio.shape[:2], nothing)
        for row, example in zip(heard, examples, strict=True):
            for place, begin_s, end_s in example.words:
                row[round(begin_s * POSITIONS_A_SECOND) : round(end_s * POSITIONS_A_SECOND)] = example.said[place]
        return functional.cross_entropy((audio @ self._heard.T).flatten(0, 1), heard.flatten())


def _looked_loss(attended: Sequence[Any], examples: Sequence[Example]) -> Any:
    """Minus the logarithm of how much of the attention is on a word while it is being said, mean over words."""
    shares = []
    for number, example in enumerate(examples):
        for place, begin_s, end_s in example.words:
            first = round(begin_s * POSITIONS_A_SECOND)
            last = max(round(end_s * POSITIONS_A_SECOND), first + 1)
            at = len(example.given) - 1 + place
            shares += [layer[number, at, first:last].sum() for layer in attended]
    return -torch.log(torch.stack(shares) + 1e-4).mean()


def word_errors(tensors: dict[str, Any], tokens: SpokenTokens, judged: Sequence[Utterance]) -> dict[str, float]:
    """Word errors on held-out sentences of held-out voices: clean, and at 10 dB of white and of pink noise."""
    rates = {}
    for name, slope in (("clean", None), ("white_10_db", 0.0), ("pink_10_db", 1.0)):
        wrong = total = 0
        for start in range(0, len(judged), 40):
            part = judged[start : start + 40]
            audios = [_noisy(u, slope, start + at) for at, u in enumerate(part)]
            for utterance, said in zip(part, _transcripts(tensors, tokens, audios), strict=True):
                wrong += edit_distance(utterance.text.split(), said.split())
                total += len(utterance.text.split())
        rates[name] = round(wrong / total, 4)
    return rates


def edit_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions that turn `a` into `b`."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def _noisy(utterance: Utterance, slope: float | None, seed: int) -> Example:
    """The utterance with a quarter of a second around it, at 10 dB of noise unless `slope` is None."""
    margin = np.zeros(SAMPLE_RATE // 4, np.float32)
    speech = utterance.audio.astype(np.float32) / 32768
    audio = np.concatenate([margin, speech, margin])
    if slope is not None:
        level = math.sqrt(float(np.mean(speech**2))) * 10 ** (-10 / 20)
        audio = audio + np.float32(level) * noise(audio.size / SAMPLE_RATE, slope, seed)[: audio.size]
    return Example(audio, (), ())


def _transcripts(tensors: dict[str, Any], tokens: SpokenTokens, examples: Sequence[Example]) -> list[str]:
    """Greedy answers without timestamps."""
    seconds = max(e.audio.size for e in examples) / SAMPLE_RATE + 0.5
    with torch.no_grad():
        audio = encode(tensors, SIZE, _spectrograms(examples, seconds))
        start = [tokens.special(START), tokens.special(NO_TIMES)]
        rows = torch.tensor([start] * len(examples))
        for _ in range(24):
            rows = torch.cat([rows, decode(tensors, SIZE, rows, audio)[:, -1].argmax(-1, keepdim=True)], 1)
    end = tokens.special(END)
    answers = [list(itertools.takewhile(lambda row: row != end, answer)) for answer in rows[:, 2:].tolist()]
    return [tokens.words_of(answer) for answer in answers]


def _spectrograms(examples: Sequence[Example], seconds: float) -> Any:
    """(batch, MEL_BANDS, frames) as `log_mel` computes it, for all examples at once."""
    frames = 2 * math.ceil(seconds * SAMPLE_RATE / HOP / 2)
    half = FFT_SIZE // 2
    padded = torch.zeros(len(examples), half + frames * HOP + half)
    for row, example in zip(padded, examples, strict=True):
        audio = torch.from_numpy(example.audio[: frames * HOP])
        row[half : half + audio.numel()] = audio
        row[:half] = row[half + 1 : FFT_SIZE + 1].flip(0)
    spectrum = torch.fft.rfft(padded.unfold(1, FFT_SIZE, HOP)[:, :frames] * torch.hann_window(FFT_SIZE))
    logs = torch.log10((spectrum.abs() ** 2 @ torch.from_numpy(mel_filters()).T).clamp(min=1e-10))
    floor = logs.amax((1, 2), keepdim=True) - 8.0
    logs = torch.maximum(logs, floor)
    for at, example in enumerate(examples):
        if skipped := round(example.skipped_s * SAMPLE_RATE / HOP):
            logs[at] = torch.cat([logs[at, skipped:], floor[at].expand(skipped, MEL_BANDS)])
    return ((logs + 4.0) / 4.0).transpose(1, 2)


def _texts(examples: Sequence[Example]) -> tuple[Any, Any]:
    """Inputs and targets (batch, longest); only what is to be said is a target."""
    longest = max(len(e.given) + len(e.said) for e in examples) - 1
    inputs = torch.zeros(len(examples), longest, dtype=torch.long)
    targets = torch.full((len(examples), longest), IGNORED)
    for row, example in enumerate(examples):
        text = torch.tensor([*example.given, *example.said])
        inputs[row, : text.numel() - 1] = text[:-1]
        targets[row, len(example.given) - 1 : text.numel() - 1] = torch.tensor(example.said)
    return inputs, targets


def _loss(logits: Any, targets: Any, unused: int) -> Any:
    """Cross-entropy in which the file's unused rows take part with their logits of zero."""
    zeros = logits.new_full((*logits.shape[:-1], 1), math.log(unused))
    return functional.cross_entropy(
        torch.cat([logits, zeros], -1).flatten(0, 1), targets.flatten(), ignore_index=IGNORED
    )


def _rate(step: int, steps: int, later: bool) -> float:
    """Warm up over 3 % of the steps, hold, and fall to zero along a cosine over the last 60 %.

    In the second stage it is half as high, and falls from the beginning.
    """
    height, held = (0.5, 0.03) if later else (1.0, 0.4)
    if step < 0.03 * steps:
        return height * (step + 1) / (0.03 * steps + 1)
    progress = max(0.0, (step / steps - held) / (1 - held))
    return height * 0.5 * (1 + math.cos(math.pi * progress))


if __name__ == "__main__":
    main()
