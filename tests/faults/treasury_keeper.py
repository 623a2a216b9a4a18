"""The keeper of a treasury at work, and what its journal and the chain say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keeper.assembly import StrategyRunner
from keeper.model.outcome import Outcome
from keeper.world.journal import queries
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.proposal_rows import StoredProposal
from tests.faults.site import CHAIN_ID

if TYPE_CHECKING:
    from tests.faults.treasury import Treasury


@dataclass(slots=True)
class Keeper:
    """The product's own parts at work for a treasury."""

    treasury: Treasury
    runner: StrategyRunner
    journal: SqlJournal

    def cycle(self) -> Outcome:
        return self.runner.run_once()

    def proposals(self) -> tuple[StoredProposal, ...]:
        """Every proposal of the journal, as it came."""
        with self.journal.reading() as query:
            ids = [row[0] for row in query("SELECT DISTINCT step_id FROM proposals ORDER BY step_id")]
        found = [
            each
            for step in ids
            for kind in ("act", "rejection")
            if (each := self.journal.proposals.of_step(step, kind))
        ]
        return tuple(sorted(found, key=lambda each: each.id))

    def act(self) -> StoredProposal:
        """The newest that does something."""
        return [each for each in self.proposals() if each.kind == "act"][-1]

    def proposed(self) -> StoredProposal:
        """Cycle until something stands with the owners."""
        outcome = self.cycle()
        assert outcome.kind == "pending", outcome
        found = self.act()
        assert found.state in ("PROPOSED", "READY"), (found.state, outcome)
        return found

    def carried_out(self, *who: int) -> Outcome:
        """Propose, sign, execute; the outcome of the cycle that sees it."""
        proposal = self.proposed()
        self.treasury.confirms(proposal, *(who or (0, 1)))
        self.treasury.executes_it(proposal.transaction, *(who or (0, 1)))
        return self.cycle()

    def events(self) -> list[tuple[str, str]]:
        with self.journal.reading() as query:
            return [(each.kind, each.message) for each in queries.events(query)]

    def difference(self) -> dict[str, int]:
        """The ledger's sum less the chain's balance, for each token and the native coin."""
        treasury, pool = self.treasury, self.runner._hands.venue.pool
        with self.journal.reading() as query:
            booked = queries.ledger_balance(query, CHAIN_ID, treasury.safe)
        held = {}
        for token in (pool.token0.address, pool.token1.address):
            data = "0x70a08231" + treasury.safe[2:].rjust(64, "0")
            held[token.lower()] = int(treasury.rpc("eth_call", {"to": token, "data": data}, "latest"), 16)
        held["native"] = int(treasury.rpc("eth_getBalance", treasury.safe, "latest"), 16)
        return {token: booked.get(token, 0) - amount for token, amount in held.items()}
