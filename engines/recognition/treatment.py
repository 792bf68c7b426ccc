"""What can be done to recorded speech, so that it is as speech arrives: silence around it, noise, another speed."""

from __future__ import annotations

from dataclasses import dataclass

from engines.recognition.audio import F32, SAMPLE_RATE


@dataclass(frozen=True)
class Treatment:
    """Silence before and after in seconds, white noise at a signal-to-noise ratio in dB, and how fast it is played.

    `noise_db` of None is no noise. Plain data, and the same sound each time.
    """

    before_s: float = 0.0
    after_s: float = 0.0
    noise_db: float | None = None
    speed: float = 1.0

    @property
    def name(self) -> str:
        """`before 1.5 s, noise 15 dB`; "" for none."""
        parts = (
            f"before {self.before_s:g} s" if self.before_s else "",
            f"after {self.after_s:g} s" if self.after_s else "",
            f"noise {self.noise_db:g} dB" if self.noise_db is not None else "",
            f"speed {self.speed:g}" if self.speed != 1.0 else "",
        )
        return ", ".join(part for part in parts if part)

    def apply(self, audio: F32) -> F32:
        """(samples,) at SAMPLE_RATE; noise lies over the silence too, as it does in a room."""
        import numpy as np

        if self.speed != 1.0:
            import soxr

            audio = soxr.resample(audio, SAMPLE_RATE * self.speed, SAMPLE_RATE)
        power = float(np.mean(np.square(audio)))
        before, after = (np.zeros(round(s * SAMPLE_RATE), np.float32) for s in (self.before_s, self.after_s))
        audio = np.concatenate([before, audio, after])
        if self.noise_db is not None:
            loudness = (power / 10 ** (self.noise_db / 10)) ** 0.5
            # The seed follows from the length: different clips have different noise, one has the same each time.
            noise = np.random.default_rng(audio.size).standard_normal(audio.size, np.float32)
            audio = np.clip(audio + np.float32(loudness) * noise, -1.0, 1.0)
        return np.ascontiguousarray(audio, np.float32)


NONE = Treatment()
"""Speech as it was recorded."""
