"""The record of taking back what a key's account delegates to: signed bytes that belong to no plan, written down before
they leave, so that the nonces that they take are nobody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, Select, and_, delete, func, insert, select, update

from keeper.model.ledger import NATIVE, LedgerEntry
from keeper.world.journal import tables
from keeper.world.journal.attempts import Attempt
from keeper.world.journal.outcomes import Account, write_entries

NONCES = 2
"""A transaction of type 4 takes its own nonce, and its sender's authorization the next."""


class UndelegationLog:
    """Every method is one committed transaction of the journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def live(self, chain_id: int, sender: str) -> tuple[int, tuple[Attempt, ...]] | None:
        """The nonce that is out and what was signed for it, oldest first; None where nothing is out."""
        rows = self._rows(chain_id, sender, "SIGNED")
        return (rows[-1].nonce, tuple(map(_attempt, rows))) if rows else None

    def last_final(self, chain_id: int, sender: str) -> tuple[int, str] | None:
        """Nonce and hash of the last one that was mined, or None."""
        rows = self._rows(chain_id, sender, "FINAL")
        return (rows[-1].nonce, rows[-1].hash) if rows else None

    def record_signed(self, chain_id: int, sender: str, nonce: int, attempt: Attempt) -> None:
        """Before any byte of it leaves."""
        row = {
            "chain_id": chain_id,
            "sender": sender.lower(),
            "nonce": nonce,
            "state": "SIGNED",
            "hash": attempt.hash,
            "raw": attempt.raw,
            "gas_limit": attempt.gas_limit,
            "max_fee_wei": str(attempt.max_fee_wei),
            "max_priority_fee_wei": str(attempt.max_priority_fee_wei),
            "signed_timestamp": attempt.signed_timestamp,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(tables.undelegations).values(row))

    def record_final(self, chain_id: int, sender: str, nonce: int, receipt: Mapping[str, Any], timestamp: int) -> None:
        """It was mined: the state of every attempt, and its gas in the books of the wallet that paid for it."""
        mined = str(receipt["transactionHash"]).lower()
        number = int(receipt["blockNumber"], 16)
        paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) + int(
            receipt.get("l1Fee") or "0", 16
        )
        line = LedgerEntry("gas", NATIVE, -paid, None, mined, -1, number, timestamp)
        table, ledger = tables.undelegations, tables.ledger
        opened = and_(ledger.c.chain_id == chain_id, ledger.c.owner == sender.lower(), ledger.c.token == NATIVE)
        with self._engine.begin() as connection:
            this = and_(_of(chain_id, sender), table.c.nonce == nonce)
            connection.execute(update(table).where(this).values(state="REPLACED"))
            connection.execute(update(table).where(table.c.hash == mined).values(state="FINAL"))
            strategy = connection.execute(select(ledger.c.strategy).where(opened).order_by(ledger.c.id)).scalar()
            if strategy is not None:  # else the wallet's account is opened later, with what it holds by then
                write_entries(connection, Account(chain_id, sender, strategy, None), (line,))

    def record_lost(self, chain_id: int, sender: str, nonce: int) -> None:
        """Another transaction has taken the nonce: none of these can be mined any more."""
        table = tables.undelegations
        with self._engine.begin() as connection:
            this = and_(_of(chain_id, sender), table.c.nonce == nonce)
            connection.execute(update(table).where(this).values(state="REPLACED"))

    def record_undone(self, chain_id: int, sender: str, nonce: int) -> None:
        """A reorganisation took it out of the chain: all attempts are out again, and its gas is not paid."""
        table, ledger = tables.undelegations, tables.ledger
        with self._engine.begin() as connection:
            this = and_(_of(chain_id, sender), table.c.nonce == nonce)
            hashes = select(table.c.hash).where(this)
            connection.execute(delete(ledger).where(ledger.c.plan_id.is_(None), ledger.c.transaction_hash.in_(hashes)))
            connection.execute(update(table).where(this).values(state="SIGNED"))

    def _rows(self, chain_id: int, sender: str, state: str) -> list[Any]:
        table = tables.undelegations
        wanted = select(table).where(_of(chain_id, sender), table.c.state == state).order_by(table.c.id)
        with self._engine.begin() as connection:
            return list(connection.execute(wanted).all())


def highest_nonce(chain_id: int, sender: str, *, live: bool) -> Select[tuple[int | None]]:
    """The highest nonce that these take, of those that are out or of those that were mined."""
    table = tables.undelegations
    last = func.max(table.c.nonce + NONCES - 1)
    return select(last).where(_of(chain_id, sender), table.c.state == ("SIGNED" if live else "FINAL"))


def _of(chain_id: int, sender: str) -> Any:
    table = tables.undelegations
    return and_(table.c.chain_id == chain_id, table.c.sender == sender.lower())


def _attempt(row: Any) -> Attempt:
    return Attempt(
        hash=row.hash,
        raw=row.raw,
        gas_limit=row.gas_limit,
        max_fee_wei=int(row.max_fee_wei),
        max_priority_fee_wei=int(row.max_priority_fee_wei),
        signed_timestamp=row.signed_timestamp,
    )
