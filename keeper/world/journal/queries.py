"""What the commands ask of a journal. One home for each question, on either database, read-only."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.ledger import LedgerEntry
from keeper.world.journal.query import Query


@dataclass(frozen=True, slots=True)
class StrategyStatus:
    """Where a strategy stands. ``objections`` are the codes of its last decision."""

    name: str
    state: str
    reason: str
    in_transition: bool
    last_decision_id: int | None
    last_timestamp: int | None
    last_block: int | None
    last_action: str | None
    objections: tuple[str, ...]
    open_plan_id: int | None


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """A position from mint to burn, amounts in raw units. ``fees_*`` are those collected so far."""

    strategy: str
    chain_id: int
    pool: str
    token_id: int
    lower_tick: int
    upper_tick: int
    share_ppm: int
    liquidity: int
    amount_0: int
    amount_1: int
    opened_timestamp: int
    closed_timestamp: int | None
    fees: dict[str, int]


@dataclass(frozen=True, slots=True)
class ActRecord:
    """A plan and how it ended; ``state`` is open, done, failed or simulated; ``cost_quote`` is None while open.

    ``transactions`` are the hashes signed for it, in the order of its steps, and those that others executed it by.
    """

    plan_id: int
    decision_id: int
    strategy: str
    timestamp: int
    action: str
    steps: tuple[str, ...]
    state: str
    note: str
    cost_quote: int | None
    transactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One line of the list of decisions. ``objections`` are codes."""

    id: int
    strategy: str
    block_number: int
    timestamp: int
    action: str
    objections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PendingTransaction:
    """A transaction that was signed and is not final."""

    strategy: str
    step: str
    chain_id: int
    sender: str
    nonce: int
    state: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """An alert, or an operator's command: its kind is then the state that it set."""

    strategy: str | None
    kind: str
    message: str
    timestamp: int


def mode(query: Query) -> str:
    """The mode the journal belongs to."""
    ((value,),) = query("SELECT value FROM meta WHERE key = 'mode'")
    return str(value)


def statuses(query: Query) -> list[StrategyStatus]:
    """Every strategy the journal knows, by name."""
    rows = query(
        "SELECT s.name, s.state, s.reason, s.in_transition, d.id, d.timestamp, d.block_number, d.action, d.objections, "
        "(SELECT p.id FROM plans p WHERE p.strategy = s.name AND p.state = 'open') "
        "FROM strategies s LEFT JOIN decisions d "
        "ON d.id = (SELECT max(e.id) FROM decisions e WHERE e.strategy = s.name) ORDER BY s.name"
    )
    return [
        StrategyStatus(name, state, reason, bool(moving), number, timestamp, block, action, _codes(objections), plan)
        for name, state, reason, moving, number, timestamp, block, action, objections, plan in rows
    ]


def positions(query: Query, *, with_closed: bool = True) -> list[PositionRecord]:
    """Positions in the order they were opened."""
    where = "" if with_closed else "WHERE closed_timestamp IS NULL"
    rows = query(
        "SELECT strategy, chain_id, pool, token_id, lower_tick, upper_tick, share_ppm, liquidity, amount_0, amount_1, "
        f"opened_timestamp, closed_timestamp FROM positions {where} ORDER BY id"
    )
    fees: dict[tuple[str, int, str], dict[str, int]] = {}
    for strategy, chain_id, token_id, token, amount in query(
        "SELECT strategy, chain_id, token_id, token, amount FROM ledger WHERE kind = 'collect'"
    ):
        of_position = fees.setdefault((strategy, chain_id, token_id), {})
        of_position[token] = of_position.get(token, 0) + int(amount)
    return [
        PositionRecord(
            row[0], row[1], row[2], int(row[3]), row[4], row[5], row[6], int(row[7]), int(row[8]), int(row[9]),
            row[10], row[11], fees.get((row[0], row[1], row[3]), {}),
        )
        for row in rows
    ]  # fmt: skip


