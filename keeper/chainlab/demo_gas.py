"""What a demo's transactions cost in gas, by the chain's own receipts, and what other owners would have paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keeper.chainlab.demo_owner import DemoOwner
from keeper.chainlab.demo_world import start_amounts
from keeper.chainlab.gas_modes import Scenario, Took, same_rebalance
from keeper.chainlab.lab import Lab
from keeper.model.ledger import LedgerEntry
from keeper.report import Act
from keeper.world.venues.uniswap_v3 import UniswapV3

_RANGES = 2


@dataclass(frozen=True, slots=True)
class Paid:
    """For one transaction."""

    gas_units: int
    wei: int


@dataclass(frozen=True, slots=True)
class Spending:
    """``transactions`` by hash. ``same_rebalance``: one rebalance done anew by every kind of owner on the same chain
    when all was over, then undone."""

    paid_by: str
    transactions: Mapping[str, Paid]
    same_rebalance: tuple[Took, ...]

    @property
    def gas_units(self) -> int:
        return sum(each.gas_units for each in self.transactions.values())

    @property
    def wei(self) -> int:
        return sum(each.wei for each in self.transactions.values())

    def rebalances(self, acts: Sequence[Act]) -> list[list[Paid]]:
        """The transactions of every rebalance that ended in new ranges, from its exit to its mint."""
        done: list[list[Paid]] = []
        running: list[Paid] | None = None
        for act in acts:
            if act.starts_rebalance:
                running = []
            if running is None:
                continue
            running.append(self.transactions[act.transaction_hash])
            if act.has("mint"):
                done.append(running)
                running = None
        return done


def spending(lab: Lab, venue: UniswapV3, owner: DemoOwner, entries: Iterable[LedgerEntry]) -> Spending:
    """Of the key's own transactions, which the ledger names, and of those that others sent for the owner.

    Raises:
        RpcError: the chain does not know one of them.
    """
    own = [entry.transaction_hash for entry in entries if entry.kind == "gas"]
    hashes = dict.fromkeys([*own, *owner.executions()])
    scenario = Scenario(_RANGES, start_amounts(lab))
    paid = {digest: _paid(lab.anvil.rpc("eth_getTransactionReceipt", digest)) for digest in hashes}
    return Spending(owner.paid_by, paid, same_rebalance(lab, venue, scenario))


def _paid(receipt: Mapping[str, str]) -> Paid:
    units = int(receipt["gasUsed"], 16)
    return Paid(units, units * int(receipt["effectiveGasPrice"], 16))
