"""Keepers that have got so far, with a hostile node between them and the chain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keeper.model.decision import Decision
from keeper.world.journal import decisions, queries
from tests.faults.evidence import Evidence
from tests.faults.proxy import Asked, HostileNode
from tests.faults.signed_bytes import read_signed
from tests.faults.site import Keeper, Patience, Site, at_work, make_site, quick, whale_moves
from tests.policy.desk import Warm

SELECTORS = {"swap": "414bf389", "mint": "88316456", "exit": "0c49ccbe", "approve": "095ea7b3"}
AWAY_TICKS = 700


def opened(warm: Warm, folder: Path, **changes: Any) -> Site:
    """A keeper with its one position open and the price in the middle of it."""
    site = make_site(warm, folder / "site", **changes)
    with at_work(site) as keeper:
        keeper.until_held()
    assert len(site.evidence().held) == 1
    return site


def left_behind(warm: Warm, folder: Path, **changes: Any) -> Site:
    """A keeper whose price has left its range: the next cycles exit, swap and mint."""
    site = opened(warm, folder, **changes)
    whale_moves(warm, AWAY_TICKS)
    return site


@dataclass
class Hostile:
    """A keeper that sees its chain through ``node``."""

    keeper: Keeper
    node: HostileNode
    patience: Patience
    site: Site

    def evidence(self) -> Evidence:
        return self.site.evidence()

    def broadcast(self) -> set[str]:
        """The hashes that were handed to the node, whatever it did with them."""
        return {each.hash for each in self.node.sent}

    def last_decision(self) -> Decision:
        return last_decision(self.keeper)

    def codes(self) -> set[str]:
        return {each.code for each in self.last_decision().verdict.objections}

    def set_state(self, state: Any) -> None:
        self.keeper.journal.set_state(self.keeper.runner.strategy.name, state, "the operator asked", 0)


def last_decision(keeper: Keeper) -> Decision:
    with keeper.journal.reading() as query:
        return decisions.decision(query, queries.decision_list(query)[-1].id)


@contextmanager
def besieged(site: Site, **waiting: Any) -> Iterator[Hostile]:
    """The keeper of the site at work behind a hostile node that does nothing hostile yet; ``waiting``: its patience."""
    with HostileNode(site.anvil_url) as node:
        through = replace(site, url=node.url)
        patience = Patience(through, **waiting)
        with at_work(through, node=quick(node.url), patience=patience) as keeper:
            yield Hostile(keeper, node, patience, through)


def carries(kind: str) -> Any:
    """For ``HostileNode.on``: the call concerns a step of that kind, be it sent or tried."""
    selector = SELECTORS[kind]

    def when(asked: Asked) -> bool:
        if asked.method == "eth_sendRawTransaction":
            return selector in read_signed(bytes.fromhex(asked.params[0][2:])).data.hex()
        return selector in str(asked.params)

    return when
