"""What a report is made of: the decisions of one strategy, the ledger of its wallet, and the state at the end."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace

from keeper.errors import ConfigError
from keeper.model.decision import Decision
from keeper.model.ledger import EntryKind, LedgerEntry
from keeper.model.observation import Observation
from keeper.model.plan import Action
from keeper.world.journal.proposal_queries import ExecutorGas


@dataclass(frozen=True, slots=True)
class Act:
    """One mined transaction and its ledger lines. ``decision_index`` is the decision it was made for: the last one
    that was observed before its block (one step is in flight at a time)."""

    decision_index: int
    action: Action
    transaction_hash: str
    block_number: int
    timestamp: int
    entries: tuple[LedgerEntry, ...]

    def has(self, kind: EntryKind) -> bool:
        return any(entry.kind == kind for entry in self.entries)

    @property
    def starts_rebalance(self) -> bool:
        """A rebalance is counted once, where liquidity leaves the old range."""
        return self.action == "rebalance" and self.has("decrease")


@dataclass(frozen=True, slots=True)
class Run:
    """Decisions and ledger lines of one strategy in the order they happened.

    ``closing`` is what was observed after the last act; without it the report ends at the last decision's block.
    ``decision_ids`` are the journal's numbers of the decisions, where there is a journal.
    ``foreign`` are positions of the wallet in this pool which are not the strategy's: no figure counts them.
    ``executor_gas`` is what others paid to execute the transactions of a Safe: no money of the strategy's.
    ``note`` is what a reader must know before any figure: that a market was simulated, say.

    Raises:
        ConfigError: there is no decision, or the ids do not match them.
    """

    strategy: str
    decisions: tuple[Decision, ...]
    entries: tuple[LedgerEntry, ...]
    closing: Observation | None = None
    decision_ids: tuple[int, ...] = ()
    note: str = ""
    foreign: frozenset[int] = frozenset()
    executor_gas: tuple[ExecutorGas, ...] = ()

    def __post_init__(self) -> None:
        if not self.decisions:
            raise ConfigError(f"there is nothing to report on {self.strategy}: it has made no decision yet")
        if self.decision_ids and len(self.decision_ids) != len(self.decisions):
            raise ConfigError(f"{len(self.decision_ids)} ids were given for {len(self.decisions)} decisions")

    @property
    def observations(self) -> tuple[Observation, ...]:
        """One for each block, in the order of the blocks."""
        seen = {decision.observation.block.number: self._own(decision.observation) for decision in self.decisions}
        if self.closing is not None:
            seen[self.closing.block.number] = self._own(self.closing)
        return tuple(seen[number] for number in sorted(seen))

    def _own(self, observation: Observation) -> Observation:
        if not self.foreign:
            return observation
        own = tuple(each for each in observation.positions if each.token_id not in self.foreign)
        return replace(observation, positions=own)

    @property
    def acts(self) -> tuple[Act, ...]:
        """Every transaction of the ledger after the first decision, up to the last block observed. Lines that a
        reconciliation wrote about a block have no transaction."""
        blocks = [decision.observation.block.number for decision in self.decisions]
        last = self.observations[-1].block.number
        groups: dict[str, list[LedgerEntry]] = {}
        for entry in sorted(self.entries, key=lambda each: (each.block_number, each.log_index)):
            is_act = entry.kind not in ("deposit", "withdrawal") and entry.transaction_hash.startswith("0x")
            if is_act and blocks[0] < entry.block_number <= last:
                groups.setdefault(entry.transaction_hash, []).append(entry)
        acts = []
        for transaction_hash, entries in groups.items():
            first = entries[0]
            index = bisect_left(blocks, first.block_number) - 1
            action = self.decisions[index].verdict.action
            acts.append(Act(index, action, transaction_hash, first.block_number, first.timestamp, tuple(entries)))
        return tuple(acts)
