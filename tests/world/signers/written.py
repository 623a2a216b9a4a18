"""A journal in which a plan stands open, and the policed key that may carry out its steps."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, insert, update

from keeper.model.observation import Account, Observation
from keeper.model.plan import Step
from keeper.model.safe import SafeTx
from keeper.world.journal import tables
from keeper.world.journal.journal import SqlJournal
from keeper.world.protocols import Purpose, Signed, Signer
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.stored import body_of
from keeper.world.signers.evidence import Rules
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.signers.passed import Passed, PassedMessage
from keeper.world.signers.policed import PolicedSigner
from tests.world import words
from tests.world.signers import batches, scene

HEAD = scene.seen().block.timestamp + 12


@dataclass
class CountingSigner:
    """A key, and every transaction that reached it."""

    inner: Signer = field(default_factory=lambda: KeystoreSigner(scene.KEY))
    reached: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.inner.address

    def sign(self, passed: Passed) -> bytes:
        self.reached.append(passed.unsigned)
        return self.inner.sign(passed)

    def sign_message(self, passed: PassedMessage) -> bytes:
        self.reached.append(passed.preimage)
        return self.inner.sign_message(passed)


@dataclass
class Written:
    """One open plan and the hands of its strategy."""

    journal: SqlJournal
    signer: CountingSigner
    look: PolicedSigner
    step_ids: tuple[int, ...]
    steps: tuple[Step, ...]
    deadline: int

    @property
    def engine(self) -> Engine:
        return self.journal._engine

    def sign(self, ordinal: int = 0, *, cancels: bool = False, head: int = HEAD, **changes: Any) -> Signed:
        """The transaction that carries out a step, but for ``changes``."""
        made = scene.transaction(self.steps[ordinal], self.deadline, **changes)
        return self.ask(made, ordinal, cancels=cancels, head=head)

    def ask(self, made: Mapping[str, Any], ordinal: int = 0, *, cancels: bool = False, head: int = HEAD) -> Signed:
        return self.look.sign(made, Purpose(self.step_ids[ordinal], head, cancels))

    def propose(self, tx: SafeTx, ordinal: int = 0, *, cancels: bool = False, head: int = HEAD) -> Signed:
        return self.look.sign_safe(tx, Purpose(self.step_ids[ordinal], head, cancels))

    def put_proposal(self, tx: SafeTx, state: str = "PROPOSED", *, step_id: int | None = None, at: int = HEAD,
                     quote: int = 0) -> None:  # fmt: skip
        """A proposal as its executor writes it."""
        self.put(tables.proposals, step_id=step_id or self.step_ids[0], chain_id=tx.chain_id, safe=tx.safe,
                 nonce=tx.nonce, hash="0x" + safe_tx_hash(tx).hex(), body=body_of(tx),
                 kind="rejection" if tx.is_rejection else "act", state=state, signed_timestamp=at,
                 deadline_timestamp=self.deadline, debit_quote=str(quote))  # fmt: skip

    def set(self, table: Any, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(table).values(**values))

    def put(self, table: Any, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table).values(**values))

    def put_transaction(self, step_id: int, nonce: int, at: int, *, gas_wei: int = 0, quote: int = 0,
                        state: str = "BROADCAST", paid: tuple[int, int] | None = None) -> None:  # fmt: skip
        """A transaction as the sender writes it; ``paid`` is the gas and price of its receipt."""
        receipt = None
        if paid is not None:
            mined = {"gasUsed": hex(paid[0]), "effectiveGasPrice": hex(paid[1])}
            receipt = zlib.compress(json.dumps(mined).encode())
        self.put(tables.transactions, step_id=step_id, chain_id=31337, sender=scene.OWNER, nonce=nonce, state=state,
                 signed_timestamp=at, debit_gas_wei=str(gas_wei), debit_quote=str(quote), receipt=receipt)  # fmt: skip


def write(journal: SqlJournal, name: str, signer: Signer | None = None) -> Written:
    """Decide and open the plan of that name."""
    return write_steps(journal, scene.PLANS[name][0], scene.seen(), scene.rules(), signer)


def write_for(journal: SqlJournal, account: Account, *steps: Step, signer: Signer | None = None) -> Written:
    """Decide and open a plan of these steps, for such an owner."""
    seen = batches.evidence(account, *steps).observation
    return write_steps(journal, steps, seen, batches.rules(account), signer)


def write_steps(
    journal: SqlJournal, steps: tuple[Step, ...], seen: Observation, rules: Rules, signer: Signer | None = None
) -> Written:
    made = words.decision(5, action="compound", steps=steps, seen=seen)
    submission = journal.open_plan(journal.record_decision(made), made.plan)
    counting = CountingSigner() if signer is None else CountingSigner(signer)
    look = PolicedSigner(counting, rules, journal.signing)
    step_ids = tuple(each.id for each in journal.transactions.steps(submission.plan_id))
    written = Written(journal, counting, look, step_ids, made.plan.next_steps, submission.deadline_timestamp)
    for token_id, strategy in ((7, "eth-usdc"), (8, "eth-usdc"), (9, "eth-usdc"), (10, "another")):
        written.put(tables.positions, chain_id=31337, pool=words.POOL, token_id=str(token_id), strategy=strategy,
                    lower_tick=0, upper_tick=1, trigger_lower_tick=0, trigger_upper_tick=1, share_ppm=1, liquidity="1",
                    amount_0="0", amount_1="0", opened_timestamp=1)  # fmt: skip
    return written
