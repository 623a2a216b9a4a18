"""What the journal says of a wallet, to be held against the chain; and what came of that, in one commit."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select, update

from keeper.model.ledger import NATIVE
from keeper.model.observation import Block
from keeper.world.journal import tables
from keeper.world.journal.books import Books, Deposit, Findings, KnownPosition, SignerRecord, Subject, Told
from keeper.world.journal.outcomes import Account, write_entries
from keeper.world.journal.query import Query
from keeper.world.journal.sql import insert_missing, query_on

# Nothing can change any more in these states of a transaction; every other one may still move money.
_ENDED: Final = "('FINAL_OK', 'FINAL_REVERTED', 'CANCELLED', 'LOST_NONCE')"
_QUIET_SECONDS: Final = 86_400


class ReconciliationLog:
    """Every method is one committed transaction of the journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sums: dict[tuple[int, str], tuple[tuple[int, int], dict[str, int], int]] = {}

    def forget(self) -> None:
        """Add the ledger up anew: lines went, and others may have come in their places."""
        self._sums.clear()

    def books(self, subject: Subject) -> Books:
        """The journal's word on the wallet, its signer, and the strategy's positions."""
        with self._engine.begin() as connection:
            query = query_on(connection)
            place = (subject.chain_id, subject.owner.lower(), subject.strategy)
            rows = query(
                "SELECT block_number, block_hash FROM reconciliations "
                "WHERE chain_id = ? AND owner = ? AND strategy = ?",
                place,
            )
            since, block_hash = rows[0] if rows else (None, "")
            balances, last_block = self._balances(query, subject)
            accepts = query("SELECT accepts_difference FROM strategies WHERE name = ?", (subject.strategy,))
            return Books(
                balances=balances,
                last_block=last_block,
                positions=_positions(query, subject),
                signer=_signer(query, subject),
                in_flight=_in_flight(query, subject),
                reconciled_block=since,
                reconciled_hash=block_hash,
                accepts_difference=bool(accepts and accepts[0][0]),
            )

    def _balances(self, query: Query, subject: Subject) -> tuple[dict[str, int], int]:
        """Sums by token. A ledger grows for years: it is added up again only when lines came, or on ``forget``."""
        place = (subject.chain_id, subject.owner.lower())
        ((count, last_id),) = query(
            "SELECT count(*), coalesce(max(id), 0) FROM ledger WHERE chain_id = ? AND owner = ?", place
        )
        known = self._sums.get(place)
        if known is None or known[0] != (count, last_id):
            sums: dict[str, int] = {}
            opened, last_block = set(), 0
            for token, amount, evidence, number in query(
                "SELECT token, amount, transaction_hash, block_number FROM ledger WHERE chain_id = ? AND owner = ?",
                place,
            ):
                sums[token] = sums.get(token, 0) + int(amount)
                last_block = max(last_block, number)
                opened |= {token} if evidence == "" else set()
            known = (count, last_id), {token: sums[token] for token in opened}, last_block
            self._sums[place] = known
        return known[1], known[2]

    def first_genesis(self, chain_id: int, block_hash: str) -> str:
        """The hash of the chain's first block as it was first seen: ``block_hash`` if it never was."""
        row = {"key": f"genesis:{chain_id}", "value": block_hash}
        with self._engine.begin() as connection:
            connection.execute(insert_missing(connection, tables.meta), row)
            wanted = select(tables.meta.c.value).where(tables.meta.c.key == row["key"])
            return str(connection.execute(wanted).scalar_one())

    def deposits_since(self, subject: Subject, token: str, block_number: int) -> tuple[Deposit, ...]:
        """What the wallet was booked to have been given of a token from that block on, oldest first."""
        with self._engine.begin() as connection:
            rows = query_on(connection)(
                "SELECT id, amount, transaction_hash FROM ledger WHERE chain_id = ? AND owner = ? AND token = ? "
                "AND kind = 'deposit' AND plan_id IS NULL AND token_id IS NULL AND transaction_hash <> '' "
                "AND block_number >= ? ORDER BY id",
                (subject.chain_id, subject.owner.lower(), token, block_number),
            )
            return tuple(Deposit(row[0], int(row[1]), row[2]) for row in rows)

    def is_known(self, subject: Subject, transaction_hash: str) -> bool:
        """Whether the ledger holds a line of that transaction, or it is one of ours."""
        with self._engine.begin() as connection:
            query, wanted = query_on(connection), transaction_hash.lower()
            place = (subject.chain_id, subject.owner.lower(), wanted)
            return bool(
                query("SELECT 1 FROM ledger WHERE chain_id = ? AND owner = ? AND transaction_hash = ? LIMIT 1", place)
                or query("SELECT 1 FROM attempts WHERE hash = ?", (wanted,))
            )

    def has_touched(self, subject: Subject, token_id: int, since_block: int) -> bool:
        """Whether a plan of ours moved liquidity into or out of the position after that block."""
        with self._engine.begin() as connection:
            place = (subject.chain_id, subject.owner.lower(), str(token_id), since_block)
            return bool(
                query_on(connection)(
                    "SELECT 1 FROM ledger WHERE chain_id = ? AND owner = ? AND token_id = ? AND block_number > ? "
                    "AND plan_id IS NOT NULL AND kind IN ('mint', 'decrease') LIMIT 1",
                    place,
                )
            )

    def gas_since(self, subject: Subject, since_block: int) -> int:
        """What our transactions paid for gas after that block by their receipts, wei."""
        with self._engine.begin() as connection:
            rows = query_on(connection)(
                "SELECT amount FROM ledger WHERE chain_id = ? AND owner = ? AND token = ? AND kind = 'gas' "
                "AND plan_id IS NOT NULL AND block_number > ?",
                (subject.chain_id, subject.owner.lower(), NATIVE, since_block),
            )
            return -sum(int(amount) for (amount,) in rows)

    def write(self, subject: Subject, block: Block, findings: Findings) -> tuple[Told, ...]:
        """Everything that was found, together; returns the events that had not been told within the last day."""
        with self._engine.begin() as connection:
            connection.execute(insert_missing(connection, tables.strategies), {"name": subject.strategy})
            if findings.undone_lines:
                connection.execute(delete(tables.ledger).where(tables.ledger.c.id.in_(findings.undone_lines)))
            write_entries(
                connection, Account(subject.chain_id, subject.owner, subject.strategy, None), findings.entries
            )
            _write_positions(connection, subject, block, findings)
            _write_signer(connection, subject, findings)
            fresh = tuple(each for each in findings.told if not _was_told(connection, subject, block, each))
            for each in fresh:
                _write_event(connection, subject, block, each.kind, each.message)
            if findings.is_settled:
                _write_block(connection, subject, block)
            _write_strategy(connection, subject, block, findings)
        if findings.undone_lines:
            self.forget()
        return fresh


