"""A keeper at work with the hands that `keeper run` gives it: signed, rehearsed and pinned as in earnest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keeper.assembly import ChainAccess, Hands, StrategyRunner, wallet_executor
from keeper.config_reload import Reload
from keeper.daemon import Daemon
from keeper.model.outcome import Outcome
from keeper.world.chain.node import HttpNode
from keeper.world.journal import queries
from keeper.world.signers import keystore
from tests.policy.desk import CHAIN_ID, NAME, Desk, Warm, at_desk


@dataclass
class AtWork:
    """The desk's strategy under a daemon whose turns are taken by hand; its alerts go into the journal."""

    desk: Desk
    runners: dict[str, StrategyRunner] = field(default_factory=dict)

    def rebuild(self, reload: Reload) -> dict[str, StrategyRunner]:  # noqa: ARG002
        return self.runners

    def alert(self, kind: str, strategy: str | None, sentence: str) -> None:
        self.desk.journal.record_event(strategy, kind, sentence, self.now())

    def cycle(self) -> Outcome:
        """One cycle without the daemon around it: errors come through."""
        return self.runners[NAME].run_once()

    def now(self) -> int:
        return int(self.desk.warm.anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def nonce(self) -> int:
        return int(self.desk.warm.anvil.rpc("eth_getTransactionCount", self.desk.owner, "latest"), 16)

    def native_wei(self) -> int:
        return int(self.desk.warm.anvil.rpc("eth_getBalance", self.desk.owner, "latest"), 16)

    def events(self, kind: str) -> list[str]:
        with self.desk.journal.reading() as query:
            rows = query("SELECT message FROM events WHERE kind = ? ORDER BY id", (kind,))
        return [message for (message,) in rows]

    def transactions(self) -> int:
        with self.desk.journal.reading() as query:
            return int(query("SELECT count(*) FROM attempts")[0][0])

    def state(self) -> str:
        with self.desk.journal.reading() as query:
            return {status.name: status.state for status in queries.statuses(query)}[NAME]


def at_work(warm: Warm, folder: Path, **changes: Any) -> tuple[AtWork, Daemon]:
    """As ``at_desk``, with the executor of ``assembly`` in place of the desk's."""
    folder.mkdir(exist_ok=True)
    desk = at_desk(warm, folder, **changes)
    node = HttpNode([warm.anvil.url], chain_id=CHAIN_ID)
    access = ChainAccess(CHAIN_ID, (warm.anvil.url,), warm.contracts, confirmations=1)
    signer = keystore.load(folder / "key.json", "x")
    settings = desk.strategy.settings
    make = wallet_executor(access, settings, desk.journal, signer, pause=lambda _seconds: warm.anvil.mine())
    hands = Hands(desk.venue, desk.observer, desk.reconciler, make(node, desk.venue), desk.owner)
    fleet = AtWork(desk)
    fleet.runners[NAME] = StrategyRunner(desk.strategy, hands, desk.journal)
    return fleet, Daemon(fleet, mode="wallet")
