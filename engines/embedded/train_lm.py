"""Train the embedded language model: `python -m engines.embedded.train_lm` (needs the `train` extra; two CPU cores).

Writes `language_model.xz`. See MODEL_CARD.md for what came of the run that is shipped.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engines.embedded.corpus import documents, fingerprint
from engines.embedded.skills import pick
from engines.embedded.small_model import initial_tensors, logits
from engines.embedded.tokenizer import BOS, FIRST_BYTE, Tokenizer, train_tokenizer
from engines.embedded.weight_file import shorten
from engines.embedded.weights import WEIGHTS_FILE, Dimensions, Weights, save_weights

DIMENSIONS = Dimensions(width=256, layers=4, heads=4, kv_heads=4, feed_forward=768)
VOCABULARY = 1024
TOKENS_A_STEP = 8192
SHORT, LONG = 256, 1024
LONG_EVERY = 5
"""One step in so many sees rows of LONG tokens, the others rows of SHORT, which are cheaper."""
TRANSCRIPT_SHARE = 0.35
"""Share of the rows' documents that are plain transcripts instead of chats."""
CUT_SHARE = 0.3
"""Share of the transcripts that begin anywhere, as windows of a text do when quality is judged."""
STRAY_BYTES = 0.002
"""Share of input tokens replaced by a random byte, so that the rows of bytes that the corpus lacks are trained too."""


def token_rows(tokenizer: Tokenizer, seed: int, length: int, held_out: bool = False) -> Iterator[list[int]]:
    """Rows of `length` + 1 tokens without end; each begins with a document and is filled with more of them."""
    rng = random.Random(seed)
    conversations = documents(seed + 1, held_out)
    row: list[int] = []
    while True:
        if rng.random() < TRANSCRIPT_SHARE:
            some = itertools.islice(conversations, 1 + pick(rng, 1 + pick(rng, 12)))
            tokens = tokenizer.encode("\n".join(c.transcript() for c in some))
            cut = pick(rng, len(tokens)) if rng.random() < CUT_SHARE else 0
            row += [BOS, *tokens[cut:]]
        else:
            row += tokenizer.encode_chat(next(conversations).messages())
        if len(row) > length:
            yield row[: length + 1]
            row = []


def batches(tokenizer: Tokenizer, seed: int, length: int) -> Iterator[tuple[Any, Any]]:
    """Inputs and targets (TOKENS_A_STEP / length, length), without end."""
    rows = token_rows(tokenizer, seed, length)
    rng = np.random.default_rng(seed)
    while True:
        batch = np.array(list(itertools.islice(rows, TOKENS_A_STEP // length)))
        inputs, targets = batch[:, :-1].copy(), batch[:, 1:]
        stray = rng.random(inputs.shape) < STRAY_BYTES
        inputs[stray] = FIRST_BYTE + rng.integers(256, size=int(stray.sum()))
        yield torch.from_numpy(inputs), torch.from_numpy(targets)


def train(tokenizer: Tokenizer, steps: int, seed: int) -> dict[str, Any]:
    """The trained tensors, float32."""
    tensors = initial_tensors(DIMENSIONS, tokenizer.size, seed)
    for tensor in tensors.values():
        tensor.requires_grad_()
    hidden = [t for name, t in tensors.items() if t.ndim == 2 and name.startswith("blk.")]
    other = [t for name, t in tensors.items() if t.ndim == 1 or not name.startswith("blk.")]
    optimizers = [
        torch.optim.Muon(hidden, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="original"),
        torch.optim.AdamW(other, lr=0.004, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: _rate(step, steps)) for o in optimizers]
    short, long = batches(tokenizer, seed + 1, SHORT), batches(tokenizer, seed + 2, LONG)
    began = time.monotonic()
    for step in range(steps):
        inputs, targets = next(long if step % LONG_EVERY == 0 else short)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = logits(tensors, DIMENSIONS, inputs)
        loss = functional.cross_entropy(out.float().flatten(0, 1), targets.flatten())
        loss.backward()
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        if step % 20 == 0 or step == steps - 1:
            print(f"step {step} loss {loss.item():.4f} after {time.monotonic() - began:.0f} s", flush=True)
    return {name: tensor.detach() for name, tensor in tensors.items()}


def held_out_loss(tensors: dict[str, Any], tokenizer: Tokenizer, length: int, rows: int = 8) -> float:
    """Mean loss in nat a token on held-out documents, in float32."""
    batch = torch.tensor(list(itertools.islice(token_rows(tokenizer, 1 << 20, length, held_out=True), rows)))
    with torch.no_grad():
        out = logits(tensors, DIMENSIONS, batch[:, :-1])
    return float(functional.cross_entropy(out.flatten(0, 1), batch[:, 1:].flatten()))


def main() -> None:
    """Train and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=700, help=f"of {TOKENS_A_STEP} tokens each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    args = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = train_tokenizer((d.transcript() + d.system for d in itertools.islice(documents(0), 6000)), VOCABULARY)
    began = time.monotonic()
    tensors = train(tokenizer, args.steps, args.seed)
    kept = {name: shorten(tensor.numpy()) for name, tensor in tensors.items()}
    rounded = {name: torch.from_numpy(tensor.astype(np.float32)) for name, tensor in kept.items()}
    notes = {
        "steps": args.steps,
        "tokens": args.steps * TOKENS_A_STEP,
        "seconds": round(time.monotonic() - began),
        "seed": args.seed,
        "corpus": fingerprint(),
        "held_out_loss": {str(length): round(held_out_loss(rounded, tokenizer, length), 4) for length in (SHORT, LONG)},
    }
    save_weights(Weights(DIMENSIONS, tokenizer, kept, notes), args.out)
    print(notes, f"{args.out.stat().st_size / 1e6:.1f} MB")


def _rate(step: int, steps: int) -> float:
    """Warm up over 2 % of the steps, hold, and fall to zero along a cosine over the last 60 %."""
    if step < 0.02 * steps:
        return (step + 1) / (0.02 * steps + 1)
    progress = max(0.0, (step / steps - 0.4) / 0.6)
    return 0.5 * (1 + math.cos(math.pi * progress))


if __name__ == "__main__":
    main()