def _positions(query: Query, subject: Subject) -> tuple[KnownPosition, ...]:
    rows = query(
        "SELECT token_id, lower_tick, upper_tick, liquidity FROM positions "
        "WHERE strategy = ? AND chain_id = ? AND pool = ? AND closed_timestamp IS NULL ORDER BY id",
        (subject.strategy, subject.chain_id, subject.pool.lower()),
    )
    return tuple(KnownPosition(int(row[0]), row[1], row[2], int(row[3])) for row in rows)


def _signer(query: Query, subject: Subject) -> SignerRecord:
    if subject.signer is None:
        return SignerRecord(None, None, None)
    place = (subject.chain_id, subject.signer.lower())
    ((highest,),) = query(
        "SELECT max(nonce) FROM (SELECT nonce + nonces - 1 AS nonce FROM transactions WHERE chain_id = ? AND sender = ?"
        " UNION ALL SELECT nonce + 1 FROM undelegations WHERE chain_id = ? AND sender = ? AND state <> 'REPLACED') "
        "AS taken",
        (*place, *place),
    )
    rows = query("SELECT first_nonce, state, reason FROM signers WHERE chain_id = ? AND address = ?", place)
    first, state, reason = rows[0] if rows else (None, "running", "")
    return SignerRecord(first, highest, reason if state == "halted" else None)