def acts(query: Query, strategy: str | None = None) -> list[ActRecord]:
    """Every plan and its end, oldest first."""
    where, parameters = ("", ()) if strategy is None else ("WHERE p.strategy = ?", (strategy,))
    steps: dict[int, list[str]] = {}
    for plan_id, kind in query("SELECT plan_id, kind FROM steps ORDER BY plan_id, ordinal"):
        steps.setdefault(plan_id, []).append(kind)
    hashes: dict[int, list[str]] = {}
    for plan_id, transaction_hash in query(
        "SELECT s.plan_id, a.hash FROM attempts a JOIN transactions t ON t.id = a.transaction_id "
        "JOIN steps s ON s.id = t.step_id ORDER BY s.plan_id, s.ordinal, a.id"
    ):
        hashes.setdefault(plan_id, []).append(transaction_hash)
    for plan_id, transaction_hash in query(
        "SELECT s.plan_id, p.transaction_hash FROM proposals p JOIN steps s ON s.id = p.step_id "
        "WHERE p.kind = 'act' AND p.state = 'FINAL' ORDER BY s.plan_id, s.ordinal"
    ):
        if transaction_hash not in hashes.setdefault(plan_id, []):
            hashes[plan_id].append(transaction_hash)
    rows = query(
        "SELECT p.id, p.decision_id, p.strategy, d.timestamp, p.action, p.state, p.note, p.cost_quote "
        "FROM plans p JOIN decisions d ON d.id = p.decision_id "
        f"{where} ORDER BY p.id",
        parameters,
    )
    return [
        ActRecord(
            plan_id, number, name, timestamp, action, tuple(steps.get(plan_id, ())), state, note,
            None if cost is None else int(cost), tuple(hashes.get(plan_id, ())),
        )
        for plan_id, number, name, timestamp, action, state, note, cost in rows
    ]  # fmt: skip


def decision_list(query: Query, strategy: str | None = None) -> list[DecisionRecord]:
    """Every decision in a line, oldest first."""
    where, parameters = ("", ()) if strategy is None else ("WHERE strategy = ?", (strategy,))
    rows = query(
        f"SELECT id, strategy, block_number, timestamp, action, objections FROM decisions {where} ORDER BY id",
        parameters,
    )
    return [
        DecisionRecord(number, name, block, timestamp, action, _codes(objections))
        for number, name, block, timestamp, action, objections in rows
    ]


def pending_transactions(query: Query) -> list[PendingTransaction]:
    """What was signed and is not final, in nonce order."""
    hashes: dict[int, list[str]] = {}
    for transaction_id, transaction_hash in query("SELECT transaction_id, hash FROM attempts ORDER BY id"):
        hashes.setdefault(transaction_id, []).append(transaction_hash)
    rows = query(
        "SELECT t.id, p.strategy, s.kind, t.chain_id, t.sender, t.nonce, t.state FROM transactions t "
        "JOIN steps s ON s.id = t.step_id JOIN plans p ON p.id = s.plan_id "
        "WHERE t.state IN ('SIGNED', 'BROADCAST', 'CANCELLING') ORDER BY t.chain_id, t.sender, t.nonce"
    )
    return [
        PendingTransaction(name, step, chain_id, sender, nonce, state, tuple(hashes[number]))
        for number, name, step, chain_id, sender, nonce, state in rows
    ]


def events(query: Query) -> list[Event]:
    """Alerts and operators' commands, oldest first."""
    return [Event(*row) for row in query("SELECT strategy, kind, message, timestamp FROM events ORDER BY id")]


def ledger_balance(query: Query, chain_id: int, owner: str) -> dict[str, int]:
    """What the owner's wallet must hold by the ledger: raw units by token address in lower case, and "native"."""
    balance: dict[str, int] = {}
    for totals in ledger_totals(query, chain_id, owner).values():
        for token, amount in totals.items():
            balance[token] = balance.get(token, 0) + amount
    return balance


def ledger_entries(query: Query, chain_id: int, owner: str) -> tuple[LedgerEntry, ...]:
    """Every line of an owner's ledger, oldest first."""
    rows = query(
        "SELECT kind, token, amount, token_id, transaction_hash, log_index, block_number, timestamp "
        "FROM ledger WHERE chain_id = ? AND owner = ? ORDER BY id",
        (chain_id, owner.lower()),
    )
    return tuple(
        LedgerEntry(kind, token, int(amount), None if token_id is None else int(token_id), *evidence)
        for kind, token, amount, token_id, *evidence in rows
    )


def ledger_totals(query: Query, chain_id: int, owner: str) -> dict[str, dict[str, int]]:
    """Raw units by kind of entry and token (address in lower case, or "native"), signed from the wallet's side."""
    totals: dict[str, dict[str, int]] = {}
    for kind, token, amount in query(
        "SELECT kind, token, amount FROM ledger WHERE chain_id = ? AND owner = ? ORDER BY id", (chain_id, owner.lower())
    ):
        of_kind = totals.setdefault(kind, {})
        of_kind[token] = of_kind.get(token, 0) + int(amount)
    return totals


def _codes(objections: str | None) -> tuple[str, ...]:
    return tuple(objections.split(",")) if objections else ()


def artifact(query: Query, digest: str) -> bytes | None:
    """The file kept under that SHA-256 (hex); None if there is none."""
    rows = query("SELECT body FROM artifacts WHERE digest = ?", (digest,))
    return bytes(rows[0][0]) if rows else None
