"""What the journal knows when a signature is asked for: read afresh each time, in one look at the database."""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from keeper.errors import SigningRefusedError
from keeper.model import canonical
from keeper.model.plan import Step
from keeper.world.journal import decisions, tables
from keeper.world.journal.sql import query_on
from keeper.world.protocols import Purpose
from keeper.world.safe.stored import safe_tx_of
from keeper.world.signers.evidence import Evidence, PastAttempt, PastProposal, Spent

_HOUR_SECONDS: Final = 3_600
_DAY_SECONDS: Final = 86_400
_LIVE: Final = ("SIGNED", "BROADCAST", "INCLUDED", "CANCELLING")
# A proposal in one of these has seen its Safe's nonce used; one in one of those will never move anything.
_NONCE_USED: Final = ("EXECUTED", "FINAL", "REPLACED", "REJECTED")
_CAME_TO_NOTHING: Final = ("REPLACED", "REJECTED", "EXPIRED")


class SigningRecords:
    """Reads evidence for the signing policy; writes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def evidence(self, purpose: Purpose, chain_id: int, signer: str) -> Evidence:
        """What is known about the step and about what may be signed for it.

        Raises:
            SigningRefusedError: the journal has no such step.
        """
        with self._engine.begin() as connection:
            row = _step_and_plan(connection, purpose.step_id)
            decision = decisions.bare_decision(query_on(connection), row.decision_id)
            transaction = _transaction(connection, purpose.step_id)
            own, foreign = _open_positions(connection, chain_id, row.strategy)
            spending = _spending(connection, row.strategy, chain_id, purpose, _since(purpose, _DAY_SECONDS))
            return Evidence(
                strategy=row.strategy,
                strategy_state=_strategy_state(connection, row.strategy),
                signer_state=_signer_state(connection, chain_id, signer),
                chain_id=row.chain_id,
                owner=row.owner,
                plan_state=row.plan_state,
                step_state=row.step_state,
                step=_step(row.body),
                ordinal=row.ordinal,
                decided_steps=decision.plan.next_steps,
                deadline_timestamp=row.deadline_timestamp,
                decided_deadline_timestamp=decision.plan.deadline_timestamp,
                observation=decision.observation,
                head_timestamp=purpose.head_timestamp,
                cancels=purpose.cancels,
                nonce=None if transaction is None else transaction.nonce,
                is_settled=transaction is not None and transaction.state not in _LIVE,
                attempts=() if transaction is None else _attempts(connection, transaction.id),
                lowest_nonce=_lowest_nonce(connection, chain_id, signer),
                own_token_ids=own,
                foreign_token_ids=foreign,
                spent_hour=_sum_since(spending, _since(purpose, _HOUR_SECONDS)),
                spent_day=_sum_since(spending, _since(purpose, _DAY_SECONDS)),
                proposals=_proposals(connection, purpose.step_id),
                lowest_safe_nonce=_lowest_safe_nonce(connection, chain_id, row.owner),
            )


def _since(purpose: Purpose, seconds: int) -> int:
    return purpose.head_timestamp - seconds


def _step_and_plan(connection: Connection, step_id: int) -> Any:
    steps, plans = tables.steps, tables.plans
    wanted = select(
        steps.c.body,
        steps.c.ordinal,
        steps.c.state.label("step_state"),
        plans.c.state.label("plan_state"),
        plans.c.strategy,
        plans.c.chain_id,
        plans.c.owner,
        plans.c.decision_id,
        plans.c.deadline_timestamp,
    ).join(plans, plans.c.id == steps.c.plan_id)
    row = connection.execute(wanted.where(steps.c.id == step_id)).one_or_none()
    if row is None:
        raise SigningRefusedError(
            f"the signing policy refused the transaction: the journal has no step {step_id}; "
            "only a step that was written down is allowed"
        )
    return row


def _step(body: str) -> Step:
    step: Step = canonical.from_plain(Step, json.loads(body))
    return step


def _transaction(connection: Connection, step_id: int) -> Any:
    table = tables.transactions
    wanted = select(table.c.id, table.c.nonce, table.c.state).where(table.c.step_id == step_id)
    return connection.execute(wanted).one_or_none()


def _attempts(connection: Connection, transaction_id: int) -> tuple[PastAttempt, ...]:
    table = tables.attempts
    wanted = select(table.c.raw, table.c.cancels).where(table.c.transaction_id == transaction_id).order_by(table.c.id)
    return tuple(PastAttempt(bytes(row.raw), row.cancels) for row in connection.execute(wanted))


def _proposals(connection: Connection, step_id: int) -> tuple[PastProposal, ...]:
    """SigningRefusedError where the journal holds something else than it was given."""
    table = tables.proposals
    wanted = select(table.c.body, table.c.kind, table.c.state, table.c.debit_quote).where(table.c.step_id == step_id)
    try:
        return tuple(
            PastProposal(safe_tx_of(bytes(row.body)), row.kind == "rejection", row.state, int(row.debit_quote))
            for row in connection.execute(wanted.order_by(table.c.id))
        )
    except ValueError as error:
        raise SigningRefusedError(f"the signing policy refused the transaction: {error}") from None


def _lowest_safe_nonce(connection: Connection, chain_id: int, safe: str) -> int:
    """One more than the highest nonce of the Safe that the journal saw used."""
    table = tables.proposals
    used = (table.c.chain_id == chain_id, table.c.safe == safe.lower(), table.c.state.in_(_NONCE_USED))
    highest = connection.execute(select(func.max(table.c.nonce)).where(*used)).scalar()
    return 0 if highest is None else int(highest) + 1


def _lowest_nonce(connection: Connection, chain_id: int, signer: str) -> int:
    """One more than the highest that the journal knows of; nonces are never used twice."""
    table, keys = tables.transactions, tables.signers
    mine = (table.c.chain_id == chain_id, table.c.sender == signer.lower())
    # An authorization of EIP-7702 takes the nonce after its transaction's.
    next_free = connection.execute(select(func.max(table.c.nonce + table.c.nonces)).where(*mine)).scalar()
    this = (keys.c.chain_id == chain_id, keys.c.address == signer.lower())
    first = connection.execute(select(keys.c.first_nonce).where(*this)).scalar()
    return max(next_free or 0, first or 0)


def _strategy_state(connection: Connection, strategy: str) -> str:
    table = tables.strategies
    state = connection.execute(select(table.c.state).where(table.c.name == strategy)).scalar()
    return "unknown" if state is None else str(state)


def _signer_state(connection: Connection, chain_id: int, signer: str) -> str:
    """A key without a row has never been halted."""
    table = tables.signers
    this = (table.c.chain_id == chain_id, table.c.address == signer.lower())
    state = connection.execute(select(table.c.state).where(*this)).scalar()
    return "running" if state is None else str(state)


def _open_positions(connection: Connection, chain_id: int, strategy: str) -> tuple[frozenset[int], frozenset[int]]:
    table = tables.positions
    wanted = select(table.c.token_id, table.c.strategy).where(
        table.c.chain_id == chain_id, table.c.closed_timestamp.is_(None)
    )
    rows = connection.execute(wanted).all()
    own = frozenset(int(row.token_id) for row in rows if row.strategy == strategy)
    return own, frozenset(int(row.token_id) for row in rows if row.strategy != strategy)


def _spending(
    connection: Connection, strategy: str, chain_id: int, purpose: Purpose, since: int
) -> list[tuple[int, Spent]]:
    """When, and what, of everything that was signed for the strategy's other steps."""
    steps = select(tables.steps.c.id).join(tables.plans, tables.plans.c.id == tables.steps.c.plan_id)
    others = steps.where(tables.plans.c.strategy == strategy, tables.steps.c.id != purpose.step_id)
    proposed, spent = _proposed(connection, others, chain_id, since)
    return [*spent, *_sent(connection, others, chain_id, since, proposed)]


