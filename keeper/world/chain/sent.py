"""How sending goes on, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keeper.world.chain.send_state import Seen
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


@dataclass(slots=True)
class Watch:
    """What one wait remembers of its looks: nothing that a crash could lose."""

    note: str = ""
    looks_without_receipt: int = 0
    underpriced: bool = False
    resend_from: float = 0.0

    def completed(self, seen: Seen) -> Seen:
        """What was seen, with what only several looks show."""
        unexplained = seen.used and seen.mined_in is None
        self.looks_without_receipt = self.looks_without_receipt + 1 if unexplained else 0
        return replace(seen, looks=self.looks_without_receipt, underpriced=self.underpriced)
