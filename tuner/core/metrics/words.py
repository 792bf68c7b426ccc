"""Word and character errors: of what was recognised, or of what a recogniser hears in what was spoken."""

from __future__ import annotations

import math

from engines.base import Metric

WORD_ERRORS = (
    Metric("wer", "", "minimize", "quality", "word errors ÷ words of the reference transcripts"),
    Metric(
        "wer_increase", "", "minimize", "quality",
        "wer minus that of the most precise configuration on the same clips: 0.01 is one point", lowest=-math.inf,
    ),
    Metric("cer", "", "minimize", "quality", "character errors ÷ characters of the reference transcripts"),
)  # fmt: skip