def _proposed(
    connection: Connection, steps: Any, chain_id: int, since: int
) -> tuple[frozenset[int], list[tuple[int, Spent]]]:
    """The steps that have a proposal which counts, and what those proposals swap: their gas is somebody else's."""
    table = tables.proposals
    wanted = select(table.c.step_id, table.c.signed_timestamp, table.c.debit_quote).where(
        table.c.step_id.in_(steps), table.c.chain_id == chain_id, table.c.state.not_in(_CAME_TO_NOTHING)
    )
    rows = connection.execute(wanted).all()
    recent = [row for row in rows if row.signed_timestamp > since]
    counted = [(row.signed_timestamp, Spent(0, int(row.debit_quote), 1)) for row in recent]
    return frozenset(row.step_id for row in rows), counted


def _sent(
    connection: Connection, steps: Any, chain_id: int, since: int, proposed: frozenset[int]
) -> list[tuple[int, Spent]]:
    """Transactions. What carries out a proposal that counts already adds its gas alone.

    A transaction that is mined counts the gas it really paid; any other the most that it can cost.
    """
    table = tables.transactions
    columns = (table.c.step_id, table.c.signed_timestamp, table.c.debit_gas_wei, table.c.debit_quote, table.c.receipt)
    wanted = select(*columns).where(
        table.c.step_id.in_(steps), table.c.chain_id == chain_id, table.c.signed_timestamp > since
    )
    return [
        (
            row.signed_timestamp,
            Spent(
                _paid_wei(row.receipt, int(row.debit_gas_wei)), int(row.debit_quote), int(row.step_id not in proposed)
            ),
        )
        for row in connection.execute(wanted)
    ]


def _paid_wei(receipt: bytes | None, most_wei: int) -> int:
    if receipt is None:
        return most_wei
    mined = json.loads(zlib.decompress(receipt))
    # A rollup takes a fee for its own chain besides.
    paid = int(mined["gasUsed"], 16) * int(mined["effectiveGasPrice"], 16) + int(mined.get("l1Fee") or "0x0", 16)
    return paid


def _sum_since(spending: list[tuple[int, Spent]], since: int) -> Spent:
    recent = [spent for moment, spent in spending if moment > since]
    return Spent(
        sum(each.gas_wei for each in recent),
        sum(each.swapped_quote for each in recent),
        sum(each.transactions for each in recent),
    )
