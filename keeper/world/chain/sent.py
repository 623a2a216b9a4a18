"""How sending ended."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.world.journal.attempts import Ending


@dataclass(frozen=True, slots=True)
class Mined:
    """Final on the chain."""

    transaction_id: int
    ending: Ending


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was signed, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Signed, and its end not known yet."""

    note: str


Sent = Mined | Refused | Unknown
