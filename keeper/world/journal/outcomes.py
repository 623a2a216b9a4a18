"""Writing what came of a plan: ledger lines, positions, the act's cost and the strategy's state.

Everything here runs inside the caller's transaction, and writing the same effects twice changes nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import Connection, update

from keeper.model.decision import Decision
from keeper.model.ledger import NATIVE, Effects, LedgerEntry
from keeper.model.plan import Mint, Plan, singles
from keeper.world.journal import tables
from keeper.world.journal.proposal_rows import Execution
from keeper.world.journal.query import Query
from keeper.world.journal.sql import insert_missing


@dataclass(frozen=True, slots=True)
class Account:
    """Whose lines they are, and of which plan (None for the opening deposit)."""

    chain_id: int
    owner: str
    strategy: str
    plan_id: int | None


def write_entries(connection: Connection, account: Account, entries: tuple[LedgerEntry, ...]) -> None:
    """Add lines to the ledger; a line that is there already is left alone. Addresses are kept in lower case."""
    rows = [
        {
            "chain_id": account.chain_id,
            "owner": account.owner.lower(),
            "strategy": account.strategy,
            "plan_id": account.plan_id,
            "kind": entry.kind,
            "token": entry.token.lower(),
            "amount": str(entry.amount),
            "token_id": None if entry.token_id is None else str(entry.token_id),
            "transaction_hash": entry.transaction_hash.lower(),
            "log_index": entry.log_index,
            "block_number": entry.block_number,
            "timestamp": entry.timestamp,
        }
        for entry in entries
    ]
    if rows:
        connection.execute(insert_missing(connection, tables.ledger), rows)


def write_effects(
    connection: Connection, account: Account, decision: Decision, effects: Effects, timestamp: int
) -> None:
    """Ledger lines, positions opened (with the plan's triggers and shares) and positions burned."""
    pool = decision.observation.pool.address.lower()
    mints = [step for step in singles(decision.plan.steps) if isinstance(step, Mint)]
    shares = {(each.lower_tick, each.upper_tick): each.share_ppm for mint in mints for each in mint.ranges}
    # Owners of a Safe may open positions of their own in the very transaction: these are not the plan's.
    planned = [each for each in effects.opened if (each.lower_tick, each.upper_tick) in shares]
    own = {each.token_id for each in effects.opened} - {each.token_id for each in planned}
    write_entries(connection, account, tuple(_as_owners(entry, own) for entry in effects.entries))
    for opened in planned:
        mint = mints[0]
        row = {
            "chain_id": account.chain_id,
            "pool": pool,
            "token_id": str(opened.token_id),
            "strategy": account.strategy,
            "lower_tick": opened.lower_tick,
            "upper_tick": opened.upper_tick,
            "trigger_lower_tick": mint.trigger_lower_tick,
            "trigger_upper_tick": mint.trigger_upper_tick,
            "share_ppm": shares[opened.lower_tick, opened.upper_tick],
            "liquidity": str(opened.liquidity),
            "amount_0": str(opened.amount_0),
            "amount_1": str(opened.amount_1),
            "opened_timestamp": timestamp,
            "opened_plan_id": account.plan_id,
        }
        connection.execute(insert_missing(connection, tables.positions), row)
    for token_id in effects.burned_token_ids:
        _close_position(connection, account, pool, token_id, timestamp)


def _as_owners(entry: LedgerEntry, token_ids: Collection[int]) -> LedgerEntry:
    """What went into a position of the owners' own was taken from the strategy by them."""
    is_theirs = entry.kind == "mint" and entry.token_id in token_ids
    return replace(entry, kind="withdrawal", token_id=None) if is_theirs else entry


def _close_position(connection: Connection, account: Account, pool: str, token_id: int, timestamp: int) -> None:
    table = tables.positions
    connection.execute(
        update(table)
        .where(table.c.chain_id == account.chain_id, table.c.pool == pool, table.c.token_id == str(token_id))
        .where(table.c.closed_timestamp.is_(None))
        .values(closed_timestamp=timestamp, closed_plan_id=account.plan_id)
    )


def cost_quote(query: Query, plan_id: int, decision: Decision, *, done: bool) -> int:
    """What the plan has cost, raw quote units: gas really paid at the decision's native price, rounded up, and for a
    swap that was done the planned pool fee and price impact. What others paid to execute it for a Safe counts too,
    though it is not the Safe's own money."""
    rows = query("SELECT amount FROM ledger WHERE plan_id = ? AND kind = 'gas' AND token = ?", (plan_id, NATIVE))
    gas_wei = -sum(int(amount) for (amount,) in rows)
    gas_wei += _paid_for_safe(query, plan_id)
    cost = decision.observation.gas.native_price.quote_amount_rounding_up(gas_wei)
    if done and any(step.kind == "swap" for step in decision.plan.acts):
        cost += decision.plan.cost.swap_fee_quote + decision.plan.cost.price_impact_quote
    return cost


def _paid_for_safe(query: Query, plan_id: int) -> int:
    """Wei for what was sent to carry out the plan of a Safe: its executions, and whatever else our key sent for it (an
    approval on chain, an execution that somebody else was faster with, a nonce taken back)."""
    executed = query(
        "SELECT p.transaction_hash, p.gas_wei FROM proposals p JOIN steps s ON s.id = p.step_id "
        "WHERE s.plan_id = ? AND p.kind = 'act' AND p.state = 'FINAL'",
        (plan_id,),
    )
    sent = query(
        "SELECT t.receipt, t.block_timestamp FROM transactions t JOIN steps s ON s.id = t.step_id "
        "JOIN plans p ON p.id = s.plan_id WHERE p.id = ? AND t.receipt IS NOT NULL AND t.sender <> lower(p.owner)",
        (plan_id,),
    )
    paid = {str(name): int(wei) for name, wei in executed}
    for receipt, timestamp in sent:
        own = Execution(json.loads(zlib.decompress(receipt)), timestamp)
        paid[own.transaction_hash] = own.gas_wei
    return sum(paid.values())


def transition_after(plan: Plan, before: bool) -> bool:
    """Whether the strategy is between an act's beginning and the mint that completes it, once ``plan`` is done."""
    if plan.action == "exit" or any(step.kind == "mint" for step in plan.acts):
        return False
    return before or any(step.kind == "mint" for step in plan.later_acts)