def _in_flight(query: Query, subject: Subject) -> frozenset[str]:
    if subject.signer is None:
        return frozenset()
    rows = query(
        "SELECT DISTINCT p.strategy FROM transactions t JOIN steps s ON s.id = t.step_id JOIN plans p "
        f"ON p.id = s.plan_id WHERE t.chain_id = ? AND t.sender = ? AND t.state NOT IN {_ENDED}",
        (subject.chain_id, subject.signer.lower()),
    )
    return frozenset(name for (name,) in rows)


def _write_positions(connection: Connection, subject: Subject, block: Block, findings: Findings) -> None:
    table = tables.positions
    pool = subject.pool.lower()

    def row(token_id: int) -> Any:
        return (table.c.chain_id == subject.chain_id, table.c.pool == pool, table.c.token_id == str(token_id))

    for each in findings.adopted:
        values = {
            "strategy": subject.strategy,
            "lower_tick": each.lower_tick,
            "upper_tick": each.upper_tick,
            "trigger_lower_tick": each.lower_tick,
            "trigger_upper_tick": each.upper_tick,
            "share_ppm": 1_000_000,
            "liquidity": str(each.liquidity),
            "amount_0": str(each.amount_0),
            "amount_1": str(each.amount_1),
            "opened_timestamp": block.timestamp,
            "opened_plan_id": None,
            "closed_timestamp": None,
            "closed_plan_id": None,
            "ending": None,
        }
        # One that came back has its row already.
        if connection.execute(select(table.c.id).where(*row(each.token_id))).first() is not None:
            connection.execute(update(table).where(*row(each.token_id)).values(**values))
        else:
            place = {"chain_id": subject.chain_id, "pool": pool, "token_id": str(each.token_id)}
            connection.execute(insert(table).values(**place, **values))
    for token_id, ending in findings.endings:
        values = {"closed_timestamp": block.timestamp, "ending": ending}
        connection.execute(update(table).where(*row(token_id), table.c.closed_timestamp.is_(None)).values(**values))
    for token_id, liquidity in findings.liquidity:
        connection.execute(update(table).where(*row(token_id)).values(liquidity=str(liquidity)))


def _write_signer(connection: Connection, subject: Subject, findings: Findings) -> None:
    if subject.signer is None or (findings.first_nonce is None and findings.signer_halt is None):
        return
    table = tables.signers
    place = {"chain_id": subject.chain_id, "address": subject.signer.lower()}
    connection.execute(insert_missing(connection, table), place)
    values: dict[str, Any] = {} if findings.first_nonce is None else {"first_nonce": findings.first_nonce}
    if findings.signer_halt is not None:
        values |= {"state": "halted", "reason": findings.signer_halt}
    mine = (table.c.chain_id == place["chain_id"], table.c.address == place["address"])
    connection.execute(update(table).where(*mine).values(**values))


def _write_block(connection: Connection, subject: Subject, block: Block) -> None:
    table = tables.reconciliations
    place = {"chain_id": subject.chain_id, "owner": subject.owner.lower(), "strategy": subject.strategy}
    values = {"block_number": block.number, "block_hash": block.hash, "timestamp": block.timestamp}
    mine = [table.c[name] == value for name, value in place.items()]
    if connection.execute(update(table).where(*mine).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**place, **values))


def _write_strategy(connection: Connection, subject: Subject, block: Block, findings: Findings) -> None:
    table = tables.strategies
    values: dict[str, Any] = {}
    if findings.uses_acceptance:
        values["accepts_difference"] = False
    if findings.halts:
        reason = "; ".join(findings.halts)
        values |= {"state": "halted", "reason": reason}
        _write_event(connection, subject, block, "halted", reason)
    if values:
        connection.execute(update(table).where(table.c.name == subject.strategy).values(**values))


def _was_told(connection: Connection, subject: Subject, block: Block, told: Told) -> bool:
    table = tables.events
    recent = select(table.c.message).where(
        table.c.strategy == subject.strategy,
        table.c.kind == told.kind,
        table.c.timestamp > block.timestamp - _QUIET_SECONDS,
    )
    return any(row.message.startswith(f"{told.subject}:") for row in connection.execute(recent))


def _write_event(connection: Connection, subject: Subject, block: Block, kind: str, message: str) -> None:
    row = {"strategy": subject.strategy, "kind": kind, "message": message, "timestamp": block.timestamp}
    connection.execute(insert(tables.events).values(row))
