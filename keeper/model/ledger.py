"""The ledger's one kind of line: a change of the owner's balance, in raw units, with its evidence on the chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

NATIVE = "native"

EntryKind = Literal["deposit", "withdrawal", "mint", "decrease", "collect", "swap", "gas"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """``amount`` is signed from the wallet's side: a mint is negative, a decrease or a collected fee positive.

    ``token`` is an address or "native". ``collect`` holds fees alone: withdrawn principal is ``decrease``.
    ``log_index`` is -1 for what leaves no log (gas, opening deposit).
    """

    kind: EntryKind
    token: str
    amount: int
    token_id: int | None
    transaction_hash: str
    log_index: int
    block_number: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class OpenedPosition:
    """A mint seen in a receipt."""

    token_id: int
    lower_tick: int
    upper_tick: int
    liquidity: int
    amount_0: int
    amount_1: int


@dataclass(frozen=True, slots=True)
class Effects:
    """What a mined transaction did, read from its receipt alone."""

    entries: tuple[LedgerEntry, ...]
    opened: tuple[OpenedPosition, ...]
    burned_token_ids: tuple[int, ...]


def together(parts: Iterable[Effects]) -> Effects:
    """What several transactions did, as one, in their order."""
    found = tuple(parts)
    return Effects(
        entries=tuple(entry for each in found for entry in each.entries),
        opened=tuple(opened for each in found for opened in each.opened),
        burned_token_ids=tuple(token_id for each in found for token_id in each.burned_token_ids),
    )
