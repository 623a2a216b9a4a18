"""Schema 2: the oldest form of a journal that can be brought to the newest. Older ones are refused."""

from __future__ import annotations

from typing import Final

revision: Final = "2"
down_revision: Final = None


def upgrade() -> None:
    """Nothing leads here: the chain of changes begins with it."""
