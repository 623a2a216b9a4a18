"""A journal of mode safe, and proposals in it as the Safe executor writes them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keeper.assembly import build_strategy
from keeper.config_strategies import settings_body
from keeper.model import canonical
from keeper.model.decision import Decision
from keeper.model.observation import Observation
from keeper.model.safe import SafeTx, rejection
from keeper.policy.decide import decide
from keeper.world.journal.opening import open_journal
from keeper.world.safe.hashing import safe_tx_hash
from tests.policy.test_decide import LEFT_BEHIND
from tests.policy.world import held, memory, observation, settings

SAFE = "0x" + "33" * 20  # the owner in tests/policy/world.py
MULTISEND = "0x9641d764fc13c8b624c04430c7356c1c7c8102e2"
PROPOSER = "0x" + "77" * 20
ACT = SafeTx(31337, SAFE, MULTISEND, 0, bytes.fromhex("8d80ff0a") + b"\x01" * 40, 1, 7)


@dataclass(frozen=True, slots=True)
class Proposed:
    """The journal's file, and the decision that was proposed."""

    file: Path
    decision: Decision

    def change(self, **columns: Any) -> None:
        """Set columns of every proposal."""
        self.run(f"UPDATE proposals SET {', '.join(f'{name} = ?' for name in columns)}", *columns.values())

    def run(self, sql: str, *parameters: Any) -> None:
        connection = sqlite3.connect(self.file)
        with connection:
            connection.execute(sql, parameters)
        connection.close()

    def add(self, tx: SafeTx, **columns: Any) -> None:
        """One more proposal for the same step."""
        row = {"step_id": 1, **row_of(tx, self.decision), **columns}
        marks = ", ".join("?" * len(row))
        self.run(f"INSERT INTO proposals ({', '.join(row)}) VALUES ({marks})", *row.values())


def row_of(tx: SafeTx, decision: Decision) -> dict[str, Any]:
    fields = {name: getattr(tx, name) for name in tx.__slots__} | {"data": "0x" + tx.data.hex()}
    return {
        "chain_id": tx.chain_id,
        "safe": tx.safe,
        "nonce": tx.nonce,
        "hash": "0x" + safe_tx_hash(tx).hex(),
        "body": canonical.encode(fields),
        "kind": "rejection" if tx.is_rejection else "act",
        "state": "PROPOSED",
        "proposer": PROPOSER,
        "signed_timestamp": decision.observation.block.timestamp,
        "deadline_timestamp": decision.plan.deadline_timestamp,
        "place": "the Safe Transaction Service at https://api.safe.global",
        "report": "the Safe's USDC: -10",
        "confirmations": 1,
        "threshold": 2,
    }


def of_safe(seen: Observation, number: int = 100) -> Observation:
    block = replace(seen.block, number=number, hash=f"0x{number:064x}")
    return replace(seen, block=block, wallet=replace(seen.wallet, account="safe", native_wei=0))


def proposed(folder: Path) -> Proposed:
    """One decision to rebalance a Safe's position in one transaction, proposed and signed by one of two."""
    thinker = build_strategy(settings())
    journal = open_journal(f"sqlite:///{folder}/safe.db", "safe")
    journal.record_settings(thinker.settings_digest, settings_body(thinker.settings))
    decision = decide(thinker, of_safe(observation(positions=(LEFT_BEHIND,))), memory(held(LEFT_BEHIND)))
    assert decision.verdict.objections == () and decision.plan.next_steps[-1].kind == "batch"
    journal.open_plan(journal.record_decision(decision), decision.plan)
    journal.close()
    made = Proposed(folder / "safe.db", decision)
    made.add(ACT)
    return made


def rejecting(tx: SafeTx) -> SafeTx:
    return rejection(tx.chain_id, tx.safe, tx.nonce)
