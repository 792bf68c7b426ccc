"""What the embedded speech model learns from: utterances placed in windows, with noise, and what to answer."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.embedded.espeak import Espeak, draw_voice
from engines.embedded.log_mel import F32, SAMPLE_RATE
from engines.embedded.spoken import sentences
from engines.embedded.spoken_tokens import END, NO_TIMES, PREVIOUS, SECONDS_A_TIME, START, SpokenTokens

SHORT_SHARE = 0.2
CLEAN_SHARE = 0.25
LEAST_SNR_DB, MOST_SNR_DB = 3.0, 30.0
BABBLE_SHARE, BABBLE_VOICES = 0.15, 3
TIMES_SHARE = 0.6
EARLIER_SHARE = 0.25
"""Share of the examples that begin with earlier text, as every window of a long recording but the first does."""
AFTERWARDS_SHARE, AFTERWARDS_TIMES_SHARE = 0.06, 0.8
NOISE_SECONDS = 40
NOISES = 48


@dataclass(frozen=True)
class Utterance:
    """A sentence, its sound at SAMPLE_RATE without silence around it, and who said it."""

    text: str
    audio: NDArray[np.int16]
    voice: str
    begins_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class Example:
    """A window of sound, and rows of the table: those given, then those to be said. `given` includes the start.

    The window begins `skipped_s` after the beginning of `audio`, as whisper.cpp moves it along a recording. `words`
    tells of each word its place in `said` and the seconds from and to which it is heard.
    """

    audio: F32
    given: tuple[int, ...]
    said: tuple[int, ...]
    skipped_s: float = 0.0
    words: tuple[tuple[int, float, float], ...] = ()


def utterances(
    espeak: Espeak, seed: int, held_out: bool = False, short_share: float = SHORT_SHARE
) -> Iterator[Utterance]:
    """Sentences said by random voices, without end; sentences and voices are of one side of the split."""
    rng = random.Random(seed)
    for text in sentences(seed + 1, short_share, held_out):
        voice = draw_voice(rng, held_out)
        speech = espeak.say(text, voice)
        yield Utterance(text, speech.audio, f"{voice.accent}+{voice.variant}", speech.begins_s)


class ExampleMaker:
    """Draws examples from a pool of utterances.

    `difficulty` from 0 to 1 is how much noise and how much earlier text there is: sound and words must first meet.
    """

    def __init__(self, pool: Sequence[Utterance], tokens: SpokenTokens, seed: int) -> None:
        self._pool, self._tokens = pool, tokens
        self._rng = random.Random(seed)
        self.difficulty = 1.0
        self._noises = [noise(NOISE_SECONDS, 2.0 * at / NOISES, seed + at) for at in range(NOISES)]

    def single(self) -> Example:
        """One utterance with a little silence around it, or now and then only what comes after it."""
        if self._rng.random() < AFTERWARDS_SHARE:
            return self._afterwards(self._draw())
        return self._example([self._draw()], math.inf)

    def window(self, seconds: float) -> Example:
        """A window of one utterance or more, at times as many as it holds; the last may be cut by its end."""
        wanted = seconds * self._rng.random()
        chosen, length = [self._draw()], 0.0
        while length < wanted:
            chosen.append(self._draw())
            length = sum(u.audio.size for u in chosen) / SAMPLE_RATE
        if self._rng.random() < 0.4:
            chosen += [self._draw() for _ in range(20)]
        return self._example(chosen, seconds)

    def _afterwards(self, utterance: Utterance) -> Example:
        """The end of a recording after its last word: there is nothing to say.

        whisper.cpp decodes once more where the last timestamp is more than 0.1 s before the end.
        """
        tokens, with_times = self._tokens, self._rng.random() < AFTERWARDS_TIMES_SHARE
        start = 0.3 * self._rng.random()
        audio = self._sound([(start, utterance)], math.inf, 0.15 + 0.8 * self._rng.random())
        end = SECONDS_A_TIME * math.ceil((start + utterance.audio.size / SAMPLE_RATE) / SECONDS_A_TIME)
        given = self._earlier() + [tokens.special(START)] + ([] if with_times else [tokens.special(NO_TIMES)])
        said = (tokens.time(0.0), tokens.special(END)) if with_times else (tokens.special(END),)
        return Example(audio, tuple(given), said, skipped_s=end)

    def _draw(self) -> Utterance:
        return self._pool[int(self._rng.random() * len(self._pool))]

    def _example(self, chosen: Sequence[Utterance], seconds: float) -> Example:
        rng, tokens = self._rng, self._tokens
        with_times = rng.random() < TIMES_SHARE
        placed: list[tuple[float, Utterance]] = []
        at, cut = 0.5 * rng.random(), False
        for utterance in chosen:
            end = at + utterance.audio.size / SAMPLE_RATE
            if end > seconds:
                cut = with_times and bool(placed) and at < seconds - 0.3
                if cut:
                    placed.append((at, utterance))
                break
            placed.append((at, utterance))
            at = end + 0.15 + 1.2 * rng.random()
        audio = self._sound(placed, seconds, 0.5 * rng.random())
        said: list[int] = []
        words: list[tuple[int, float, float]] = []
        for number, (start, utterance) in enumerate(placed):
            whole = not (cut and number == len(placed) - 1)
            if with_times:
                said.append(tokens.time(start))
            if whole:
                ends_s = (*utterance.begins_s[1:], utterance.audio.size / SAMPLE_RATE)
                heard = zip(utterance.begins_s, ends_s, strict=True)
                words += [(len(said) + at, start + a, start + b) for at, (a, b) in enumerate(heard)]
                said += tokens.text(utterance.text)
            if with_times and whole:
                said.append(tokens.time(start + utterance.audio.size / SAMPLE_RATE, up=True))
        given = self._earlier() + [tokens.special(START)] + ([] if with_times else [tokens.special(NO_TIMES)])
        return Example(audio, tuple(given), (*said, tokens.special(END)), words=tuple(words))

    def _earlier(self) -> list[int]:
        """Nothing, or earlier text: words, and at times the timestamps between them."""
        if self._rng.random() >= EARLIER_SHARE * self.difficulty:
            return []
        rows, at, timed = [self._tokens.special(PREVIOUS)], 0.0, self._rng.random() < 0.6
        for _ in range(1 + int(8 * self._rng.random())):
            utterance = self._draw()
            end = at + utterance.audio.size / SAMPLE_RATE
            if timed:
                rows.append(self._tokens.time(at))
            rows += self._tokens.text(utterance.text)
            if timed:
                rows.append(self._tokens.time(end, up=True))
            at = end + 0.7
        return rows

    def _sound(self, placed: Sequence[tuple[float, Utterance]], seconds: float, tail: float) -> F32:
        """The utterances at their times in seconds, with noise (most of the time), cut at `seconds`."""
        rng = self._rng
        last_start, last = placed[-1]
        length = round((last_start + tail) * SAMPLE_RATE) + last.audio.size
        if math.isfinite(seconds) and rng.random() < 0.3:
            length = round(seconds * SAMPLE_RATE)
        audio, power = np.zeros(length, np.float32), 0.0
        for start, utterance in placed:
            begin = round(start * SAMPLE_RATE)
            part = utterance.audio[: length - begin].astype(np.float32) / 32768
            audio[begin : begin + part.size] = part
            power = max(power, float(np.mean(part**2)))
        if rng.random() < (1 - CLEAN_SHARE) * self.difficulty:
            snr_db = MOST_SNR_DB - (MOST_SNR_DB - LEAST_SNR_DB) * self.difficulty * rng.random()
            audio += self._noise(length) * np.float32(math.sqrt(power) * 10 ** (-snr_db / 20))
        return audio[: round(min(seconds, 3600) * SAMPLE_RATE)]

    def _noise(self, length: int) -> F32:
        """Noise of unit power: coloured, or the babble of a few voices."""
        if self._rng.random() >= BABBLE_SHARE:
            track = self._noises[int(self._rng.random() * NOISES)]
        else:
            track = np.zeros(length, np.float32)
            for _ in range(BABBLE_VOICES):
                voice = self._draw().audio.astype(np.float32)
                track += np.resize(voice, length)
            track /= max(float(np.sqrt(np.mean(track**2))), 1e-6)
        start = int(self._rng.random() * max(track.size - length, 1))
        return np.resize(track[start : start + length], length)


def noise(seconds: float, slope: float, seed: int) -> F32:
    """Noise of unit power whose power falls with frequency as f^-slope: 0 is white, 1 pink, 2 brown."""
    count = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20.0)
    audio = np.fft.irfft(spectrum * frequency ** (-slope / 2), count)
    return np.asarray(audio / np.sqrt(np.mean(audio**2)), np.float32)
