"""What a paper wallet pays for transactions that come to nothing: no node has a receipt of them."""

from __future__ import annotations

from sqlalchemy import Engine, select

from keeper.model.ledger import LedgerEntry
from keeper.model.memory import OpenSubmission
from keeper.world.journal import tables
from keeper.world.journal.outcomes import Account, write_entries


class PaperLog:
    """Every method is one committed transaction of the journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def book(self, submission: OpenSubmission, entries: tuple[LedgerEntry, ...]) -> None:
        """Lines of the ledger that belong to an open plan, whatever becomes of it."""
        table = tables.plans
        wanted = select(table.c.chain_id, table.c.owner).where(table.c.id == submission.plan_id)
        with self._engine.begin() as connection:
            chain_id, owner = connection.execute(wanted).one()
            account = Account(chain_id, owner, submission.strategy, submission.plan_id)
            write_entries(connection, account, entries)
