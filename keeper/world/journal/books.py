"""The books of a wallet as the journal keeps them, and what a reconciliation may find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keeper.model.ledger import LedgerEntry


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose books: a strategy, the owner of its positions, its chain and pool. ``signer``: None where nothing signs."""

    strategy: str
    chain_id: int
    owner: str
    pool: str
    signer: str | None


@dataclass(frozen=True, slots=True)
class KnownPosition:
    """A position that is open by the journal."""

    token_id: int
    lower_tick: int
    upper_tick: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class SignerRecord:
    """``highest_nonce`` is the highest one that anything signed takes, or may take while its end is not known;
    ``first_nonce`` None: to be taken from the chain."""

    first_nonce: int | None
    highest_nonce: int | None
    halted_because: str | None


@dataclass(frozen=True, slots=True)
class Books:
    """Everything by the journal. ``balances``: raw units by token in lower case or "native", of opened accounts alone.

    ``last_block`` is the newest block that a line comes from; ``reconciled_block`` None: never reconciled
    (then without a hash).
    ``in_flight`` names the strategies with a transaction of this sender whose end is not known.
    """

    balances: Mapping[str, int]
    last_block: int
    positions: tuple[KnownPosition, ...]
    signer: SignerRecord
    in_flight: frozenset[str]
    reconciled_block: int | None
    reconciled_hash: str
    accepts_difference: bool


@dataclass(frozen=True, slots=True)
class Deposit:
    """A line of money that came in. ``evidence`` is a transaction's hash, or the words that stand in its place."""

    line_id: int
    amount: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """A position taken in. Amounts are its principal at the block, raw units."""

    token_id: int
    lower_tick: int
    upper_tick: int
    liquidity: int
    amount_0: int
    amount_1: int


@dataclass(frozen=True, slots=True)
class Told:
    """An event. ``subject`` opens its sentence: it is told once a day at most."""

    kind: str
    subject: str
    sentence: str

    @property
    def message(self) -> str:
        return f"{self.subject}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of a reconciliation. ``halts`` and ``signer_halt`` are reasons; ``is_settled``: the balances are
    explained up to the block. ``endings`` and ``liquidity`` are by token id. ``undone_lines``: ledger lines
    whose blocks are no longer part of the chain."""

    entries: tuple[LedgerEntry, ...] = ()
    undone_lines: tuple[int, ...] = ()
    adopted: tuple[Adopted, ...] = ()
    endings: tuple[tuple[int, str], ...] = ()
    liquidity: tuple[tuple[int, int], ...] = ()
    told: tuple[Told, ...] = ()
    first_nonce: int | None = None
    signer_halt: str | None = None
    halts: tuple[str, ...] = ()
    is_settled: bool = True
    uses_acceptance: bool = False

    @property
    def changes_memory(self) -> bool:
        """Whether what a decision remembers is another now."""
        return bool(self.adopted or self.endings or self.halts)


def together(parts: Iterable[Findings]) -> Findings:
    """The findings of several looks as one."""
    found = tuple(parts)
    return Findings(
        entries=tuple(each for part in found for each in part.entries),
        undone_lines=tuple(each for part in found for each in part.undone_lines),
        adopted=tuple(each for part in found for each in part.adopted),
        endings=tuple(each for part in found for each in part.endings),
        liquidity=tuple(each for part in found for each in part.liquidity),
        told=tuple(each for part in found for each in part.told),
        first_nonce=next((part.first_nonce for part in found if part.first_nonce is not None), None),
        signer_halt=next((part.signer_halt for part in found if part.signer_halt is not None), None),
        halts=tuple(each for part in found for each in part.halts),
        is_settled=all(part.is_settled for part in found),
        uses_acceptance=any(part.uses_acceptance for part in found),
    )
