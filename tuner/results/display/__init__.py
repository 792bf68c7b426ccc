"""What a person sees of a running study: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
from typing import TextIO

from tuner.results.display.plain import PlainDisplay


def make_display(stream: TextIO) -> PlainDisplay:
    """The display that suits `stream`; plain lines where there is no terminal that can move its cursor."""
    if stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb"):
        from tuner.results.display.live import LiveDisplay  # rich takes 60 ms to import, which a pipe need not wait for

        return LiveDisplay(stream)
    return PlainDisplay(stream)
