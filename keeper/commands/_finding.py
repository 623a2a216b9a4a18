"""What ``keeper check --online`` has found about one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``unreachable``: it could not be looked at."""

    subject: str
    ok: bool
    sentence: str
    unreachable: bool = False
