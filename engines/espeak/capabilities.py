"""What this build of espeak-ng is. Nothing of the machine matters to it: it computes on one core."""

from __future__ import annotations

import functools
from importlib import metadata

from engines.base import Capabilities
from engines.cache import binaries_digest
from engines.espeak.library import library_file, version


def capabilities() -> Capabilities:
    """No facts; the library's version and digest."""
    return Capabilities({}, build_of())


def build_of() -> dict[str, str]:
    """`version` of espeak-ng, the wheel's, and a digest of the library's file."""
    return dict(_build())


@functools.cache
def _build() -> tuple[tuple[str, str], ...]:
    file = library_file()
    return (
        ("version", version()),
        ("espeakng_loader", metadata.version("espeakng-loader")),
        ("build", binaries_digest([file])),
    )
